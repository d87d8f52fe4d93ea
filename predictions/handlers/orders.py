"""Orders: place, approve, replace, cancel, in bulk or alone; and what to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from common.errors import DomainError
from common.ids import Actor
from ledger.domain import Committed
from ledger.runtime import runtime
from ledger.tickets import Item, Outcome, fingerprint
from predictions import queries
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.state import yes_price

MOST_IN_BULK = 1000
OrderCommand = c.PlaceOrder | c.ReplaceOrder | c.CancelOrder


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of a trade as the order's owner sees it: `price` is of the order's outcome."""

    trade: int
    size: int
    price: int
    is_maker: bool
    at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """An order as a command left it, and the fills of that command. A repeated command answers the same."""

    stream: UUID
    number: int
    agent: int
    market: int
    outcome: str
    action: str
    order_type: str
    size: int
    price: int
    time_in_force: str
    expires_at: int
    approve_by: int
    client_order_id: str
    filled: int
    status: str
    reason: str
    created_at: int
    updated_at: int
    fills: tuple[Fill, ...]
    replayed: bool


def place_order(stream: UUID, command: c.PlaceOrder, actor: Actor, *, command_id: str = "") -> Receipt:
    """Place an order and match it. A client_order_id makes it happen once, whoever repeats it."""
    return _placed(runtime.execute_item(stream, _item(command, actor, command_id), actor))


def approve_order(stream: UUID, number: int, actor: Actor, *, command_id: str = "") -> Receipt:
    """Let an order that waits go to the market."""
    return _changed(runtime.execute(stream, c.ApproveOrder(order=number), actor, command_id=command_id), number)


def reject_order(stream: UUID, number: int, actor: Actor, *, command_id: str = "") -> Receipt:
    """End an order that waits."""
    return _changed(runtime.execute(stream, c.RejectOrder(order=number), actor, command_id=command_id), number)


def replace_order(stream: UUID, command: c.ReplaceOrder, actor: Actor, *, command_id: str = "") -> Receipt:
    """Change an open order's size or price."""
    return _changed(runtime.execute(stream, command, actor, command_id=command_id), command.order)


def cancel_order(stream: UUID, number: int, actor: Actor, *, command_id: str = "") -> Receipt:
    """Cancel an open order."""
    return _changed(runtime.execute(stream, c.CancelOrder(order=number), actor, command_id=command_id), number)


def cancel_orders(stream: UUID, command: c.CancelOrders, actor: Actor, *, command_id: str = "") -> list[int]:
    """Cancel an agent's open orders; the numbers of those that were."""
    outcome = runtime.execute(stream, command, actor, command_id=command_id)
    return [item.event.order for item in outcome.events if isinstance(item.event, e.OrderCancelled)]


def bulk_orders(
    stream: UUID, commands: Sequence[OrderCommand], actor: Actor, *, command_id: str = ""
) -> list[Receipt | DomainError]:
    """Up to 1000 places, replaces and cancels in one transaction, in order, each with its own result."""
    if not 1 <= len(commands) <= MOST_IN_BULK:
        raise DomainError("invalid_bulk", f"A bulk has 1 to {MOST_IN_BULK} commands.", field="orders")
    items = [_item(command, actor, "") for command in commands]
    outcome = runtime.execute_bulk(stream, items, actor, command_id=command_id)
    return [
        result if isinstance(result, DomainError) else _receipt(command, result)
        for command, result in zip(commands, outcome.results, strict=True)
    ]


def _receipt(command: OrderCommand, outcome: Outcome) -> Receipt:
    return _placed(outcome) if isinstance(command, c.PlaceOrder) else _changed(outcome, command.order)


def _item(command: OrderCommand, actor: Actor, command_id: str) -> Item:
    """A client_order_id is unique per agent, whoever acts for it; other ids belong to the actor."""
    if isinstance(command, c.PlaceOrder) and command.client_order_id:
        mark = fingerprint([actor.id, fingerprint(command)])
        return Item(command, f"order:{command.client_order_id}", f"agent:{command.agent}", mark)
    return Item(command, command_id, actor.id if command_id else "", fingerprint(command))


def _placed(outcome: Outcome) -> Receipt:
    """What OrderPlaced and the events after it say: nothing else is looked up."""
    placed, event = outcome.events[0], outcome.events[0].event
    assert isinstance(event, e.OrderPlaced)
    fills = _fills(outcome.events, placed.seq, event.outcome)
    filled, reason = sum(fill.size for fill in fills), _ended(outcome.events, placed.seq)
    waits = bool(event.approve_by)
    return Receipt(
        outcome.stream,
        placed.seq,
        event.agent,
        event.market,
        event.outcome,
        event.action,
        event.order_type,
        event.size,
        event.price,
        event.time_in_force,
        event.expires_at,
        event.approve_by,
        event.client_order_id,
        filled,
        "pending_approval" if waits else _status(event.size, filled, reason),
        reason,
        placed.at,
        placed.at,
        fills,
        outcome.replayed,
    )


def _changed(outcome: Outcome, number: int) -> Receipt:
    """The order's own terms, as the command left them."""
    row = queries.order(outcome.stream, number)
    size, price = row.size, row.price
    for item in outcome.events:
        if isinstance(item.event, e.OrderReplaced):
            size, price = item.event.size, item.event.price
    trades = queries.trades_of_orders(outcome.stream, [number])[number]
    filled = sum(trade.size for trade in trades if trade.number <= outcome.last_seq)
    reason = _ended(outcome.events, number)
    return Receipt(
        outcome.stream,
        number,
        row.agent,
        row.market,
        row.outcome,
        row.action,
        row.order_type,
        size,
        price,
        row.time_in_force,
        row.expires_at,
        row.approve_by,
        row.client_order_id,
        filled,
        _status(size, filled, reason),
        reason,
        row.created_at,
        outcome.events[0].at,
        _fills(outcome.events, number, row.outcome),
        outcome.replayed,
    )


def _fills(events: Sequence[Committed], number: int, side: str) -> tuple[Fill, ...]:
    return tuple(
        Fill(item.seq, item.event.size, yes_price(side, item.event.price), item.event.maker == number, item.at)
        for item in events
        if isinstance(item.event, e.OrderMatched) and number in {item.event.maker, item.event.taker}
    )


def _ended(events: Sequence[Committed], number: int) -> str:
    """Why the order was cancelled by these events; "" if it wasn't."""
    for item in events:
        if isinstance(item.event, e.OrderCancelled) and item.event.order == number:
            return item.event.reason
    return ""


def _status(size: int, filled: int, reason: str) -> str:
    if reason:
        return "cancelled"
    if filled == size:
        return "filled"
    return "partially_filled" if filled else "open"
