"""What an exchange is at a moment. Changed by evolve alone; decide only reads."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

import msgspec

from matching.book import Book
from predictions.engine.pricing import CENT, SHARE, ceil_rate
from predictions.engine.records import YES, Agent, Claim, Entry, Facts, Market, Order, Position, Trade, Verdict

ENGINE_VERSION = 1


class Saved(msgspec.Struct):
    """A whole state as a snapshot has it: what cannot be derived, in an order that is always the same."""

    facts: Facts
    agents: list[Agent]
    markets: list[Market]
    positions: list[Position]
    claims: list[Claim]
    orders: list[Order]


class Purse(NamedTuple):
    """An agent's money as it was before the command that touched it."""

    agent: Agent
    balance: int
    locked: int
    fees_locked: int


class Shares(NamedTuple):
    """A position as it was before the command that touched it."""

    position: Position
    yes: int
    no: int
    yes_locked: int
    no_locked: int


class Touched:
    """What one command touched, with what had been there: what the cheap invariants compare."""

    def __init__(self) -> None:
        self.purses: dict[int, Purse] = {}
        self.shares: dict[tuple[int, int], Shares] = {}
        self.orders: dict[int, tuple[Order, int, int]] = {}
        self.pairs: dict[int, int] = {}
        self.platform = 0
        self.issued = 0


class Changed:
    """What changed since the rows were last written."""

    def __init__(self) -> None:
        self.exchange = False
        self.agents: dict[int, Agent] = {}
        self.markets: dict[int, Market] = {}
        self.positions: dict[tuple[int, int], Position] = {}
        self.orders: dict[int, Order] = {}
        self.trades: list[Trade] = []
        self.entries: list[Entry] = []
        self.verdicts: list[Verdict] = []


Deadline = tuple[int, int]  # (when, number of an order or a market)


class ExchangeState:
    """The facts, what is open, and what is derived from both: books, deadlines, orders by agent and by market."""

    def __init__(self, stream: UUID, saved: Saved | None = None) -> None:
        self.stream = stream
        self.facts = saved.facts if saved else Facts()
        self.agents: dict[int, Agent] = {}
        self.markets: dict[int, Market] = {}
        self.positions: dict[int, dict[int, Position]] = {}
        self.claims: dict[int, dict[int, Claim]] = {}
        self.orders: dict[int, Order] = {}
        self.books: dict[int, Book[Order]] = {}
        self.deadlines: list[Deadline] = []
        self.users: dict[str, int] = {}
        self.of_agent: dict[int, dict[int, Order]] = {}
        self.of_market: dict[int, dict[int, Order]] = {}
        self.touched = Touched()
        self.changed = Changed()
        if saved:
            self._restore(saved)

    def _restore(self, saved: Saved) -> None:
        for agent in saved.agents:
            self.agents[agent.id] = agent
            self.users[agent.user] = agent.id
        for market in saved.markets:
            self.markets[market.id] = market
            self.expect_market(market)
        for position in saved.positions:
            self.positions.setdefault(position.market, {})[position.agent] = position
        for claim in saved.claims:
            self.claims.setdefault(claim.market, {})[claim.agent] = claim
        for order in sorted(saved.orders, key=lambda order: order.priority):
            self.orders[order.id] = order
            self.index(order)

    def saved(self) -> Saved:
        """The state for a snapshot, or to compare with another: equal states give equal ones."""
        return Saved(
            self.facts,
            [agent for _, agent in sorted(self.agents.items())],
            [market for _, market in sorted(self.markets.items())],
            [one for _, of_market in sorted(self.positions.items()) for _, one in sorted(of_market.items())],
            [one for _, of_market in sorted(self.claims.items()) for _, one in sorted(of_market.items())],
            [order for _, order in sorted(self.orders.items())],
        )

    # Derived

    def book(self, market: int) -> Book[Order]:
        """The one book of a market, in cents of YES."""
        book = self.books.get(market)
        if book is None:
            book = self.books[market] = Book()
        return book

    def index(self, order: Order) -> None:
        """Put a live order into its lists, and into the book unless it waits or never rests."""
        if not order.is_waiting and order.order_type == "limit":
            self.book(order.market).add(order)
        self.of_agent.setdefault(order.agent, {})[order.id] = order
        self.of_market.setdefault(order.market, {})[order.id] = order
        self.expect(order.ends_at, order.id)

    def expect(self, when: int, number: int) -> None:
        """Remember a deadline."""
        if when:
            insort(self.deadlines, (when, number))

    def unexpect(self, when: int, number: int) -> None:
        """Forget a deadline."""
        if when:
            del self.deadlines[bisect_left(self.deadlines, (when, number))]

    def expect_market(self, market: Market) -> None:
        """A market's next deadline: its closing, or its payout."""
        self.expect(due_of(market), market.id)

    def position(self, market: int, agent: int) -> Position:
        """A position to read; empty where there is none."""
        return self.positions.get(market, {}).get(agent) or Position(agent, market)

    def holders(self, market: int) -> Iterator[Position]:
        """All positions of a market, by agent."""
        return (position for _, position in sorted(self.positions.get(market, {}).items()))

    def fee_rate(self, agent: Agent) -> int:
        """The trading fee of an agent; the house pays none."""
        return 0 if agent.role == "house" else self.facts.terms.trading_fee

    def wanted(self, order: Order) -> tuple[int, int]:
        """(reserved, fee_reserved) of what remains of a live order at its limit."""
        if order.order_type != "limit":
            return 0, 0
        if not order.is_purchase:
            return order.remaining, 0
        cost = order.remaining * order.limit * CENT
        rate = self.fee_rate(self.agents[order.agent])
        return cost, ceil_rate(order.notional + cost, rate) - order.fee

    # For evolve

    def touch_agent(self, number: int) -> Agent:
        """An agent whose money is about to change."""
        agent = self.agents[number]
        if number not in self.touched.purses:
            self.touched.purses[number] = Purse(agent, agent.balance, agent.locked, agent.fees_locked)
        self.changed.agents[number] = agent
        return agent

    def touch_position(self, market: int, number: int) -> Position:
        """A position that is about to change."""
        of_market = self.positions.setdefault(market, {})
        position = of_market.get(number)
        if position is None:
            position = of_market[number] = Position(number, market)
        key = (market, number)
        if key not in self.touched.shares:
            self.touched.shares[key] = Shares(
                position, position.yes, position.no, position.yes_locked, position.no_locked
            )
        self.changed.positions[key] = position
        return position

    def touch_order(self, order: Order) -> None:
        """Say that `order` is about to change."""
        if order.id not in self.touched.orders:
            self.touched.orders[order.id] = (order, order.reserved, order.fee_reserved)
            self.touch_market(order.market)
        self.changed.orders[order.id] = order

    def touch_market(self, number: int) -> Market:
        """A market that is about to change, or whose book is."""
        market = self.markets[number]
        self.touched.pairs.setdefault(number, market.pairs)
        return market

    def take_fee(self, fee: int) -> None:
        """The platform's share of what just moved."""
        self.facts.platform += fee
        self.touched.platform += fee
        self.changed.exchange = True


def due_of(market: Market) -> int:
    """When time alone changes a market next; 0 for never."""
    return market.deadline if market.status == "open" else market.pays_at


def yes_price(outcome: str, price: int) -> int:
    """A price of either outcome in cents of YES, and back."""
    return price if outcome == YES else 100 - price


def escrow(pairs: int) -> int:
    """The money that stands behind pairs of shares."""
    return pairs * SHARE
