"""The ledger's tables. Events are written by ledger.runtime alone and never changed: see ledger/sql."""

from django.db import models
from django.db.models import CompositePrimaryKey


class Stream(models.Model):
    """One ordered sequence of events. `id` is fresh for ever; `name` is only a name, free again after deletion.

    `seals` joins the seals of all its outcomes (ledger.seals). With `imported_at` it came from another installation:
    it is read, and nothing is added to it.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    domain = models.CharField(max_length=32)
    name = models.CharField(max_length=64)
    seq = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64)
    last_at = models.BigIntegerField(default=0)
    turn = models.BigIntegerField(default=0)
    seals = models.BigIntegerField(default=0)
    created_at = models.BigIntegerField()
    deleted_at = models.BigIntegerField(null=True)
    purged_at = models.BigIntegerField(null=True)
    imported_at = models.BigIntegerField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["domain", "name"], condition=models.Q(deleted_at=None), name="ledger_stream_name"
            ),
        )

    def __str__(self) -> str:
        return f"{self.domain} {self.name}"


class Event(models.Model):
    """One immutable fact. `hash` covers every other column and the hash before it."""

    pk = CompositePrimaryKey("stream_id", "seq")
    stream_id = models.UUIDField()
    seq = models.BigIntegerField()
    type = models.CharField(max_length=48)
    version = models.SmallIntegerField()
    payload = models.TextField()
    actor = models.CharField(max_length=64)
    command_id = models.CharField(max_length=160)
    at = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(seq__gte=1), name="ledger_event_seq"),)


class Command(models.Model):
    """The outcome of a command, so that repeating it is answered and not done again."""

    pk = CompositePrimaryKey("stream_id", "command_id", "scope")  # in this order the index finds ids
    stream_id = models.UUIDField()
    scope = models.CharField(max_length=64)
    command_id = models.CharField(max_length=160)
    fingerprint = models.CharField(max_length=64)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    outcome = models.TextField()
    seal = models.BigIntegerField(default=0)


class Bucket(models.Model):
    """How much an actor may still send: the bucket is full again at `full_at`."""

    pk = CompositePrimaryKey("stream_id", "actor", "bucket")
    stream_id = models.UUIDField()
    actor = models.CharField(max_length=64)
    bucket = models.CharField(max_length=16)
    full_at = models.BigIntegerField()


class Snapshot(models.Model):
    """A stream's state after event `seq`: a shortcut for cold starts, ignored when the engine has changed."""

    pk = CompositePrimaryKey("stream_id", "seq")
    stream_id = models.UUIDField()
    seq = models.BigIntegerField()
    engine_version = models.IntegerField()
    state = models.TextField()
    seal = models.BigIntegerField(default=0)
