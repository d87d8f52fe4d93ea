"""A session as the feed sees it: folded from committed events by the engine's own evolve, and told as messages.

It is a copy beside the runtime's warm state, never that state: what is not committed cannot be seen here. Rows come
from markets.projections, the code that writes the tables, so the feed and the API cannot disagree.
"""

import sys
from collections import namedtuple
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from common.clock import now_us
from common.db import Table
from common.events import Event
from ledger.domain import Committed
from markets import projections, queries, shapes
from markets.engine import events as e
from markets.engine.evolve import evolve, forget_changes
from markets.engine.state import CASH, SessionState
from markets.models import Trade
from markets.queries import BookLevel, HoldingInfo
from markets.shapes import Shape
from markets.ws.changes import Pair

_ROWS: dict[Table, Any] = {table: namedtuple(table.model.__name__, table.columns) for table in projections.TABLES}
_LIFE = (
    e.SessionCreated,
    e.BasketFixed,
    e.SessionStarted,
    e.SessionHalted,
    e.SessionResumed,
    e.SessionClosed,
    e.SessionSettled,
    e.SettlementCorrected,
    e.SessionCancelled,
    e.PriceFixed,
)
_MEMBERSHIP = (e.ParticipantJoined, e.ParticipantRemoved)


class Fact(NamedTuple):
    """One thing to tell: to everybody, or to `who` alone."""

    kind: str
    seq: int
    at: int
    data: Shape
    who: str = ""


@dataclass(slots=True)
class Step:
    """What some events did. `facts` in the order in which they are to be told."""

    facts: list[Fact] = field(default_factory=list)
    levels: dict[Pair, set[tuple[bool, int]]] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)
    status_changed: bool = False
    members_changed: bool = False


class Mirror:
    """The state after event `seq`, which happened at `at`."""

    def __init__(self, state: SessionState, at: int) -> None:
        self._state = state
        self.at = at
        state.changed.session = True
        self._take_rows()
        self._learn_members()

    @property
    def seq(self) -> int:
        return self._state.facts.seq

    def fold(self, events: Sequence[Committed], audiences: Collection[str], undone: Mapping[int, Trade]) -> Step:
        """Apply committed events and say what they did. Own facts are made for `audiences` only.

        The events must end where a batch ended: between a placement and its fills a book may be crossed. `undone`:
        the rows of the trades that these events bust.
        """
        step = Step()
        for item in events:
            self._note_levels(item.event, step)
            evolve(self._state, item.event, item.at)
            self.at = item.at
            self._tell(item, step, audiences, undone)
        if step.members_changed:
            self._learn_members()
        for who in sorted(step.holders.intersection(audiences)):
            step.facts.append(Fact("allocation", self.seq, self.at, self._allocation(who), who))
        for pair, touched in sorted(step.levels.items()):
            step.facts.append(Fact("book", self.seq, self.at, self._changed_levels(pair, touched)))
        return step

    def pass_over(self, events: Sequence[Committed]) -> bool:
        """Apply committed events without a word. Answers whether somebody joined or left."""
        for item in events:
            evolve(self._state, item.event, item.at)
            self.at = item.at
        if self._state.changed.session:
            self._take_rows()
        forget_changes(self._state)
        members_changed = any(isinstance(item.event, _MEMBERSHIP) for item in events)
        if members_changed:
            self._learn_members()
        return members_changed

    def handle_of(self, user: str) -> str | None:
        """The handle of a user who takes part."""
        return self._handles.get(user)

    @property
    def organiser(self) -> str:
        return self._state.facts.organiser

    @property
    def pairs(self) -> frozenset[Pair]:
        """The books there have been."""
        return frozenset(_pair(key) for key in self._state.books)

    @property
    def handles(self) -> frozenset[str]:
        """Everybody who takes part."""
        return frozenset(self._handles.values())

    def snapshot(self, who: str | None, prices: Shape, feed_seq: int) -> Shape:
        """Everything `who` may see, as of `seq`; without a handle, what is public."""
        state, info = self._state, self.info
        state.changed.rfqs.update(state.rfqs)
        state.changed.quotes.update(state.quotes)
        state.changed.orders.update(state.open_orders.get(who, {}) if who else {})
        rows = self._take_rows()
        return {
            "session": shapes.session(info),
            "status": info.status,
            "prices": prices,
            "feed_seq": feed_seq,
            "books": [self._whole_book(pair) for pair in sorted(self.pairs)],
            "rfqs": [shapes.rfq(info, row) for row in rows.get(projections.RFQS, ())],
            "quotes": [shapes.quote(info, row) for row in rows.get(projections.QUOTES, ())],
            "participant_id": who,
            "orders": [shapes.order(info, row, []) for row in rows.get(projections.ORDERS, ())],
            "holdings": self._holdings(who) if who else {},
            "server_time": shapes.moment(now_us()),
        }

    # What one event says

    def _tell(self, item: Committed, step: Step, audiences: Collection[str], undone: Mapping[int, Trade]) -> None:
        rows, seq, at, info = self._take_rows(), item.seq, item.at, self.info
        trades = rows.get(projections.TRADES, [])
        if isinstance(item.event, e.TradeBusted) and item.event.trade in undone:
            shown = shapes.trade(info, undone[item.event.trade], is_busted=True)
            step.facts.append(Fact("trade", seq, at, shown))
        step.facts += [Fact("trade", seq, at, shapes.trade(info, row)) for row in trades]
        step.facts += [Fact("rfq", seq, at, shapes.rfq(info, row)) for row in rows.get(projections.RFQS, ())]
        step.facts += [Fact("quote", seq, at, shapes.quote(info, row)) for row in rows.get(projections.QUOTES, ())]
        for row in rows.get(projections.ORDERS, ()):
            if row.participant in audiences:
                fills = [trade for trade in trades if row.number in {trade.maker, trade.taker}]
                step.facts.append(Fact("order", seq, at, shapes.order(info, row, fills), row.participant))
        for row in rows.get(projections.ANNOUNCEMENTS, ()):
            if not row.participant or row.participant in audiences:
                step.facts.append(Fact("announcement", seq, at, shapes.announcement(info, row), row.participant))
        if isinstance(item.event, _LIFE):
            step.status_changed = True
            reason = getattr(item.event, "reason", "") or None
            data = {"session": shapes.session(info), "status": info.status, "reason": reason}
            step.facts.append(Fact("status", seq, at, data))
        step.members_changed |= isinstance(item.event, _MEMBERSHIP)
        step.holders.update(row.participant for row in rows.get(projections.HOLDINGS, ()))

    def _take_rows(self) -> dict[Table, list[Any]]:
        """The rows that the tables get for what changed since the last call, by table, as named tuples."""
        found = {
            table: [_ROWS[table]._make(row) for row in rows] for table, rows in projections.take_writes(self._state)
        }
        for row in found.get(projections.SESSIONS, ()):
            self.info = queries.info_of(row)
        return found

    def _learn_members(self) -> None:
        self._handles = {person.user: person.handle for person in self._state.members()}

    def _note_levels(self, event: Event, step: Step) -> None:
        """Before it is applied: the prices at which `event` moves what rests."""
        match event:
            case e.OrderPlaced(order_type="limit"):
                pair = (event.asset, event.quote_asset)
                step.levels.setdefault(pair, set()).add((event.is_buy, event.price))
            case e.OrderMatched():
                self._note_order(event.maker, step)
                self._note_order(event.taker, step)
            case e.OrderReplaced():
                self._note_order(event.order, step)
                order = self._state.orders[event.order]
                step.levels[order.asset, order.quote_asset].add((order.is_buy, event.price))
            case e.OrderCancelled() | e.OrderExpired():
                self._note_order(event.order, step)

    def _note_order(self, number: int, step: Step) -> None:
        order = self._state.orders[number]
        if order.order_type == "limit":
            step.levels.setdefault((order.asset, order.quote_asset), set()).add((order.is_buy, order.price))

    # Books and holdings

    def _changed_levels(self, pair: Pair, touched: set[tuple[bool, int]]) -> Shape:
        sides: dict[bool, list[Shape]] = {True: [], False: []}
        book = self._state.book(*pair)
        for is_buy, price in sorted(touched, key=lambda level: -level[1] if level[0] else level[1]):
            level = (book.bids if is_buy else book.asks).levels.get(price)
            entry = BookLevel(price, level.quantity, len(level.orders)) if level else BookLevel(price, 0, 0)
            sides[is_buy].append(shapes.level(self.info, entry))
        return {"asset": pair[0], "quote_asset": pair[1], "bids": sides[True], "asks": sides[False]}

    def _whole_book(self, pair: Pair) -> Shape:
        book = self._state.book(*pair)
        sides = [
            [shapes.level(self.info, BookLevel(*level)) for level in book.depth(is_buy=is_buy, limit=sys.maxsize)]
            for is_buy in (True, False)
        ]
        return {"asset": pair[0], "quote_asset": pair[1], "bids": sides[0], "asks": sides[1]}

    def _allocation(self, who: str) -> Shape:
        return {"session_id": self.info.session_id, "participant_id": who, "holdings": self._holdings(who)}

    def _holdings(self, who: str) -> Shape:
        held = {asset: self._state.held(who, asset) for asset in (*self.info.legs, CASH)}
        return {
            asset: shapes.holding(self.info, asset, HoldingInfo(holding.total, holding.reserved), private=True)
            for asset, holding in held.items()
        }


def _pair(key: str) -> Pair:
    asset, _, quote_asset = key.partition("/")
    return asset, quote_asset
