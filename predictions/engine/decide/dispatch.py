"""Command → the function that decides it; and what time alone decides."""

from collections.abc import Callable
from typing import Any

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide import agents, house, markets, orders, resolution
from predictions.engine.state import ExchangeState

Decision = Callable[[ExchangeState, Any, Actor, int], list[Event]]


def decide(state: ExchangeState, command: c.Command, actor: Actor, now: int) -> list[Event]:
    """The events that `command` by `actor` causes at `now`, or DomainError. Changes nothing."""
    if not state.facts.name and not isinstance(command, c.CreateExchange):
        raise DomainError("not_found", "There is no such exchange.")
    return _DECISIONS[type(command)](state, command, actor, now)


def due(state: ExchangeState, now: int) -> list[Event]:
    """What time makes happen next, up to `now`, in the order of its nominal times; empty when all is done.

    Orders that expire before the next market closes or pays go together; a market goes alone.
    """
    decided: list[Event] = []
    for when, number in state.deadlines:
        if when > now:
            break
        order = state.orders.get(number)
        if order is None:
            return decided or _market_due(state, number)
        decided.append(e.OrderExpired(number, "approval_expired" if order.is_waiting else "gtd"))
    return decided


def _market_due(state: ExchangeState, number: int) -> list[Event]:
    market = state.markets[number]
    if market.status == "open":
        return markets.closing(state, market, "deadline")
    return resolution.paying_proposed(state, market)


def _nothing(state: ExchangeState, command: c.AdvanceExchange, actor: Actor, now: int) -> list[Event]:
    return []


_DECISIONS: dict[type[c.Command], Decision] = {
    c.CreateExchange: agents.create,
    c.RegisterAgent: agents.register,
    c.SetMode: agents.set_mode,
    c.SetRole: agents.set_role,
    c.DrawFaucet: agents.draw,
    c.Transfer: agents.transfer,
    c.CreateMarket: markets.create,
    c.OpenHouse: house.open_house,
    c.PlaceOrder: orders.place,
    c.ApproveOrder: orders.approve,
    c.RejectOrder: orders.reject,
    c.ReplaceOrder: orders.replace,
    c.CancelOrder: orders.cancel,
    c.CancelOrders: orders.cancel_all,
    c.SplitSets: orders.split,
    c.MergeSets: orders.merge,
    c.ResolveMarket: resolution.resolve,
    c.ChallengeResolution: resolution.challenge,
    c.CorrectResolution: resolution.correct,
    c.AdvanceExchange: _nothing,
}
