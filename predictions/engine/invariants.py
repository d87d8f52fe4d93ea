"""What must always be true of an exchange: cheap checks of what a command touched, and the full sums."""

from collections import Counter
from collections.abc import Iterator

from common.errors import InvariantViolation
from predictions.engine.records import YES, Order
from predictions.engine.state import ExchangeState, Touched, escrow

Key = tuple[str, int, int]
"""What stands behind orders: ("cash" or "fees", 0, agent), (outcome, market, agent)."""


def check_touched(state: ExchangeState) -> None:
    """Raise InvariantViolation if the last command broke a rule; costs what the command touched, no more."""
    touched, state.touched = state.touched, Touched()
    moved: dict[Key, int] = {}
    cash = _check_purses(touched, moved) + _check_shares(state, touched, moved)
    if cash + touched.platform != touched.issued:
        raise InvariantViolation(f"money changed by {cash + touched.platform}, {touched.issued} was issued")
    if state.facts.platform < 0:
        raise InvariantViolation("the platform paid what it did not have")
    for order, reserved, fees in touched.orders.values():
        if order.reserved != reserved:
            key = _backs(order)
            moved[key] = moved.get(key, 0) - (order.reserved - reserved)
        if order.fee_reserved != fees:
            key = ("fees", 0, order.agent)
            moved[key] = moved.get(key, 0) - (order.fee_reserved - fees)
    for key, rest in moved.items():
        if rest:
            raise InvariantViolation(f"{rest} locked by {key} stand behind no order")
    for number in touched.pairs:
        if number in state.books and state.books[number].is_crossed():
            raise InvariantViolation(f"the book of market {number} is crossed")


def _check_purses(touched: Touched, moved: dict[Key, int]) -> int:
    """0 ≤ locked ≤ balance. Answers by how much the agents' money changed."""
    total = 0
    for number, (agent, balance, locked, fees) in touched.purses.items():
        if agent.locked < 0 or agent.fees_locked < 0 or agent.available < 0:
            raise InvariantViolation(f"agent {number} locks {agent.locked} of {agent.balance}")
        total += agent.balance - balance
        moved["cash", 0, number] = agent.locked - locked
        moved["fees", 0, number] = agent.fees_locked - fees
    return total


def _check_shares(state: ExchangeState, touched: Touched, moved: dict[Key, int]) -> int:
    """As many YES as NO came and went. Answers by how much the escrow changed."""
    yes: dict[int, int] = {}
    no: dict[int, int] = {}
    for (market, agent), (position, had_yes, had_no, yes_locked, no_locked) in touched.shares.items():
        if not 0 <= position.yes_locked <= position.yes or not 0 <= position.no_locked <= position.no:
            raise InvariantViolation(f"agent {agent} locks shares of market {market} that it does not have")
        yes[market] = yes.get(market, 0) + position.yes - had_yes
        no[market] = no.get(market, 0) + position.no - had_no
        moved["YES", market, agent] = position.yes_locked - yes_locked
        moved["NO", market, agent] = position.no_locked - no_locked
    change = 0
    for market, pairs in touched.pairs.items():
        more = state.markets[market].pairs - pairs
        if not yes.get(market, 0) == no.get(market, 0) == more:
            raise InvariantViolation(f"YES, NO and pairs of market {market} don't change alike")
        change += escrow(more)
    return change


def _backs(order: Order) -> Key:
    return ("cash", 0, order.agent) if order.is_purchase else (order.outcome, order.market, order.agent)


def audit(state: ExchangeState) -> Iterator[str]:
    """The full invariants, one sentence per violation."""
    facts, locked = state.facts, Counter[Key]()
    for order in state.orders.values():
        if (order.reserved, order.fee_reserved) != state.wanted(order):
            yield f"order {order.id} reserves {order.reserved} and {order.fee_reserved}: not what its rest needs"
        locked[_backs(order)] += order.reserved
        locked["fees", 0, order.agent] += order.fee_reserved
    for agent in state.agents.values():
        if agent.locked < 0 or agent.fees_locked < 0 or agent.available < 0:
            yield f"agent {agent.id} locks {agent.locked} and {agent.fees_locked} of {agent.balance}"
        if (agent.locked, agent.fees_locked) != (locked["cash", 0, agent.id], locked["fees", 0, agent.id]):
            yield f"agent {agent.id} locks other money than its orders"
    yield from _audit_shares(state, locked)
    held = sum(agent.balance for agent in state.agents.values())
    pairs = escrow(sum(market.pairs for market in state.markets.values()))
    if held + pairs + facts.platform != facts.issued:
        yield f"cash {held}, escrow {pairs} and platform {facts.platform} are not the {facts.issued} issued"
    if facts.platform < 0:
        yield f"the platform has {facts.platform}"
    for number, book in state.books.items():
        if book.is_crossed():
            yield f"the book of market {number} is crossed"


def _audit_shares(state: ExchangeState, locked: Counter[Key]) -> Iterator[str]:
    for market in state.markets.values():
        positions = list(state.holders(market.id))
        totals = sum(position.yes for position in positions), sum(position.no for position in positions)
        if totals != (market.pairs, market.pairs):
            yield f"market {market.id} has {market.pairs} pairs, but {totals[0]} YES and {totals[1]} NO"
        for position in positions:
            who = f"agent {position.agent} in market {market.id}"
            if not 0 <= position.yes_locked <= position.yes or not 0 <= position.no_locked <= position.no:
                yield f"{who} locks shares that it does not have"
            wanted = tuple(locked[outcome, market.id, position.agent] for outcome in (YES, "NO"))
            if (position.yes_locked, position.no_locked) != wanted:
                yield f"{who} locks other shares than its orders"
