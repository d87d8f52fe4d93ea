"""A finished session played again on the terminal: what its fragments showed at any moment of it.

What was open then comes from the folded events; what was over by then is in rows that no later event changed.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ledger import registry, store
from ledger.models import Event
from markets import queries, valuation
from markets.engine.state import CASH, SessionState, book_key
from markets.models import Order, Quote, Rfq, Trade
from markets.queries import BookInfo, BookLevel, HoldingInfo, SessionInfo
from markets.web import news, panels, past
from markets.web import prices as quoted
from markets.web.access import Visitor
from markets.web.terminal import Look

_MOST_NEWS = 500
_MOST_ROWS = 30


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a replay stands: `at` µs, after event `seq`; it goes from `start` to `end`, after event `last`."""

    at: int
    seq: int
    start: int
    end: int
    last: int

    @property
    def is_end(self) -> bool:
        return self.seq == self.last and self.at >= self.end

    @property
    def offset_ms(self) -> int:
        return (self.at - self.start) // 1000

    @property
    def length_ms(self) -> int:
        return -(-(self.end - self.start) // 1000)

    @property
    def seconds(self) -> str:
        """Since the start, as the form has it."""
        return f"{self.offset_ms // 1000}.{self.offset_ms % 1000:03d}"


def moment(session: SessionInfo, *, seconds: str = "", seq: str = "") -> Moment:
    """The moment that the address names by an event or by seconds since the start; what there is not is the start."""
    last, _ = queries.head(session.stream)
    end = _at(session, last)
    start = min(session.t1 or session.created_at, end)
    if seq.isascii() and seq.isdecimal() and len(seq) < 19 and 1 <= int(seq) <= last:
        at = _at(session, int(seq))
        return Moment(at, int(seq), min(start, at), end, last)
    at = min(start + _milliseconds(seconds) * 1000, end)
    number = bisect_right(range(1, last + 1), at, key=lambda event: _at(session, event))
    return Moment(at, max(number, 1), start, end, last)


def _at(session: SessionInfo, seq: int) -> int:
    return Event.objects.values_list("at", flat=True).get(stream_id=session.stream, seq=seq)


def _milliseconds(seconds: str) -> int:
    whole, _, part = seconds.strip().partition(".")
    digits = f"{whole or 0}{part[:3]:0<3}"
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 15 else 0


def context(who: Visitor, seen: Look, now: Moment) -> dict[str, Any]:
    """All that the terminal's fragments need, as it was then."""
    with past.state_after(who.stream, now.seq) as state:
        session = _session(who.session, state)
        found: dict[str, Any] = {
            **panels.prices(session, until=now.at),
            **_book(session, state, seen, now.seq),
            **panels.prints(session, _trades(session, state, now.seq)),
            **_rfqs(session, state, who.handle, now.seq),
        }
        if who.handle:
            found |= _orders(session, state, who.handle, now.seq)
            found |= _holdings(session, state, who.handle, now)
        found["agrees"] = _agrees(session, state) if now.is_end and session.status == "settled" else None
    return {
        **found,
        "session": session,
        "who": who,
        "handle": who.handle,
        "look": seen,
        "quote_options": [CASH, *(leg for leg in session.legs if leg != seen.asset)],
        "now": now.at,
        "moment": now,
        "is_replay": True,
    }


def happened(who: Visitor, session: SessionInfo, before: Moment, now: Moment) -> dict[str, Any]:
    """What the step from one moment to a later one brings: ticks and trades for the chart, sentences for toasts."""
    events = list(islice(store.read(registry.get("session"), who.stream, before.seq, now.seq), _MOST_NEWS))
    ticks = quoted.between(session, start=before.at, end=now.at, limit=_MOST_NEWS)
    found = news.happened(session, events)
    own = (news.own(found, who.handle) if who.handle else None) or {"fills": "[]", "told": "[]"}
    return {**news.public(found, ticks), "fills": own["fills"], "own_told": own["told"]}


def _session(session: SessionInfo, state: SessionState) -> SessionInfo:
    facts = state.facts
    return replace(
        session,
        status=facts.status,
        q=facts.q,
        t1=facts.t1,
        t2=facts.t2,
        closed_at=facts.closed_at,
        settled_at=facts.settled_at,
        cash_issued=facts.cash_issued,
        fixing=facts.fixing,
    )


def _book(session: SessionInfo, state: SessionState, seen: Look, seq: int) -> panels.Context:
    book = state.books.get(book_key(seen.asset, seen.quote_asset))
    sides = [
        tuple(BookLevel(*level) for level in book.depth(is_buy=is_buy, limit=panels.DEPTH)) if book else ()
        for is_buy in (True, False)
    ]
    found = BookInfo(seen.asset, seen.quote_asset, *sides)
    last = queries.last_price(session.stream, seen.asset, seen.quote_asset, upto=seq, undone=state.busted)
    return panels.ladder(session, found, last)


def _trades(session: SessionInfo, state: SessionState, seq: int) -> list[tuple[Trade, bool]]:
    rows = queries.trades_page(session.stream, seq + 1, _MOST_ROWS)
    return [(row, row.number in state.busted) for row in rows]


def _orders(session: SessionInfo, state: SessionState, handle: str, seq: int) -> panels.Context:
    """Those open then, as they were; then the newest of those that were over."""
    rows = {row.number: row for row in queries.orders_page(session.stream, seq + 1, _MOST_ROWS, participant=handle)}
    mine = state.open_orders.get(handle, {})
    rows |= queries.orders_numbered(session.stream, mine.keys() - rows.keys())
    for number, order in mine.items():
        row = rows[number]
        row.status, row.reason, row.filled = order.status, order.reason, order.filled
        row.quantity, row.price = order.quantity, order.price
    shown: list[Order] = sorted(rows.values(), key=lambda row: (row.number not in mine, -row.number))
    return {"orders": shown[:_MOST_ROWS], "open_count": len(mine), "can_replace": False}


def _rfqs(session: SessionInfo, state: SessionState, handle: str, seq: int) -> panels.Context:
    rows: list[Rfq] = queries.rfqs_page(session.stream, seq + 1, _MOST_ROWS)
    quotes: dict[int, list[Quote]] = queries.quotes_on(session.stream, [row.number for row in rows], upto=seq)
    for row in rows:
        if row.number in state.rfqs:
            row.status, row.reason = state.rfqs[row.number].status, ""
        for quote in quotes[row.number]:
            if quote.number in state.quotes:
                quote.status, quote.reason = state.quotes[quote.number].status, ""
    rows.sort(key=lambda row: (row.status != "open", -row.number))
    asks = [panels.Ask(row, tuple(quotes[row.number]), mine=row.participant == handle) for row in rows]
    return {"rfqs": asks, "is_open": False}


def _holdings(session: SessionInfo, state: SessionState, handle: str, now: Moment) -> panels.Context:
    prices = _prices(session, now.at)
    held = {
        asset: HoldingInfo(state.held(handle, asset).total, state.held(handle, asset).reserved)
        for asset in (*session.legs, CASH)
    }
    traded = queries.net_traded(session.stream, upto=now.seq, undone=state.busted).get(handle, {})
    given = {asset: item.total - traded.get(asset, 0) for asset, item in held.items()}
    value = valuation.worth(session, held, prices)
    started = given[CASH] + sum(given[leg] * prices.by_leg.get(leg, 0) for leg in session.legs)
    standing = valuation.Standing(0, handle, handle, held[CASH].total, held, value, value - started, given)
    return panels.wallet(session, handle, standing, prices)


def _prices(session: SessionInfo, at: int) -> valuation.Prices:
    """The settlement's once it was settled, else the newest of then."""
    if session.fixing and session.status == "settled":
        return valuation.Prices(session.fixing.prices, "settlement", session.fixing.at)
    ticks = quoted.series(session, limit=1, until=at)
    return valuation.Prices(ticks[-1].prices, "feed", ticks[-1].at) if ticks else valuation.Prices({}, "none", 0)


def _agrees(session: SessionInfo, state: SessionState) -> bool:
    """Whether what was folded pays what is on record, for everybody, and to the last digit."""
    recorded = queries.settlement(session.stream)
    fixing = session.fixing
    if recorded is None or fixing is None or recorded.fixing != fixing:
        return False
    folded = {
        who: sum(state.held(who, leg).total * fixing.prices[leg] for leg in session.legs) for who in recorded.payouts
    }
    cash = {who: state.held(who, CASH).total for who in recorded.cash}
    return folded == recorded.payouts == state.facts.payouts and cash == recorded.cash
