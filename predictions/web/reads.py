"""Reads that only the pages need: rows → plain numbers. Never writes."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from ledger.models import Stream
from predictions.models import Comment, Market, Order, Position
from predictions.queries import OPEN

Touch = tuple[int | None, int | None]


def touches(stream: UUID, numbers: Collection[int]) -> dict[int, Touch]:
    """market → (best bid, best ask) in cents of YES."""
    rows = (
        Order.objects.filter(stream_id=stream, market__in=numbers, status__in=OPEN, order_type="limit")
        .values("market", "outcome", "action")
        .annotate(low=Min("price"), high=Max("price"))
        .order_by()
    )
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for row in rows:
        is_yes, is_purchase = row["outcome"] == "YES", row["action"] == "buy"
        best = row["high"] if is_purchase else row["low"]
        price = best if is_yes else 100 - best
        side, better = (bids, max) if is_yes == is_purchase else (asks, min)
        side[row["market"]] = better(price, side.get(row["market"], price))
    return {number: (bids.get(number), asks.get(number)) for number in numbers}


def comment_counts(stream: UUID, numbers: Collection[int]) -> dict[int, int]:
    """market → how many comments stand there."""
    rows = Comment.objects.filter(stream_id=stream, market__in=numbers, is_deleted=False)
    return dict(rows.values_list("market").annotate(count=Count("id")).order_by())


def counts(stream: UUID) -> tuple[dict[str, int], dict[str, int]]:
    """(status → markets, category → markets) of an exchange."""
    by_status: dict[str, int] = {}
    by_category: dict[str, int] = {}
    rows = Market.objects.filter(stream_id=stream).values_list("status", "category").annotate(count=Count("number"))
    for status, category, count in rows.order_by():
        by_status[status] = by_status.get(status, 0) + count
        by_category[category] = by_category.get(category, 0) + count
    return by_status, by_category


def head(stream: UUID) -> int:
    """The seq of a stream's last event."""
    return Stream.objects.values_list("seq", flat=True).get(id=stream)


def waiting(stream: UUID, agents: Collection[int]) -> list[Order]:
    """Orders of these agents that wait for their owner's approval, the first to lapse first."""
    rows = Order.objects.filter(stream_id=stream, agent__in=agents, status="pending_approval")
    return list(rows.order_by("approve_by", "number"))


def decided(stream: UUID, resolver: int = 0) -> "QuerySet[Market]":
    """Resolved markets, the newest first, of one moderator or of all."""
    rows = Market.objects.filter(stream_id=stream, status="resolved").order_by("-resolved_at", "-number")
    return rows.filter(resolver=resolver) if resolver else rows


def held_in(stream: UUID, agents: Collection[int], markets: Collection[int]) -> set[int]:
    """Which of these markets these agents hold shares of."""
    rows = Position.objects.filter(stream_id=stream, agent__in=agents, market__in=markets)
    return set(rows.filter(Q(yes__gt=0) | Q(no__gt=0)).values_list("market", flat=True))
