"""Reads: rows → plain dataclasses. Never writes, never sees a warm state."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Value, When

from common.db import one_moment, uuid_param
from common.errors import DomainError
from common.ids import Actor
from common.money import LIMIT
from ledger import registry, store, warm
from ledger.domain import Committed
from ledger.models import Event, Stream
from ledger.verify import verify_stream
from markets.engine.commands import Command
from markets.engine.events import Amounts, Bounds, Fixing
from markets.engine.state import CASH, TREASURY, Facts
from markets.models import (
    Announcement,
    ClockNote,
    DisplayName,
    Holding,
    MarketSession,
    Order,
    Participant,
    Quote,
    Rfq,
    Settlement,
    Trade,
    TradeBust,
)
from markets.projections import SESSIONS

OPEN = ("open", "partially_filled")
ORDER_EVENTS = ("OrderPlaced", "OrderReplaced", "OrderCancelled", "OrderExpired")
"""What is an order's owner's business alone; the rest of a session's events every member may read."""


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
    is_imported: bool = False
    """It happened elsewhere, and can only be read."""

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


@dataclass(frozen=True, slots=True)
class ParticipantInfo:
    """Somebody who is in the session; `joined_seq` is the event that says so."""

    handle: str
    user: str
    name: str
    joined_seq: int
    joined_at: int
    cash_issued: int


def session(session_id: str) -> SessionInfo:
    """The live session of this name. Raises DomainError `not_found`."""
    row = marked(MarketSession.objects.all()).filter(session_id=session_id).first()
    if row is None:
        raise DomainError("not_found", f"There is no session {session_id!r}.")
    return _session(row)


def marked(rows: "QuerySet[MarketSession, MarketSession]") -> "QuerySet[MarketSession, Any]":
    """Each with whether it was imported."""
    imported = Stream.objects.filter(id=OuterRef("stream_id"), imported_at__isnull=False)
    return rows.annotate(is_imported=Exists(imported))


def clock_noted_at() -> int:
    """When the clock last showed that it lives (µs); 0 if it never did."""
    return ClockNote.objects.values_list("at", flat=True).first() or 0


def session_of(stream: UUID) -> SessionInfo:
    """The live session on this stream. Raises DomainError `not_found`."""
    row = marked(MarketSession.objects.all()).filter(stream_id=stream).first()
    if row is None:
        raise DomainError("not_found", "There is no such session.")
    return _session(row)


def seat(user: str, *, session_id: str = "", stream: UUID | None = None) -> tuple[SessionInfo, str | None]:
    """A live session by its name or stream, and this user's handle in it, None if they have none.

    One query and no ORM: every request to a session begins with it. Raises DomainError `not_found`.
    """
    where, value = ("s.session_id", session_id) if stream is None else ("s.stream_id", uuid_param(connection, stream))
    with connection.cursor() as cursor:
        cursor.execute(f"{_SEAT} WHERE {where} = %s", [user, value])
        found = cursor.fetchone()
    if found is None:
        name = f"session {session_id!r}" if stream is None else "such session"
        raise DomainError("not_found", f"There is no {name}.")
    return _seat(found)


def seats(user: str, streams: Collection[UUID]) -> dict[UUID, tuple[SessionInfo, str | None]]:
    """`seat` for each of these streams that is a live session, in one query."""
    if not streams:
        return {}
    places = ", ".join(["%s"] * len(streams))
    with connection.cursor() as cursor:
        wanted = [uuid_param(connection, stream) for stream in streams]
        cursor.execute(f"{_SEAT} WHERE s.stream_id IN ({places})", [user, *wanted])
        found = [_seat(row) for row in cursor.fetchall()]
    return {session.stream: (session, handle) for session, handle in found}


def _seat(found: Sequence[Any]) -> tuple[SessionInfo, str | None]:
    *columns, is_imported, handle = found
    row: Any = MarketSession.from_db(None, SESSIONS.columns, columns)
    if not isinstance(row.stream_id, UUID):
        row.stream_id = UUID(hex=row.stream_id)
    row.is_imported = bool(is_imported)
    return _session(row), handle


_SEAT = f"""
    SELECT {", ".join(f"s.{column}" for column in SESSIONS.columns)},
           EXISTS (SELECT 1 FROM ledger_stream l WHERE l.id = s.stream_id AND l.imported_at IS NOT NULL), p.handle
      FROM markets_marketsession s
      LEFT JOIN markets_participant p ON p.stream_id = s.stream_id AND p."user" = %s AND NOT p.is_removed
"""  # noqa: S608  no input


def sessions(*, status: tuple[str, ...] = ()) -> list[SessionInfo]:
    """All live sessions, oldest first, or those in one of the statuses."""
    rows = marked(MarketSession.objects.all()).order_by("created_at", "session_id")
    return [_session(row) for row in (rows.filter(status__in=status) if status else rows)]


OVER = ("settled", "cancelled")


def find_sessions(
    user: str, *, status: str = "", text: str = "", mine: bool = False, limit: int
) -> list[SessionInfo]:
    """Live sessions of a status, with `text` in their name or legs, that `user` is in or runs; running ones first."""
    rows = marked(_found(user, text=text, mine=mine))
    rows = rows.filter(status=status) if status else rows
    last = Case(When(status__in=OVER, then=Value(1)), default=Value(0))
    return [_session(row) for row in rows.order_by(last, "-created_at", "session_id")[:limit]]


def count_sessions(user: str, *, text: str = "", mine: bool = False) -> dict[str, int]:
    """How many there are of each status, with the same arguments."""
    rows = _found(user, text=text, mine=mine).values_list("status")
    return dict(rows.annotate(number=Count("stream_id")).order_by("status"))


def _found(user: str, *, text: str, mine: bool) -> "QuerySet[MarketSession, MarketSession]":
    rows = MarketSession.objects.all()
    if text:
        rows = rows.filter(Q(session_id__icontains=text) | Q(legs__icontains=text))
    if mine:
        own = Participant.objects.filter(user=user, is_removed=False).values("stream_id")
        rows = rows.filter(Q(stream_id__in=own) | Q(organiser=user))
    return rows


def crowds(streams: Collection[UUID]) -> dict[UUID, int]:
    """How many take part in each of these sessions."""
    rows = Participant.objects.filter(stream_id__in=streams, is_removed=False).values_list("stream_id")
    return dict(rows.annotate(number=Count("handle")).order_by())


def holdings_of(handles: Mapping[UUID, str]) -> dict[UUID, dict[str, HoldingInfo]]:
    """What one participant of each of these sessions holds, by asset."""
    found: dict[UUID, dict[str, HoldingInfo]] = {stream: {} for stream in handles}
    rows = Holding.objects.filter(stream_id__in=handles, participant__in=set(handles.values()))
    for stream, who, asset, total, reserved in rows.values_list(
        "stream_id", "participant", "asset", "total", "reserved"
    ):
        if handles[stream] == who:
            found[stream][asset] = HoldingInfo(total, reserved)
    return found


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


def is_busted(stream: UUID, trade_number: int) -> bool:
    """Whether a trade was undone."""
    return TradeBust.objects.filter(stream_id=stream, trade=trade_number).exists()


def settlement(stream: UUID, *, seq: int = 0) -> SettlementInfo | None:
    """The settlement in force, with its corrections, or the one that event `seq` made; None before it."""
    rows = Settlement.objects.filter(stream_id=stream)
    row = (rows.filter(seq=seq) if seq else rows.order_by("-seq")).first()
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


def ended_at(session: SessionInfo) -> int:
    """When trading ended: closed, or cancelled before that (µs); 0 while it goes on."""
    if session.closed_at or session.status != "cancelled":
        return session.closed_at
    rows = Event.objects.filter(stream_id=session.stream, type="SessionCancelled").order_by("-seq")
    return rows.values_list("at", flat=True).first() or 0


def stream_named(session_id: str) -> UUID:
    """The stream of the live session of this name, as typed into a field. Raises DomainError `not_found`."""
    found = MarketSession.objects.filter(session_id=session_id).values_list("stream_id", flat=True).first()
    if found is None:
        raise DomainError("not_found", f"There is no session {session_id!r}.", field="session_id")
    return found


def sessions_page(after: tuple[int, UUID] | None, limit: int, *, only: UUID | None = None) -> list[SessionInfo]:
    """The first `limit` live sessions after (created_at, stream), in that order."""
    rows = marked(MarketSession.objects.all()).order_by("created_at", "stream_id")
    if only is not None:
        rows = rows.filter(stream_id=only)
    if after is not None:
        at, stream = after
        rows = rows.filter(Q(created_at__gt=at) | Q(created_at=at, stream_id__gt=stream))
    return [_session(row) for row in rows[:limit]]


def open_counts(stream: UUID) -> dict[str, int]:
    """How many orders, RFQs and quotes are open."""
    return {
        "Open orders": Order.objects.filter(stream_id=stream, status__in=OPEN).count(),
        "Open RFQs": Rfq.objects.filter(stream_id=stream, status="open").count(),
        "Open quotes": Quote.objects.filter(stream_id=stream, status="open").count(),
    }


def announcements(stream: UUID, *, to: str | None, before: int = 0, limit: int = 100) -> list[Announcement]:
    """The newest `limit` announcements before event `before` (0: all): everybody's and those to the participant `to`
    ("" for nobody's); all of them for None."""
    rows = Announcement.objects.filter(stream_id=stream)
    if to is not None:
        rows = rows.filter(participant__in={"", to})
    return list((rows.filter(seq__lt=before) if before else rows).order_by("-seq")[:limit])


def participant_of(stream: UUID, user_uid: str) -> str | None:
    """The handle of this user in a session; None if they are not (or no longer) in it."""
    rows = Participant.objects.filter(stream_id=stream, user=user_uid, is_removed=False)
    return rows.values_list("handle", flat=True).first()


def participants_page(stream: UUID, after: int, limit: int) -> list[ParticipantInfo]:
    """The first `limit` who joined after event `after` and have not been removed, in the order they joined."""
    rows = Participant.objects.filter(stream_id=stream, is_removed=False, joined_seq__gt=after)
    found = list(rows.order_by("joined_seq")[:limit])
    names = display_names(stream, [row.handle for row in found])
    return [_participant(row, names) for row in found]


def participant(stream: UUID, handle: str) -> ParticipantInfo:
    """One participant, removed ones included. Raises DomainError `not_found`."""
    row = Participant.objects.filter(stream_id=stream, handle=handle).first()
    if row is None:
        raise DomainError("not_found", f"There is no participant {handle!r} in this session.")
    return _participant(row, display_names(stream, [handle]))


def display_names(stream: UUID, handles: Collection[str]) -> dict[str, str]:
    """What these participants want to be called, for those who said so."""
    rows = DisplayName.objects.filter(stream_id=stream, handle__in=handles)
    return dict(rows.values_list("handle", "name"))


def _participant(row: Participant, names: dict[str, str]) -> ParticipantInfo:
    name = names.get(row.handle, row.handle)
    return ParticipantInfo(row.handle, row.user, name, row.joined_seq, row.joined_at, row.cash_issued)


def orders_page(stream: UUID, before: int, limit: int, **filters: object) -> list[Order]:
    """The newest `limit` orders placed before event `before` (0: all) that fit; None in `filters` says nothing."""
    wanted = {name: value for name, value in filters.items() if value is not None}
    rows = Order.objects.filter(stream_id=stream, **wanted)
    return list((rows.filter(number__lt=before) if before else rows).order_by("-number")[:limit])


def filled_until(stream: UUID, number: int, seq: int) -> int:
    """How much of an order was filled by the events up to `seq`, busted trades included."""
    trades = Trade.objects.filter(stream_id=stream, number__lte=seq)
    total = 0
    for role in ("maker", "taker"):
        total += trades.filter(**{role: number}).aggregate(total=Sum("amount_from"))["total"] or 0
    return total


def trades_of_orders(stream: UUID, numbers: Collection[int]) -> dict[int, list[Trade]]:
    """The trades of each of these orders, oldest first."""
    found: dict[int, list[Trade]] = {number: [] for number in numbers}
    rows = Trade.objects.filter(Q(maker__in=numbers) | Q(taker__in=numbers), stream_id=stream)
    for row in rows.order_by("number"):
        for number in {row.maker, row.taker} & found.keys():
            found[number].append(row)
    return found


def order_owners(stream: UUID, numbers: Collection[int]) -> dict[int, str]:
    """The participant of each of these orders."""
    return dict(Order.objects.filter(stream_id=stream, number__in=numbers).values_list("number", "participant"))


def trades_page(
    stream: UUID, before: int, limit: int, *, leg: str | None = None, who: str | None = None
) -> list[Trade]:
    """The newest `limit` trades before event `before` (0: all), of one leg or participant where given."""
    rows = Trade.objects.filter(stream_id=stream)
    if leg is not None:
        rows = rows.filter(Q(leg_from=leg) | Q(leg_to=leg))
    if who is not None:
        rows = rows.filter(Q(participant_a=who) | Q(participant_b=who))
    return list((rows.filter(number__lt=before) if before else rows).order_by("-number")[:limit])


def traded_in_slots(
    stream: UUID, asset: str, quote_asset: str, *, start: int, end: int, width: int
) -> list[tuple[int, int, int, int, int, int]]:
    """(n, first price, highest, lowest, last, quantity) of one book's trades in each `width` µs of all time.

    Of those with start <= at < end that were not undone, in order; where nothing traded there is nothing.
    """
    rows = _standing(stream).filter(leg_from=asset, leg_to=quote_asset, at__gte=start, at__lt=end).exclude(maker=0)
    slots = rows.annotate(slot=F("at") / width).values_list("slot").order_by("slot")
    ends = {"first": Min("number"), "last": Max("number")}
    found = list(slots.annotate(**ends, high=Max("price"), low=Min("price"), total=Sum("amount_from")))
    numbers = {number for _, *both, _, _, _ in found for number in both}
    prices = dict(Trade.objects.filter(stream_id=stream, number__in=numbers).values_list("number", "price"))
    return [(slot, prices[first], high, low, prices[last], total) for slot, first, last, high, low, total in found]


def busted(stream: UUID, numbers: Collection[int]) -> set[int]:
    """Which of these trades were undone."""
    rows = TradeBust.objects.filter(stream_id=stream, trade__in=numbers)
    return set(rows.values_list("trade", flat=True))


_SIDES = (
    ("participant_a", "leg_from", "amount_from", -1),
    ("participant_b", "leg_from", "amount_from", 1),
    ("participant_a", "leg_to", "amount_to", 1),
    ("participant_b", "leg_to", "amount_to", -1),
)
"""Who gains (or gives) how much of what in a trade."""


def net_traded(stream: UUID, *, upto: int = 0, undone: Collection[int] | None = None) -> dict[str, dict[str, int]]:
    """What each participant gained (or gave) of each asset in trades that were not undone.

    With `upto` in the trades up to that event, but those that are `undone` then.
    """
    trades = _standing(stream, upto=upto, undone=undone)
    net: dict[str, dict[str, int]] = {}
    for who, leg, amount, sign in _SIDES:
        for handle, asset, total in trades.values_list(who, leg).annotate(total=Sum(amount)).order_by():
            assets = net.setdefault(handle, {})
            assets[asset] = assets.get(asset, 0) + sign * total
    return net


def net_traded_by(stream: UUID, start: int, width: int) -> list[tuple[int, str, str, int]]:
    """(n, participant, asset, what they gained of it) in each `width` µs from `start` on; as `net_traded` in sum."""
    found: list[tuple[int, str, str, int]] = []
    for who, leg, amount, sign in _SIDES:
        rows = _standing(stream).annotate(slot=(F("at") - start) / width).values_list("slot", who, leg)
        for slot, handle, asset, total in rows.annotate(total=Sum(amount)).order_by():
            found.append((slot, handle, asset, sign * total))
    return found


def _standing(stream: UUID, *, upto: int = 0, undone: Collection[int] | None = None) -> QuerySet[Trade]:
    """The trades that were not undone; up to event `upto`, those that were not `undone` then."""
    rows = Trade.objects.filter(stream_id=stream)
    if upto:
        return rows.filter(number__lte=upto).exclude(number__in=list(undone or ()))
    return rows.exclude(number__in=TradeBust.objects.filter(stream_id=stream).values("trade"))


def rfqs_page(stream: UUID, before: int, limit: int, *, status: str | None = None) -> list[Rfq]:
    """The newest `limit` RFQs before event `before` (0: all)."""
    rows = Rfq.objects.filter(stream_id=stream)
    rows = rows.filter(status=status) if status is not None else rows
    return list((rows.filter(number__lt=before) if before else rows).order_by("-number")[:limit])


def rfq(stream: UUID, number: int) -> Rfq:
    """One RFQ's row. Raises DomainError `not_found`."""
    row = Rfq.objects.filter(stream_id=stream, number=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such RFQ.")
    return row


def quotes_page(stream: UUID, rfq_number: int, before: int, limit: int) -> list[Quote]:
    """The newest `limit` quotes on an RFQ before event `before` (0: all)."""
    rows = Quote.objects.filter(stream_id=stream, rfq=rfq_number)
    return list((rows.filter(number__lt=before) if before else rows).order_by("-number")[:limit])


def quote(stream: UUID, number: int) -> Quote:
    """One quote's row. Raises DomainError `not_found`."""
    row = Quote.objects.filter(stream_id=stream, number=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such quote.")
    return row


def cash_issued(stream: UUID) -> dict[str, int]:
    """The cash that each participant was given, in join order; removed ones left out."""
    rows = Participant.objects.filter(stream_id=stream, is_removed=False).order_by("joined_seq")
    return dict(rows.values_list("handle", "cash_issued"))


def session_as_of(stream: UUID, seq: int) -> SessionInfo:
    """A session as event `seq` left it, folded from its events."""
    facts: Facts = warm.load(registry.get("session"), stream, upto=seq).state.facts
    return SessionInfo(
        stream,
        facts.session_id,
        facts.organiser,
        facts.status,
        facts.legs,
        facts.q,
        facts.quantity_decimals,
        facts.price_decimals,
        facts.feed,
        Terms(**{name: getattr(facts, name) for name in Terms.__struct_fields__}),
        facts.t1,
        facts.t2,
        facts.created_at,
        facts.closed_at,
        facts.settled_at,
        facts.cash_issued,
        facts.fixing,
    )


def head(stream: UUID) -> tuple[int, str]:
    """(seq, hash) of a stream's last event."""
    return Stream.objects.values_list("seq", "head").get(id=stream)


def hash_of(stream: UUID, seq: int) -> str:
    """The hash of one event, which covers everything before it."""
    return Event.objects.filter(stream_id=stream, seq=seq).values_list("hash", flat=True).first() or ""


def events_page(stream: UUID, after: int, limit: int) -> list[Committed]:
    """The first `limit` events after event `after`."""
    last = min(after + limit, LIMIT - 1)
    return list(islice(store.read(registry.get("session"), stream, after, last), limit))


def verify(stream: UUID) -> list[str]:
    """Fold a session from its first event and compare everything: the lies that were found, as sentences."""
    with one_moment(connection):
        return [str(finding) for finding in verify_stream(Stream.objects.get(id=stream))]


def _session(row: MarketSession) -> SessionInfo:
    legs, q, terms, fixing = _read(row.legs, row.q, row.terms, row.fixing)
    return SessionInfo(
        row.stream_id,
        row.session_id,
        row.organiser,
        row.status,
        legs,
        q,
        row.quantity_decimals,
        row.price_decimals,
        row.feed,
        terms,
        row.t1,
        row.t2,
        row.created_at,
        row.closed_at,
        row.settled_at,
        row.cash_issued,
        fixing,
        getattr(row, "is_imported", False),
    )


@lru_cache(maxsize=1024)
def _read(
    legs: str, q: str, terms: str, fixing: str
) -> tuple[tuple[str, ...], tuple[int, ...], Terms, Fixing | None]:
    """A session's JSON columns, which hardly ever change."""
    return (
        msgspec.json.decode(legs, type=tuple[str, ...]),
        msgspec.json.decode(q, type=tuple[int, ...]),
        msgspec.json.decode(terms, type=Terms),
        msgspec.json.decode(fixing, type=Fixing | None),
    )


def rehearse(stream: UUID, command: Command, actor: Actor, now: int) -> None:
    """Raises DomainError if `command` would be refused now. Nothing is written; the next moment may decide anew."""
    seq, _ = head(stream)
    domain = registry.get("session")
    domain.decide(warm.load(domain, stream, upto=seq).state, command, actor, now)


# For pages


def recent_orders(stream: UUID, participant: str, *, limit: int = 30) -> list[Order]:
    """A participant's open orders, then their newest others; newest first in both."""
    rows = Order.objects.filter(stream_id=stream, participant=participant).order_by("-number")
    working = list(rows.filter(status__in=OPEN)[:limit])
    return working + list(rows.exclude(status__in=OPEN)[: max(0, limit - len(working))])


def count_open_orders(stream: UUID, participant: str) -> int:
    """How many of a participant's orders are open."""
    return Order.objects.filter(stream_id=stream, participant=participant, status__in=OPEN).count()


def recent_trades(stream: UUID, *, limit: int = 30) -> list[tuple[Trade, bool]]:
    """The newest trades, and whether each was undone."""
    rows = list(Trade.objects.filter(stream_id=stream).order_by("-number")[:limit])
    undone = busted(stream, [row.number for row in rows])
    return [(row, row.number in undone) for row in rows]


def recent_fills(
    stream: UUID, participant: str, asset: str, quote_asset: str, *, until: int, limit: int
) -> list[Trade]:
    """A participant's newest trades in one book by `until` (µs) that were not undone, oldest first."""
    rows = _standing(stream).filter(leg_from=asset, leg_to=quote_asset, at__lte=until).exclude(maker=0)
    own = rows.filter(Q(participant_a=participant) | Q(participant_b=participant))
    return list(own.order_by("-number")[:limit])[::-1]


def recent_rfqs(stream: UUID, *, limit: int = 12) -> list[tuple[Rfq, list[Quote]]]:
    """The open RFQs, then the newest others; each with its quotes, the best rate first."""
    rows = Rfq.objects.filter(stream_id=stream).order_by("-number")
    found = list(rows.filter(status="open")[:100])
    found += rows.exclude(status="open")[: max(0, limit - len(found))]
    by_rfq: dict[int, list[Quote]] = {row.number: [] for row in found}
    for offer in Quote.objects.filter(stream_id=stream, rfq__in=list(by_rfq)).order_by("-rate", "number"):
        by_rfq[offer.rfq].append(offer)
    return [(row, by_rfq[row.number]) for row in found]


def quotes_on(stream: UUID, rfqs: Collection[int], *, upto: int) -> dict[int, list[Quote]]:
    """The quotes on each of these RFQs that were given by event `upto`, the best rate first."""
    found: dict[int, list[Quote]] = {number: [] for number in rfqs}
    rows = Quote.objects.filter(stream_id=stream, rfq__in=rfqs, number__lte=upto)
    for row in rows.order_by("-rate", "number"):
        found[row.rfq].append(row)
    return found


def trades_numbered(stream: UUID, numbers: Collection[int]) -> list[Trade]:
    """These trades, oldest first."""
    return list(Trade.objects.filter(stream_id=stream, number__in=numbers).order_by("number"))


def last_price(
    stream: UUID, asset: str, quote_asset: str, *, upto: int = 0, undone: Collection[int] | None = None
) -> int | None:
    """What the last trade in a book that was not undone (then) was done at; None before the first."""
    rows = _standing(stream, upto=upto, undone=undone).filter(leg_from=asset, leg_to=quote_asset).exclude(maker=0)
    return rows.order_by("-number").values_list("price", flat=True).first()


def rfqs_of_quotes(stream: UUID, numbers: Collection[int]) -> dict[int, tuple[Quote, Rfq]]:
    """These quotes, each with what it answers."""
    quotes = list(Quote.objects.filter(stream_id=stream, number__in=numbers))
    asked = {row.number: row for row in Rfq.objects.filter(stream_id=stream, number__in={q.rfq for q in quotes})}
    return {row.number: (row, asked[row.rfq]) for row in quotes}


def orders_numbered(stream: UUID, numbers: Collection[int]) -> dict[int, Order]:
    """These orders by number."""
    return {row.number: row for row in Order.objects.filter(stream_id=stream, number__in=numbers)}


def memberships(user: str) -> dict[UUID, str]:
    """The sessions that a user takes part in, with their handle in each."""
    rows = Participant.objects.filter(user=user, is_removed=False)
    return dict(rows.values_list("stream_id", "handle"))


def people(stream: UUID) -> dict[str, str]:
    """Opaque user ids → handles, those of removed participants included."""
    return dict(Participant.objects.filter(stream_id=stream).order_by("joined_seq").values_list("user", "handle"))


def search_events(
    stream: UUID,
    *,
    kind: str = "",
    actors: Collection[str] = (),
    about: str = "",
    text: str = "",
    before: int = 0,
    limit: int = 50,
    reader: str | None = None,
) -> list[Event]:
    """The newest events first; `before` a seq, of one kind, by one of the actors or naming the participant `about`,
    with `text` in their payload.

    Looking for actors or text, a `reader` finds no events about orders but those they caused, and no private
    announcements but their own: an answer to such a search would tell what others ordered or were told.
    """
    rows = Event.objects.filter(stream_id=stream).order_by("-seq")
    if kind:
        rows = rows.filter(type=kind)
    if actors or about:
        named = Q(payload__contains=f'"participant":{msgspec.json.encode(about).decode()}') if about else Q()
        rows = rows.filter(Q(actor__in=actors) | named)
    if text:
        rows = rows.filter(payload__icontains=text)
    if reader is not None and (actors or about or text):
        own = participant_of(stream, reader) or ""
        heard = Q(payload__contains='"participant":""') | Q(payload__contains=f'"participant":"{own}"')
        rows = rows.exclude(Q(type__in=ORDER_EVENTS) & ~Q(actor=reader))
        rows = rows.exclude(Q(type="AnnouncementMade") & ~heard)
    return list((rows.filter(seq__lt=before) if before else rows)[:limit])


def info_of(row: MarketSession) -> SessionInfo:
    """A session's row as plain data."""
    return _session(row)


_DUE = """
    SELECT stream_id FROM markets_marketsession
     WHERE (status = 'created' AND t1 > 0 AND t1 <= %s AND (t2 = 0 OR t2 > t1))
        OR (status IN ('active', 'halted') AND t2 > 0 AND t2 <= %s)
    UNION SELECT stream_id FROM markets_order
     WHERE status IN ('open', 'partially_filled') AND expires_at > 0 AND expires_at <= %s
    UNION SELECT stream_id FROM markets_rfq
     WHERE status = 'open' AND expires_at > 0 AND expires_at <= %s
    UNION SELECT stream_id FROM markets_quote
     WHERE status = 'open' AND expires_at > 0 AND expires_at <= %s
"""


def due_sessions(now: int) -> list[UUID]:
    """The sessions in which time alone makes something happen by `now`. Asked four times a second.

    In SQL, for SQLite uses a partial index only where the condition stands there literally.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now] * 5)
        found = {stream if isinstance(stream, UUID) else UUID(hex=stream) for (stream,) in cursor.fetchall()}
    if found:
        found -= set(Stream.objects.filter(id__in=found, imported_at__isnull=False).values_list("id", flat=True))
    return list(found)
