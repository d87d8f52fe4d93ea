"""The rows that an exchange's events project to, for SQL, admin and API reads; and what people say and are called.

Written by ledger.runtime from predictions.projections, in the events' transaction. Units as in engine/events.py.
"""

from django.db import models
from django.db.models import CompositePrimaryKey, F, Q


class Exchange(models.Model):
    """`terms` holds what was fixed at creation and is only read, as JSON."""

    stream_id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=32, db_index=True)
    organiser = models.CharField(max_length=64)
    terms = models.TextField()
    created_at = models.BigIntegerField()
    issued = models.BigIntegerField()
    platform = models.BigIntegerField()
    trading_fees = models.BigIntegerField()
    creation_fees = models.BigIntegerField()
    settlement_fees = models.BigIntegerField()
    rewards = models.BigIntegerField()


class Agent(models.Model):
    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    user = models.CharField(max_length=64)
    owner = models.CharField(max_length=64)
    mode = models.CharField(max_length=8)
    role = models.CharField(max_length=16)
    balance = models.BigIntegerField()
    locked = models.BigIntegerField()
    fees_locked = models.BigIntegerField()
    deposits = models.BigIntegerField()
    drawn = models.BigIntegerField()
    reputation = models.BigIntegerField()
    fees_paid = models.BigIntegerField()
    rewards = models.BigIntegerField()
    created_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "user"], name="predictions_agent_user"),
            models.Index(fields=["owner"], condition=~Q(owner=""), name="predictions_agent_owner"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(locked__gte=0, fees_locked__gte=0) & Q(balance__gte=F("locked") + F("fees_locked")),
                name="predictions_agent_covered",
            ),
        )


class AgentName(models.Model):
    """What an agent is called. No part of the ledger: it can be changed and forgotten."""

    stream_id = models.UUIDField()
    user = models.CharField(max_length=64)
    name = models.CharField(max_length=100)
    folded = models.CharField(max_length=300)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["stream_id", "folded"], name="predictions_agent_name"),
            models.UniqueConstraint(fields=["stream_id", "user"], name="predictions_agent_named_once"),
        )


class Market(models.Model):
    """`due_at` is when time alone changes it next, 0 for never."""

    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    creator = models.BigIntegerField()
    creator_user = models.CharField(max_length=64)
    question = models.TextField()
    description = models.TextField()
    category = models.CharField(max_length=16)
    criteria = models.TextField()
    source = models.TextField()
    deadline = models.BigIntegerField()
    created_at = models.BigIntegerField()
    status = models.CharField(max_length=16)
    pairs = models.BigIntegerField()
    last_price = models.SmallIntegerField()
    volume = models.BigIntegerField()
    trades = models.BigIntegerField()
    closed_at = models.BigIntegerField()
    outcome = models.CharField(max_length=16)
    yes_value = models.SmallIntegerField()
    evidence = models.TextField()
    resolver = models.BigIntegerField()
    resolver_user = models.CharField(max_length=64)
    early = models.BooleanField()
    pays_at = models.BigIntegerField()
    resolved_at = models.BigIntegerField()
    reward = models.BigIntegerField()
    house = models.BigIntegerField()
    liquidity = models.BigIntegerField()
    due_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["due_at"], condition=Q(due_at__gt=0), name="predictions_market_due"),
            models.Index(fields=["stream_id", "status", "number"], name="predictions_market_status"),
        )


class Position(models.Model):
    pk = CompositePrimaryKey("stream_id", "market", "agent")
    stream_id = models.UUIDField()
    market = models.BigIntegerField()
    agent = models.BigIntegerField()
    yes = models.BigIntegerField()
    no = models.BigIntegerField()
    yes_locked = models.BigIntegerField()
    no_locked = models.BigIntegerField()
    yes_cost = models.BigIntegerField()
    no_cost = models.BigIntegerField()
    realised = models.BigIntegerField()
    fees = models.BigIntegerField()

    class Meta:
        indexes = (models.Index(fields=["stream_id", "agent"], name="predictions_position_agent"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(yes_locked__gte=0, no_locked__gte=0, yes__gte=F("yes_locked"), no__gte=F("no_locked")),
                name="predictions_position_covered",
            ),
        )


class Order(models.Model):
    """`price` is of the order's own outcome, 0 of a market order; `ends_at` is when time ends it, 0 for never."""

    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    agent = models.BigIntegerField()
    market = models.BigIntegerField()
    outcome = models.CharField(max_length=3)
    action = models.CharField(max_length=4)
    order_type = models.CharField(max_length=8)
    size = models.BigIntegerField()
    price = models.SmallIntegerField()
    time_in_force = models.CharField(max_length=4)
    expires_at = models.BigIntegerField()
    approve_by = models.BigIntegerField()
    client_order_id = models.CharField(max_length=64)
    filled = models.BigIntegerField()
    reserved = models.BigIntegerField()
    fee_reserved = models.BigIntegerField()
    notional = models.BigIntegerField()
    fee = models.BigIntegerField()
    status = models.CharField(max_length=16)
    reason = models.CharField(max_length=32)
    priority = models.BigIntegerField()
    ends_at = models.BigIntegerField()
    created_at = models.BigIntegerField()
    updated_at = models.BigIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "agent", "number"], name="predictions_order_agent"),
            models.Index(
                fields=["stream_id", "market"],
                condition=Q(status__in=("open", "partially_filled")),
                name="predictions_order_book",
            ),
            models.Index(fields=["ends_at"], condition=Q(ends_at__gt=0), name="predictions_order_due"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["stream_id", "agent", "client_order_id"],
                condition=~Q(client_order_id=""),
                name="predictions_order_client_id",
            ),
        )


class Trade(models.Model):
    pk = CompositePrimaryKey("stream_id", "number")
    stream_id = models.UUIDField()
    number = models.BigIntegerField()
    at = models.BigIntegerField()
    market = models.BigIntegerField()
    kind = models.CharField(max_length=8)
    outcome = models.CharField(max_length=3)
    price = models.SmallIntegerField()
    size = models.BigIntegerField()
    bidder = models.BigIntegerField()
    asker = models.BigIntegerField()
    bid_order = models.BigIntegerField()
    ask_order = models.BigIntegerField()
    bid_fee = models.BigIntegerField()
    ask_fee = models.BigIntegerField()
    taker_is_bidder = models.BooleanField()

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "market", "number"], name="predictions_trade_market"),
            models.Index(fields=["stream_id", "bidder", "number"], name="predictions_trade_bidder"),
            models.Index(fields=["stream_id", "asker", "number"], name="predictions_trade_asker"),
        )


class Entry(models.Model):
    """A line of an agent's statement that is not a trade."""

    pk = CompositePrimaryKey("stream_id", "agent", "seq", "kind")
    stream_id = models.UUIDField()
    agent = models.BigIntegerField()
    seq = models.BigIntegerField()
    at = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    amount = models.BigIntegerField()
    balance_after = models.BigIntegerField()
    market = models.BigIntegerField()
    counterparty = models.BigIntegerField()
    note = models.TextField()


class Verdict(models.Model):
    """A step of a market's resolution: proposed, challenged, resolved or corrected."""

    pk = CompositePrimaryKey("stream_id", "market", "seq")
    stream_id = models.UUIDField()
    market = models.BigIntegerField()
    seq = models.BigIntegerField()
    at = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16)
    yes_value = models.SmallIntegerField()
    agent = models.BigIntegerField()
    user = models.CharField(max_length=64)
    early = models.BooleanField()
    text = models.TextField()
    evidence = models.TextField()


class Comment(models.Model):
    """What an agent says about a market. Plain text, and no part of the ledger: it can be edited and forgotten."""

    stream_id = models.UUIDField()
    market = models.BigIntegerField()
    agent = models.BigIntegerField()
    parent = models.BigIntegerField(default=0)
    content = models.TextField()
    sentiment = models.CharField(max_length=8)
    prediction = models.SmallIntegerField(default=0)
    is_pinned = models.BooleanField(default=False)
    is_deleted = models.BooleanField(default=False)
    created_at = models.BigIntegerField()
    edited_at = models.BigIntegerField(default=0)

    class Meta:
        indexes = (
            models.Index(fields=["stream_id", "market", "id"], name="predictions_comment_market"),
            models.Index(fields=["stream_id", "agent", "created_at"], name="predictions_comment_agent"),
        )

    def __str__(self) -> str:
        return self.content[:80]


class CommentVote(models.Model):
    """One vote per agent and comment: 1 up, -1 down."""

    stream_id = models.UUIDField()
    comment = models.BigIntegerField()
    agent = models.BigIntegerField()
    value = models.SmallIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["stream_id", "comment", "agent"], name="predictions_one_vote"),
            models.CheckConstraint(condition=Q(value__in=(-1, 1)), name="predictions_vote_value"),
        )
