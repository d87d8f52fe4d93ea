"""Users. Names and addresses of people live here and nowhere in the ledger."""

import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models


def new_uid() -> str:
    """An opaque id: what the ledger knows of a person."""
    return secrets.token_hex(8)


class User(AbstractUser):
    """A person or a bot. `uid` stands in events; everything else here can be changed or forgotten."""

    uid = models.CharField(max_length=16, unique=True, default=new_uid, editable=False)
    is_organiser = models.BooleanField(default=False, help_text="May open sessions and run their own.")


class ApiKey(models.Model):
    """A key of a user's. Of its secret only the SHA-256 is kept; the prefix finds the row."""

    replayed = False
    """Not a column: the request that asked for it had been answered before."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    issued_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.CharField(max_length=64, help_text="Words: read, trade, organise, feed.")
    session_id = models.CharField(max_length=64, blank=True, help_text="The one session it opens; empty for all.")
    stream_id = models.UUIDField(null=True, editable=False)
    request_id = models.CharField(max_length=140, blank=True, help_text="The Idempotency-Key it was made under.")
    created_at = models.BigIntegerField()
    expires_at = models.BigIntegerField(default=0)
    last_used_at = models.BigIntegerField(default=0)
    revoked_at = models.BigIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["issued_by", "request_id"], condition=~models.Q(request_id=""), name="accounts_key_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} (sm_{self.prefix}_…)"


class Allowance(models.Model):
    """What is left of something that may not be tried too often: all of it is there again at `full_at`."""

    key = models.CharField(max_length=64, primary_key=True)
    full_at = models.BigIntegerField()

    def __str__(self) -> str:
        return self.key


class JoinCode(models.Model):
    """A one-time code that signs its user in. Of the code only a keyed hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    issued_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    session_id = models.CharField(max_length=64)
    stream_id = models.UUIDField()
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    used_at = models.BigIntegerField(default=0)

    class Meta:
        indexes = (models.Index(fields=["stream_id"], name="accounts_code_session"),)

    def __str__(self) -> str:
        return f"{self.user} in {self.session_id}"


class Answer(models.Model):
    """What a POST that writes no ledger event answered under an Idempotency-Key."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    request_id = models.CharField(max_length=140)
    fingerprint = models.CharField(max_length=64)
    body = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "request_id"], name="accounts_answer_once"),)

    def __str__(self) -> str:
        return self.request_id
