"""Reads that only the pages need: rows → plain numbers. Never writes."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count, Max, Min

from ledger.models import Stream
from predictions.models import Comment, Market, Order
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
