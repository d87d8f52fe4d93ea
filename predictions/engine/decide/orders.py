"""Placing, approving, replacing and cancelling orders; splitting and merging sets."""

from collections.abc import Sequence

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from matching.match import Incoming, Match, SelfTradePrevention, match
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide import house
from predictions.engine.decide.access import (
    acting,
    live_order,
    market_for,
    require_cash,
    require_free_hand,
    require_owner,
    require_size,
    require_trader,
)
from predictions.engine.pricing import CENT, SHARE, ceil_rate
from predictions.engine.records import NO, YES, Agent, Order
from predictions.engine.state import ExchangeState, yes_price


def place(state: ExchangeState, command: c.PlaceOrder, actor: Actor, now: int) -> list[Event]:
    """OrderPlaced, then its matches, then why the rest of it doesn't rest, if it doesn't.

    An order by the key of an agent in manual mode only waits: what it may need is reserved, nothing is matched.
    """
    agent = acting(state, command.agent, actor)
    require_trader(agent)
    market = market_for(state, command.market, "trade")
    time_in_force = _checked_terms(command, now)
    waits = agent.mode == "manual" and not (actor.organiser or actor.id == agent.owner)
    if waits and command.order_type == "market":
        raise DomainError("approval_required", "In manual mode an order needs a price.", field="order_type")
    _check_cover(state, agent, command)
    approve_by = 0
    if waits:
        patience = now + state.facts.terms.approval_window
        approve_by = min(when for when in (patience, market.deadline, command.expires_at) if when)
    placed = e.OrderPlaced(
        command.agent,
        command.market,
        command.outcome,
        command.action,
        command.order_type,
        command.size,
        command.price,
        time_in_force,
        command.expires_at,
        command.client_order_id,
        approve_by,
    )
    if waits:
        return [placed]
    is_buy = (command.action == "buy") == (command.outcome == YES)
    limit = yes_price(command.outcome, command.price) if command.price else None
    found = _match(state, command.market, Incoming(is_buy, command.size, limit, agent.person))
    if command.order_type == "market" and command.action == "buy":
        _check_market_cost(state, agent, command.outcome, found)
    return [placed, *_after(state, found, state.facts.seq + 1, time_in_force, command.order_type)]


def approve(state: ExchangeState, command: c.ApproveOrder, actor: Actor, now: int) -> list[Event]:
    """OrderApproved, then what placing it would have done. Once: an order waits no longer than until then."""
    order, agent = live_order(state, command.order, actor)
    require_owner(agent, actor)
    _require_waiting(order)
    found = _match(state, order.market, Incoming(order.is_buy, order.remaining, order.price, order.owner))
    return [e.OrderApproved(order.id), *_after(state, found, order.id, order.time_in_force, "limit")]


def reject(state: ExchangeState, command: c.RejectOrder, actor: Actor, now: int) -> list[Event]:
    """OrderCancelled, by the owner."""
    order, agent = live_order(state, command.order, actor)
    require_owner(agent, actor)
    _require_waiting(order)
    return [e.OrderCancelled(order.id, "rejected")]


def _require_waiting(order: Order) -> None:
    if not order.is_waiting:
        raise DomainError("not_waiting", "This order does not wait for approval.")


def replace(state: ExchangeState, command: c.ReplaceOrder, actor: Actor, now: int) -> list[Event]:
    """OrderReplaced, then matches where the new terms cross. Shrinking alone keeps priority."""
    order, agent = live_order(state, command.order, actor)
    require_free_hand(agent, actor, "replace an order")
    require_trader(agent)
    if order.is_waiting:
        raise DomainError("order_waits", "The order waits for approval: cancel it and place another one.")
    size, price = command.size or order.size, command.price or order.limit
    require_size(size)
    _check_price(price)
    if size <= order.filled:
        detail = f"{order.filled} shares are filled already: the new total must be above."
        raise DomainError("quantity_filled", detail, field="size")
    _check_replacement(state, agent, order, size - order.filled, price)
    keeps = price == order.limit and size <= order.size
    replaced = e.OrderReplaced(order.id, size, price, keeps)
    if keeps:
        return [replaced]
    incoming = Incoming(order.is_buy, size - order.filled, yes_price(order.outcome, price), order.owner)
    found = _match(state, order.market, incoming)
    return [replaced, *_after(state, found, order.id, order.time_in_force, "limit")]


def cancel(state: ExchangeState, command: c.CancelOrder, actor: Actor, now: int) -> list[Event]:
    """OrderCancelled. An agent's key may also withdraw what waits for approval."""
    order, agent = live_order(state, command.order, actor)
    _require_not_house(agent)
    return [e.OrderCancelled(order.id, "requested")]


def cancel_all(state: ExchangeState, command: c.CancelOrders, actor: Actor, now: int) -> list[Event]:
    """OrderCancelled for each open order of an agent; none is fine."""
    _require_not_house(acting(state, command.agent, actor))
    return [
        e.OrderCancelled(order.id, "requested")
        for _, order in sorted(state.of_agent.get(command.agent, {}).items())
        if command.market in {0, order.market}
    ]


def split(state: ExchangeState, command: c.SplitSets, actor: Actor, now: int) -> list[Event]:
    """SetsSplit: 1.00 for a YES and a NO share."""
    agent = acting(state, command.agent, actor)
    require_free_hand(agent, actor, "split sets")
    require_trader(agent)
    market_for(state, command.market, "split sets")
    require_size(command.size)
    require_cash(agent, command.size * SHARE, "size")
    return [e.SetsSplit(agent.id, command.market, command.size)]


def merge(state: ExchangeState, command: c.MergeSets, actor: Actor, now: int) -> list[Event]:
    """SetsMerged: 1.00 back for a YES and a NO share that no order has locked."""
    agent = acting(state, command.agent, actor)
    require_free_hand(agent, actor, "merge sets")
    _require_not_house(agent)
    market_for(state, command.market, "merge sets")
    require_size(command.size)
    for outcome in (YES, NO):
        _require_shares(state, agent, command.market, outcome, command.size)
    return [e.SetsMerged(agent.id, command.market, command.size)]


def _require_not_house(agent: Agent) -> None:
    if agent.role == "house":
        raise DomainError("not_trader", "A house trades by its own rule alone.")


def _match(state: ExchangeState, market: int, incoming: Incoming) -> Match[Order]:
    prevention: SelfTradePrevention = state.facts.terms.self_trade_prevention  # type: ignore[assignment]  # checked at creation
    return match(state.book(market), incoming, prevention)


def _after(
    state: ExchangeState, found: Match[Order], number: int, time_in_force: str, order_type: str
) -> list[Event]:
    """What follows from a match: its trades, the end of what doesn't rest, and the house's new quotes."""
    if time_in_force == "fok" and found.remaining:
        return [e.OrderCancelled(number, "fok_unfilled")]
    steps: list[Event] = [
        e.OrderMatched(resting.id, number, size, resting.price)
        if size
        else e.OrderCancelled(resting.id, "self_trade_prevention")
        for resting, size in found.steps
    ]
    return [*steps, *_rest(found, number, time_in_force, order_type), *house.quotes_after(state, found.steps)]


def _rest(found: Match[Order], number: int, time_in_force: str, order_type: str) -> Sequence[Event]:
    """Why what remains is cancelled; nothing where it rests or nothing remains."""
    if not found.remaining:
        return ()
    if found.stopped == "self_trade":
        return (e.OrderCancelled(number, "self_trade_prevention"),)
    if order_type == "market":
        return (e.OrderCancelled(number, "no_liquidity"),)
    if time_in_force == "ioc":
        return (e.OrderCancelled(number, "ioc_unfilled"),)
    return ()


def _checked_terms(command: c.PlaceOrder, now: int) -> str:
    """The time in force in effect. Refuses terms that contradict each other."""
    market = command.order_type == "market"
    _check_words(command)
    time_in_force = command.time_in_force or ("ioc" if market else "gtc")
    if time_in_force not in {"gtc", "gtd", "ioc", "fok"}:
        raise DomainError("invalid_order", "time_in_force must be gtc, gtd, ioc or fok.", field="time_in_force")
    if market and time_in_force not in {"ioc", "fok"}:
        raise DomainError("invalid_order", "A market order is ioc or fok.", field="time_in_force")
    if market and command.price:
        raise DomainError("invalid_order", "A market order takes no price.", field="price")
    if not market:
        _check_price(command.price)
    require_size(command.size)
    if (time_in_force == "gtd") != bool(command.expires_at):
        raise DomainError("invalid_order", "expires_at goes with gtd, and gtd needs it.", field="expires_at")
    if command.expires_at and command.expires_at <= now:
        raise DomainError("already_expired", "expires_at is in the past.", field="expires_at")
    return time_in_force


def _check_words(command: c.PlaceOrder) -> None:
    if command.outcome not in {YES, NO}:
        raise DomainError("invalid_order", "side must be YES or NO.", field="side")
    if command.action not in {"buy", "sell"}:
        raise DomainError("invalid_order", "order_type must be buy or sell.", field="order_type")
    if command.order_type not in {"limit", "market"}:
        raise DomainError("invalid_order", "type must be limit or market.", field="type")
    if len(command.client_order_id) > 64:
        raise DomainError("invalid_order", "client_order_id has at most 64 characters.", field="client_order_id")


def _check_price(price: int) -> None:
    if not 1 <= price <= 99:
        raise DomainError("invalid_order", "price is a whole number of cents from 0.01 to 0.99.", field="price")


def _check_cover(state: ExchangeState, agent: Agent, command: c.PlaceOrder) -> None:
    """A sale needs its shares, a limit purchase its cost and the fee on it."""
    if command.action == "sell":
        _require_shares(state, agent, command.market, command.outcome, command.size)
    elif command.order_type == "limit":
        cost = command.size * command.price * CENT
        require_cash(agent, cost + ceil_rate(cost, state.fee_rate(agent)), "size")


def _check_replacement(state: ExchangeState, agent: Agent, order: Order, rest: int, price: int) -> None:
    if not order.is_purchase:
        if rest > order.reserved:
            _require_shares(state, agent, order.market, order.outcome, rest - order.reserved)
        return
    cost = rest * price * CENT
    fee = ceil_rate(order.notional + cost, state.fee_rate(agent)) - order.fee
    more = cost + fee - order.reserved - order.fee_reserved
    if more > 0:
        require_cash(agent, more, "size")


def _check_market_cost(state: ExchangeState, agent: Agent, outcome: str, found: Match[Order]) -> None:
    """A market purchase costs what it meets, and the fee on it."""
    cost = sum(size * yes_price(outcome, resting.price) * CENT for resting, size in found.steps)
    require_cash(agent, cost + ceil_rate(cost, state.fee_rate(agent)), "size")


def _require_shares(state: ExchangeState, agent: Agent, market: int, outcome: str, wanted: int) -> None:
    free = state.position(market, agent.id).free(outcome)
    if free < wanted:
        detail = f"This needs {wanted} {outcome} shares; {free} are available."
        raise DomainError("insufficient_shares", detail, field="size")
