"""An exchange as its feed sees it: folded from committed events by the engine's own evolve, and told as facts.

It is a copy beside the runtime's warm state: what is not committed cannot be seen here. Rows come from
predictions.projections, the code that writes the tables, so the feed and the API cannot disagree.
"""

from collections import namedtuple
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from common.clock import now_us
from common.db import Table
from common.ids import public_id
from ledger.domain import Committed
from predictions import projections, shapes
from predictions.engine import events as e
from predictions.engine.evolve import evolve
from predictions.engine.state import ExchangeState
from predictions.queries import BookInfo, Level
from predictions.shapes import Shape

_ROWS: dict[Table, Any] = {table: namedtuple(table.model.__name__, table.columns) for table in projections.TABLES}
_STEPS: dict[type, str] = {
    e.MarketClosed: "closed",
    e.ResolutionProposed: "proposed",
    e.ResolutionChallenged: "challenged",
    e.MarketResolved: "resolved",
    e.ResolutionCorrected: "corrected",
}
_ORDER = {"trade": 0, "order": 1, "position": 2, "price": 3, "book": 4, "status": 5}
"""Within one seq: the trade first, so that whoever holds a seq has its trade."""
_DEEPEST = 99


class Fact(NamedTuple):
    """One thing to tell of a market: `data` to everybody, `own` to `agent`; where one is None, not to them."""

    kind: str
    market: int
    seq: int
    at: int
    data: Shape | None
    agent: int = 0
    own: Shape | None = None


class _Touched:
    """What some events left changed: the seq and time of the last change of each thing."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, Any]] = {}
        self.fills: dict[int, list[Any]] = {}
        self.positions: dict[tuple[int, int], tuple[int, int, Any]] = {}
        self.markets: set[int] = set()
        self.books: set[int] = set()


class Mirror:
    """The state after event `seq`, which happened at `at`."""

    def __init__(self, state: ExchangeState, at: int) -> None:
        self._state, self.at = state, at
        self._markets: dict[int, Any] = {}
        state.changed.markets.update(state.markets)
        self._take_rows()

    @property
    def seq(self) -> int:
        return self._state.facts.seq

    def agents_of(self, user: str) -> frozenset[int]:
        """The agents that a user is, or owns."""
        agents = self._state.agents.values()
        return frozenset(agent.id for agent in agents if user and user in {agent.user, agent.owner})

    def has(self, market: int) -> bool:
        """Whether there is such a market."""
        return market in self._markets

    def fold(self, events: Sequence[Committed]) -> list[Fact]:
        """Apply committed events up to the end of a batch, and say what they did, in order.

        Trades and steps are told each; of an order, a book, a price or a position only how these events left it.
        """
        facts, touched = list[Fact](), _Touched()
        for item in events:
            evolve(self._state, item.event, item.at)
            self.at = item.at
            facts += self._happened(item, self._take_rows(), touched)
        facts += self._stands(touched)
        return sorted(facts, key=lambda fact: (fact.seq, _ORDER[fact.kind]))

    def snapshot(self, market: int, agents: Collection[int]) -> Shape:
        """Everything of a market that these agents may see, as of `seq`."""
        state = self._state
        mine = (order for number in agents for order in state.of_agent.get(number, {}).values())
        state.changed.orders.update({order.id: order for order in mine if order.market == market})
        held = state.positions.get(market, {})
        state.changed.positions.update({(market, agent): held[agent] for agent in agents if agent in held})
        rows = self._take_rows()
        row = self._markets[market]
        return {
            "market": shapes.market(row),
            "status": row.status,
            "price": _price(row),
            "book": self._book(market),
            "orders": [_own(one, ()) for one in rows.get(projections.ORDERS, ())],
            "positions": [self._position(one) for one in rows.get(projections.POSITIONS, ())],
            "server_time": shapes.moment(now_us()),
        }

    def _happened(self, item: Committed, rows: Mapping[Table, Sequence[Any]], touched: _Touched) -> Iterator[Fact]:
        """What must be told of each event; what only matters in its last state is noted."""
        seq, at = item.seq, item.at
        for row in rows.get(projections.TRADES, ()):
            yield Fact("trade", row.market, seq, at, shapes.trade(row))
            for order in (row.bid_order, row.ask_order):
                touched.fills.setdefault(order, []).append(row)
        for row in rows.get(projections.ORDERS, ()):
            touched.orders[row.number] = seq, at, row
            touched.books.add(row.market)
        for row in rows.get(projections.POSITIONS, ()):
            touched.positions[row.market, row.agent] = seq, at, row
        touched.markets.update(row.number for row in rows.get(projections.MARKETS, ()))
        if step := _STEPS.get(type(item.event)):
            row = self._markets[item.event.market]  # type: ignore[attr-defined]  # all of _STEPS have it
            yield Fact(
                "status", row.number, seq, at, {"status": row.status, "step": step, "market": shapes.market(row)}
            )

    def _stands(self, touched: _Touched) -> Iterator[Fact]:
        for seq, at, row in touched.orders.values():
            shown = None if row.approve_by and row.priority == row.number else _anybodys(row)  # it only waited
            own = _own(row, touched.fills.get(row.number, ()))
            yield Fact("order", row.market, seq, at, shown, row.agent, own)
        for seq, at, row in touched.positions.values():
            yield Fact("position", row.market, seq, at, None, row.agent, self._position(row))
        for market in sorted(touched.markets):
            yield Fact("price", market, self.seq, self.at, _price(self._markets[market]))
        for market in sorted(touched.books):
            yield Fact("book", market, self.seq, self.at, self._book(market))

    def _take_rows(self) -> dict[Table, list[Any]]:
        """The rows that the tables get for what changed since the last call, by table, as named tuples."""
        found = {
            table: [_ROWS[table]._make(row) for row in rows] for table, rows in projections.take_writes(self._state)
        }
        self._markets.update({row.number: row for row in found.get(projections.MARKETS, ())})
        return found

    def _position(self, row: Any) -> Shape:
        return shapes.position(row.stream_id, row, self._markets[row.market], private=True)

    def _book(self, market: int) -> Shape:
        book = self._state.book(market)
        sides = [
            tuple(Level(*level) for level in book.depth(is_buy=is_buy, limit=_DEEPEST)) for is_buy in (True, False)
        ]
        return shapes.book(BookInfo(*sides))


def _anybodys(row: Any) -> Shape:
    """An order without saying whose it is."""
    return {
        "id": public_id(row.stream_id, row.number),
        "side": row.outcome,
        "order_type": row.action,
        "type": row.order_type,
        "price": shapes.cents(row.price) if row.price else None,
        "size": row.size,
        "remaining": row.size - row.filled,
        "status": row.status,
        "mine": False,
    }


def _own(row: Any, trades: Sequence[Any]) -> Shape:
    return {**shapes.order(row, trades), "mine": True}


def _price(row: Any) -> Shape:
    shown = shapes.market(row)
    return {name: shown[name] for name in ("yes_price", "no_price", "volume", "trades", "open_interest")}
