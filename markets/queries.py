"""Reads: rows → plain dataclasses. Never writes, never sees a warm state."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.db.models import Count, F, Sum

from common.errors import DomainError
from markets.engine.events import Amounts, Bounds, Fixing
from markets.engine.state import CASH, TREASURY
from markets.models import Holding, MarketSession, Order, Participant, Settlement, Trade, TradeBust

OPEN = ("open", "partially_filled")


class Terms(msgspec.Struct, frozen=True):
    """What was agreed when the session was created."""

    cash_per_participant: int
    start_mode: str
    end_mode: str
    duration: int
    fixing_rule: str
    fixing_window: int
    fixing_max_age: int
    self_trade_prevention: str
    bounds: Bounds
    lot: int
    tick: int


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its row has it. Units as in the engine."""

    stream: UUID
    session_id: str
    organiser: str
    status: str
    legs: tuple[str, ...]
    q: tuple[int, ...]
    quantity_decimals: int
    price_decimals: int
    feed: str
    terms: Terms
    t1: int
    t2: int
    created_at: int
    closed_at: int
    settled_at: int
    cash_issued: int
    fixing: Fixing | None

    @property
    def cash_decimals(self) -> int:
        return self.quantity_decimals + self.price_decimals


@dataclass(frozen=True, slots=True)
class HoldingInfo:
    total: int
    reserved: int

    @property
    def available(self) -> int:
        return self.total - self.reserved


@dataclass(frozen=True, slots=True)
class BookLevel:
    price: int
    quantity: int
    orders: int


@dataclass(frozen=True, slots=True)
class BookInfo:
    """Both sides of a book, best price first."""

    asset: str
    quote_asset: str
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]


@dataclass(frozen=True, slots=True)
class SettlementInfo:
    """`payouts` and `cash` per participant, the treasury apart; `seq` is the event that says so."""

    seq: int
    at: int
    fixing: Fixing
    payouts: Amounts
    cash: Amounts
    treasury_payout: int
    treasury_cash: int
    reason: str


def session(session_id: str) -> SessionInfo:
    """The live session of this name. Raises DomainError `not_found`."""
    row = MarketSession.objects.filter(session_id=session_id).first()
    if row is None:
        raise DomainError("not_found", f"There is no session {session_id!r}.")
    return _session(row)


def session_of(stream: UUID) -> SessionInfo:
    """The live session on this stream. Raises DomainError `not_found`."""
    row = MarketSession.objects.filter(stream_id=stream).first()
    if row is None:
        raise DomainError("not_found", "There is no such session.")
    return _session(row)


def sessions(*, status: tuple[str, ...] = ()) -> list[SessionInfo]:
    """All live sessions, oldest first, or those in one of the statuses."""
    rows = MarketSession.objects.order_by("created_at", "session_id")
    return [_session(row) for row in (rows.filter(status__in=status) if status else rows)]


def participants(stream: UUID) -> list[str]:
    """The handles of those who have not been removed, in the order in which they joined."""
    rows = Participant.objects.filter(stream_id=stream, is_removed=False).order_by("joined_seq")
    return list(rows.values_list("handle", flat=True))


def allocations(stream: UUID) -> dict[str, dict[str, HoldingInfo]]:
    """Holdings by participant and asset, treasury and cash included; participants in join order."""
    found: dict[str, dict[str, HoldingInfo]] = {TREASURY: {}, **{who: {} for who in participants(stream)}}
    rows = Holding.objects.filter(stream_id=stream).order_by("participant", "asset")
    for who, asset, total, reserved in rows.values_list("participant", "asset", "total", "reserved"):
        if who in found:
            found[who][asset] = HoldingInfo(total, reserved)
    return found


def book(stream: UUID, asset: str, quote_asset: str = CASH, *, depth: int = 50) -> BookInfo:
    """The resting orders of one book, by price level."""
    rows = Order.objects.filter(
        stream_id=stream, asset=asset, quote_asset=quote_asset, order_type="limit", status__in=OPEN
    )

    def side(*, is_buy: bool) -> Iterator[BookLevel]:
        levels = rows.filter(is_buy=is_buy).values("price")
        totals = levels.annotate(quantity=Sum(F("quantity") - F("filled")), orders=Count("number"))
        for level in totals.order_by("-price" if is_buy else "price")[:depth]:
            yield BookLevel(level["price"], level["quantity"], level["orders"])

    return BookInfo(asset, quote_asset, tuple(side(is_buy=True)), tuple(side(is_buy=False)))


def order(stream: UUID, number: int) -> Order:
    """One order's row. Raises DomainError `not_found`."""
    row = Order.objects.filter(stream_id=stream, number=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such order.")
    return row


def trade(stream: UUID, number: int) -> Trade:
    """One trade's row. Raises DomainError `not_found`."""
    row = Trade.objects.filter(stream_id=stream, number=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such trade.")
    return row


def filled_until(stream: UUID, number: int, seq: int) -> int:
    """How much of an order was filled by the events up to `seq`, busted trades included."""
    trades = Trade.objects.filter(stream_id=stream, number__lte=seq)
    total = 0
    for role in ("maker", "taker"):
        total += trades.filter(**{role: number}).aggregate(total=Sum("amount_from"))["total"] or 0
    return total


def is_busted(stream: UUID, trade_number: int) -> bool:
    """Whether a trade was undone."""
    return TradeBust.objects.filter(stream_id=stream, trade=trade_number).exists()


def settlement(stream: UUID) -> SettlementInfo | None:
    """The settlement in force, with its corrections; None before it."""
    row = Settlement.objects.filter(stream_id=stream).order_by("-seq").first()
    if row is None:
        return None
    payouts = msgspec.json.decode(row.payouts, type=dict[str, int])
    cash = dict(Holding.objects.filter(stream_id=stream, asset=CASH).values_list("participant", "total"))
    return SettlementInfo(
        row.seq,
        row.at,
        msgspec.json.decode(row.fixing, type=Fixing),
        payouts,
        {who: cash.get(who, 0) for who in payouts},
        row.treasury,
        cash.get(TREASURY, 0),
        row.reason,
    )


def _session(row: MarketSession) -> SessionInfo:
    return SessionInfo(
        row.stream_id,
        row.session_id,
        row.organiser,
        row.status,
        msgspec.json.decode(row.legs, type=tuple[str, ...]),
        msgspec.json.decode(row.q, type=tuple[int, ...]),
        row.quantity_decimals,
        row.price_decimals,
        row.feed,
        msgspec.json.decode(row.terms, type=Terms),
        row.t1,
        row.t2,
        row.created_at,
        row.closed_at,
        row.settled_at,
        row.cash_issued,
        msgspec.json.decode(row.fixing, type=Fixing | None),
    )
