"""Feeds, their ticks and a replay's rows. Written by oracle.feeds only; every time is integer µs UTC."""

import json
import uuid

from django.db import models
from django.db.models import F, Q


class Feed(models.Model):
    """A named source of prices for an ordered set of instruments.

    `position` is the number of the next tick its source makes, `start_position` what it was at `started_at`:
    the three tell which ticks are due (oracle.schedule). `run_ticks` counts what was published since then.
    """

    class Mode(models.TextChoices):
        SIM = "sim"
        REPLAY = "replay"
        PUSH = "push"

    class Status(models.TextChoices):
        STOPPED = "stopped"
        RUNNING = "running"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True)
    instruments = models.TextField(help_text="JSON list of names; ticks hold prices in this order.")
    price_decimals = models.SmallIntegerField()
    mode = models.CharField(max_length=8, choices=Mode.choices)
    settings = models.TextField(default="{}", help_text="JSON object: the source's parameters and its pace.")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.STOPPED)
    last_seq = models.BigIntegerField(default=0)
    earliest_at = models.BigIntegerField(
        default=0, help_text="No later tick may bear an earlier published_at: the last one's, or a fixing's."
    )
    started_at = models.BigIntegerField(null=True)
    start_position = models.BigIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    run_ticks = models.BigIntegerField(default=0)
    created_at = models.BigIntegerField()

    class Meta:
        constraints = (
            models.CheckConstraint(name="oracle_feed_name", condition=~Q(name="")),
            models.CheckConstraint(name="oracle_feed_decimals", condition=Q(price_decimals__range=(0, 6))),
            models.CheckConstraint(name="oracle_feed_mode", condition=Q(mode__in=("sim", "replay", "push"))),
            models.CheckConstraint(
                name="oracle_feed_status",
                condition=Q(status="stopped", started_at__isnull=True)
                | Q(status="running", started_at__isnull=False),
            ),
            models.CheckConstraint(
                name="oracle_feed_counts",
                condition=Q(last_seq__gte=0)
                & Q(run_ticks__gte=0)
                & Q(start_position__gte=0)
                & Q(position__gte=F("start_position")),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def instrument_names(self) -> tuple[str, ...]:
        """The instruments in the order of a tick's prices."""
        return tuple(json.loads(self.instruments))


class Tick(models.Model):
    """One set of prices as it was published. Never changed; the order is seq, and published_at follows it."""

    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="ticks", db_index=False)
    seq = models.BigIntegerField()
    prices = models.TextField(help_text="JSON list of integers, units of 10^-price_decimals.")
    source_at = models.BigIntegerField(null=True, help_text="What the source says; informational.")
    published_at = models.BigIntegerField()
    restart = models.BooleanField(default=False, help_text="A replay began again with this tick.")

    class Meta:
        constraints = (
            models.UniqueConstraint(name="oracle_tick_seq", fields=("feed", "seq")),
            models.CheckConstraint(name="oracle_tick_from_one", condition=Q(seq__gte=1)),
            models.CheckConstraint(name="oracle_tick_prices", condition=~Q(prices="") & ~Q(prices="[]")),
        )
        indexes = (models.Index(name="oracle_tick_time", fields=("feed", "published_at", "seq")),)

    def __str__(self) -> str:
        return f"tick {self.seq} of {self.feed_id}"

    @property
    def price_units(self) -> tuple[int, ...]:
        """The prices in units of 10^-price_decimals, in the feed's instrument order."""
        return tuple(json.loads(self.prices))


class ReplayRow(models.Model):
    """One row of a replay's CSV, checked and kept, so that every process replays the same file."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="replay_rows", db_index=False)
    number = models.BigIntegerField(help_text="From 0.")
    prices = models.TextField()
    source_at = models.BigIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(name="oracle_replay_row_number", fields=("feed", "number")),
            models.CheckConstraint(name="oracle_replay_row_from_zero", condition=Q(number__gte=0)),
        )

    def __str__(self) -> str:
        return f"row {self.number} of {self.feed_id}"

    @property
    def price_units(self) -> tuple[int, ...]:
        """The prices in units of 10^-price_decimals, in the feed's instrument order."""
        return tuple(json.loads(self.prices))
