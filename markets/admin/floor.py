"""What the control room shows of each participant: read from committed rows, worked out once per event."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.db.models import Count, Max, Q, Sum

from markets import presence, queries
from markets.engine.state import CASH
from markets.models import Order, Quote, Rfq, Trade


@dataclass(frozen=True, slots=True)
class Trader:
    """A participant at work. Times in µs, 0: never; `volume` is cash traded, in cash units."""

    handle: str
    is_connected: bool
    seen_at: int
    active_at: int
    orders: int
    open_orders: int
    trades: int
    volume: int
    refused_at: int
    refusal: str


@dataclass(frozen=True, slots=True)
class _Work:
    active_at: int = 0
    orders: int = 0
    open_orders: int = 0
    trades: int = 0
    volume: int = 0


def traders(stream: UUID, *, now: int) -> list[Trader]:
    """Everybody who has not been removed, in the order in which they joined."""
    known = presence.of_session(stream)
    seq, _ = queries.head(stream)
    work = _work(stream, seq)
    found = []
    for who in queries.participants(stream):
        seen, done = known.get(who), work.get(who, _Work())
        seen_at = seen.seen_at if seen else 0
        found.append(
            Trader(
                who,
                now - seen_at < presence.CONNECTED_WITHIN,
                seen_at,
                done.active_at,
                done.orders,
                done.open_orders,
                done.trades,
                done.volume,
                seen.refused_at if seen else 0,
                seen.refusal if seen else "",
            )
        )
    return found


@lru_cache(maxsize=32)
def _work(stream: UUID, seq: int) -> Mapping[str, _Work]:
    """By handle, as of event `seq`."""
    ordered = _ordered(stream)
    asked = [_newest(model, stream) for model in (Rfq, Quote)]
    traded = [_traded(stream, side) for side in ("participant_a", "participant_b")]
    handles = {*ordered, *asked[0], *asked[1], *traded[0], *traded[1]}
    return {
        who: _Work(
            max(ordered.get(who, (0, 0, 0))[0], *(times.get(who, 0) for times in asked)),
            *ordered.get(who, (0, 0, 0))[1:],
            sum(side.get(who, (0, 0))[0] for side in traded),
            sum(side.get(who, (0, 0))[1] for side in traded),
        )
        for who in handles
    }


def _ordered(stream: UUID) -> dict[str, tuple[int, int, int]]:
    """{handle: (when they ordered last, orders, open ones)}."""
    is_open = Q(status__in=queries.OPEN)
    rows = Order.objects.filter(stream_id=stream).values("participant").order_by()
    found = rows.annotate(at=Max("created_at"), all=Count("number"), open=Count("number", filter=is_open))
    return {row["participant"]: (row["at"], row["all"], row["open"]) for row in found}


def _newest(model: type[Rfq] | type[Quote], stream: UUID) -> dict[str, int]:
    rows = model._default_manager.filter(stream_id=stream).values("participant").order_by()
    return dict(rows.annotate(at=Max("created_at")).values_list("participant", "at"))


def _traded(stream: UUID, side: str) -> dict[str, tuple[int, int]]:
    """{handle: (trades, cash)} of one side of the trades."""
    rows = Trade.objects.filter(stream_id=stream).values(side).order_by()
    found = rows.annotate(count=Count("number"), cash=Sum("amount_to", filter=Q(leg_to=CASH)))
    return {row[side]: (row["count"], row["cash"] or 0) for row in found}
