"""The rows that a session's events project to, for SQL, admin and API reads; and people's chosen names.

Written by ledger.runtime from markets.projections, in the transaction of the events. Units as in engine/events.py.
"""

from django.db import models
from django.db.models import CompositePrimaryKey, Q


class MarketSession(models.Model):
    """A session. `terms` holds what was agreed at creation and is only read, as JSON."""

    stream_id = models.UUIDField(primary_key=True)
    session_id = models.CharField(max_length=64, db_index=True)
    organiser = models.CharField(max_length=64)
    status = models.CharField(max_length=16)
    legs = models.TextField()
    q = models.TextField()
    quantity_decimals = models.SmallIntegerField()
    price_decimals = models.SmallIntegerField()
    feed = models.CharField(max_length=80)
    terms = models.TextField()
    t1 = models.BigIntegerField()
    t2 = models.BigIntegerField()
    created_at = models.BigIntegerField()
    closed_at = models.BigIntegerField()
    settled_at = models.BigIntegerField()
    cash_issued = models.BigIntegerField()
    fixing = models.TextField()


class Participant(models.Model):
    pk = CompositePrimaryKey("stream_id", "handle")
    stream_id = models.UUIDField()
    handle = models.CharField(max_length=32)
    user = models.CharField(max_length=64)
    joined_seq = models.BigIntegerField()
    joined_at = models.BigIntegerField()
    cash_issued = models.BigIntegerField()
    has_allocation = models.BooleanField()
    is_removed = models.BooleanField()

    class Meta:
        indexes = (models.Index(fields=["user"], name="markets_participant_user"),)


class DisplayName(models.Model):
    """What a participant wants to be called. No part of the ledger: it can be changed and forgotten."""

    stream_id = models.UUIDField()
    handle = models.CharField(max_length=32)
    name = models.CharField(max_length=80)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream_id", "handle"], name="markets_display_name"),)


class Presence(models.Model):
    """When a participant was last on the live feed, and why they were last refused. No part of the ledger."""

    stream_id = models.UUIDField()
    handle = models.CharField(max_length=32)
    seen_at = models.BigIntegerField(default=0)
    refused_at = models.BigIntegerField(default=0)
    refusal = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream_id", "handle"], name="markets_presence_once"),)


class RoomScreen(models.Model):
    """The address under which a session's public side may be looked at. No part of the ledger."""

    stream_id = models.UUIDField(primary_key=True)
    token = models.CharField(max_length=32, unique=True)
    with_leaderboard = models.BooleanField(default=False)
    expires_at = models.BigIntegerField()


class Countdown(models.Model):
    """When a participant's open orders are cancelled unless somebody sets it anew. No part of the ledger.

    `holder` is the connection that keeps it from happening; empty: the participant does.
    """

    stream_id = models.UUIDField()
    handle = models.CharField(max_length=32)
    holder = models.CharField(max_length=32, blank=True)
    due_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["due_at"], name="markets_countdown_due"),
            models.Index(fields=["holder"], name="markets_countdown_holder"),
        )
        constraints = (
            models.UniqueConstraint(fields=["stream_id", "handle", "holder"], name="markets_countdown_once"),
        )


class Holding(models.Model):
    pk = CompositePrimaryKey("stream_id", "participant", "asset")
    stream_id = models.UUIDField()
    participant = models.CharField(max_length=32)
    asset = models.CharField(max_length=32)
    total = models.BigIntegerField()
    reserved = models.BigIntegerField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(reserved__gte=0) & Q(total__gte=models.F("reserved")), name="markets_holding_covered"
            ),
        )


class Order(models.Model):
    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    participant = models.CharField(max_length=32)
    asset = models.CharField(max_length=32)
    quote_asset = models.CharField(max_length=32)
    is_buy = models.BooleanField()
    order_type = models.CharField(max_length=8)
    quantity = models.BigIntegerField()
    price = models.BigIntegerField()
    time_in_force = models.CharField(max_length=4)
    expires_at = models.BigIntegerField()
    post_only = models.BooleanField()
    client_order_id = models.CharField(max_length=64)
    filled = models.BigIntegerField()
    reserved = models.BigIntegerField()
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    priority = models.BigIntegerField()
    created_at = models.BigIntegerField()
    updated_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "participant", "number"], name="markets_order_participant"),
            models.Index(
                fields=["expires_at"],
                condition=Q(status__in=("open", "partially_filled"), expires_at__gt=0),
                name="markets_order_due",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["stream_id", "participant", "client_order_id"],
                condition=~Q(client_order_id=""),
                name="markets_order_client_id",
            ),
        )


class Trade(models.Model):
    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    at = models.BigIntegerField()
    participant_a = models.CharField(max_length=32)
    participant_b = models.CharField(max_length=32)
    leg_from = models.CharField(max_length=32)
    leg_to = models.CharField(max_length=32)
    amount_from = models.BigIntegerField()
    amount_to = models.BigIntegerField()
    price = models.BigIntegerField()
    maker = models.BigIntegerField()
    taker = models.BigIntegerField()
    taker_is_buy = models.BooleanField()
    rfq = models.BigIntegerField()
    quote = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "maker"], name="markets_trade_maker"),
            models.Index(fields=["stream_id", "taker"], name="markets_trade_taker"),
        )


class TradeBust(models.Model):
    """A trade that was undone."""

    pk = CompositePrimaryKey("stream_id", "trade")
    stream_id = models.UUIDField()
    trade = models.BigIntegerField()
    reason = models.TextField()


class Rfq(models.Model):
    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    participant = models.CharField(max_length=32)
    leg_from = models.CharField(max_length=32)
    leg_to = models.CharField(max_length=32)
    amount_from = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    created_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["expires_at"], condition=Q(status="open", expires_at__gt=0), name="markets_rfq_due"),
        )


class Quote(models.Model):
    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    rfq = models.BigIntegerField()
    participant = models.CharField(max_length=32)
    leg_to = models.CharField(max_length=32)
    rate = models.BigIntegerField()
    amount_to = models.BigIntegerField()
    firm = models.BooleanField()
    reserved = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    created_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "rfq"], name="markets_quote_rfq"),
            models.Index(
                fields=["expires_at"], condition=Q(status="open", expires_at__gt=0), name="markets_quote_due"
            ),
        )


class Announcement(models.Model):
    """What the organiser said; `participant` is who alone was told, empty for everybody."""

    pk = CompositePrimaryKey("stream_id", "seq")
    stream_id = models.UUIDField()
    seq = models.BigIntegerField()
    at = models.BigIntegerField()
    participant = models.CharField(max_length=32)
    text = models.TextField()


class Settlement(models.Model):
    """The settlement, and each correction of it: the newest holds."""

    pk = CompositePrimaryKey("stream_id", "seq")
    stream_id = models.UUIDField()
    seq = models.BigIntegerField()
    at = models.BigIntegerField()
    fixing = models.TextField()
    payouts = models.TextField()
    treasury = models.BigIntegerField()
    reason = models.TextField()


class ClockNote(models.Model):
    """One row: when the clock last showed that it lives (µs). No event's projection."""

    id = models.SmallIntegerField(primary_key=True)
    at = models.BigIntegerField()
