"""One event → the next state, in place. The same function for live commands and for replay."""

from collections.abc import Callable
from typing import Any

from common.events import Event
from predictions.engine import events as e
from predictions.engine.state import Changed, ExchangeState, Touched
from predictions.engine.steps import agents, markets, orders

Step = Callable[[ExchangeState, Any, int], None]


def evolve(state: ExchangeState, event: Event, at: int) -> None:
    """Apply `event`, which happened at `at` (µs) as number `state.facts.seq` + 1."""
    state.facts.seq += 1
    _STEPS[type(event)](state, event, at)


def forget_changes(state: ExchangeState) -> None:
    """Begin afresh to note what is touched and changed."""
    state.touched, state.changed = Touched(), Changed()


_STEPS: dict[type[Event], Step] = {
    e.ExchangeCreated: agents.exchange_created,
    e.AgentRegistered: agents.registered,
    e.ModeSet: agents.mode_set,
    e.RoleSet: agents.role_set,
    e.MoneyIssued: agents.issued,
    e.MoneyTransferred: agents.transferred,
    e.MarketCreated: markets.market_created,
    e.HouseOpened: markets.house_opened,
    e.MarketClosed: markets.market_closed,
    e.OrderPlaced: orders.placed,
    e.OrderApproved: orders.approved,
    e.OrderMatched: orders.matched,
    e.OrderReplaced: orders.replaced,
    e.OrderCancelled: orders.order_cancelled,
    e.OrderExpired: orders.order_expired,
    e.SetsSplit: orders.split,
    e.SetsMerged: orders.merged,
    e.ResolutionProposed: markets.proposed,
    e.ResolutionChallenged: markets.challenged,
    e.MarketResolved: markets.resolved,
    e.ResolutionCorrected: markets.corrected,
}
