"""Orders: place, replace, cancel, in bulk or alone; and what to answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

from common.errors import DomainError
from common.ids import Actor
from ledger.domain import Committed
from ledger.runtime import runtime
from ledger.tickets import Item, Outcome, fingerprint
from markets import queries
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.state import Order
from markets.models import Trade


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of a trade as the order's owner sees it; `trade` is the seq that names it."""

    trade: int
    quantity: int
    price: int
    is_maker: bool
    at: int


@dataclass(frozen=True, slots=True)
class OrderReceipt:
    """An order as a command left it, and the fills of that command. A repeated command answers the same."""

    stream: UUID
    number: int
    participant: str
    asset: str
    quote_asset: str
    is_buy: bool
    order_type: str
    quantity: int
    price: int
    time_in_force: str
    expires_at: int
    post_only: bool
    client_order_id: str
    filled: int
    status: str
    reason: str
    created_at: int
    updated_at: int
    fills: tuple[Fill, ...]
    replayed: bool

    @property
    def has_older_fills(self) -> bool:
        """Whether there are trades of it besides `fills`."""
        return self.filled > sum(fill.quantity for fill in self.fills)


def place_order(stream: UUID, command: c.PlaceOrder, actor: Actor, *, command_id: str = "") -> OrderReceipt:
    """Place an order and match it. A client_order_id makes it happen once, whoever repeats it."""
    item = _item(command, actor)
    return placed_receipt(runtime.execute_item(stream, item, actor, command_id=command_id))


def replace_order(stream: UUID, command: c.ReplaceOrder, actor: Actor, *, command_id: str = "") -> OrderReceipt:
    """Change an open order's quantity or price."""
    return receipt(command, runtime.execute(stream, command, actor, command_id=command_id))


def cancel_order(stream: UUID, command: c.CancelOrder, actor: Actor, *, command_id: str = "") -> OrderReceipt:
    """Cancel an open order."""
    return receipt(command, runtime.execute(stream, command, actor, command_id=command_id))


def cancel_orders(stream: UUID, command: c.CancelOrders, actor: Actor, *, command_id: str = "") -> list[int]:
    """Cancel a participant's open orders; the numbers of those that were."""
    return cancelled(runtime.execute(stream, command, actor, command_id=command_id))


OrderCommand = c.PlaceOrder | c.ReplaceOrder | c.CancelOrder


def begin(
    stream: UUID, command: OrderCommand | c.CancelOrders, actor: Actor, *, command_id: str = ""
) -> "asyncio.Future[Outcome]":
    """Any of these for an event loop, in the order begun. `receipt` or `cancelled` says what to answer."""
    return runtime.begin_item(stream, _item(command, actor), actor, command_id=command_id)


MOST_IN_BULK = 1000


def bulk_orders(
    stream: UUID, commands: Sequence[OrderCommand], actor: Actor, *, command_id: str = ""
) -> list[OrderReceipt | DomainError]:
    """Up to 1000 places, replaces and cancels in one transaction, in order, each with its own result."""
    if not 1 <= len(commands) <= MOST_IN_BULK:
        raise DomainError("invalid_bulk", f"A bulk has 1 to {MOST_IN_BULK} commands.", field="orders")
    items = [_item(command, actor) for command in commands]
    outcome = runtime.execute_bulk(stream, items, actor, command_id=command_id)
    return [
        result if isinstance(result, DomainError) else receipt(command, result)
        for command, result in zip(commands, outcome.results, strict=True)
    ]


def cancelled(outcome: Outcome) -> list[int]:
    """The numbers of the orders that were cancelled."""
    return [item.event.order for item in outcome.events if isinstance(item.event, e.OrderCancelled)]


def receipt(command: OrderCommand, outcome: Outcome) -> OrderReceipt:
    """What to answer. Reads rows for a replace or cancel that was done by an earlier batch, and only then."""
    if isinstance(command, c.PlaceOrder):
        return placed_receipt(outcome)
    return changed_receipt(outcome, outcome.left or _as_it_was(outcome, command.order))


def trades_so_far(stream: UUID, receipts: Sequence[OrderReceipt]) -> dict[OrderReceipt, list[Trade]]:
    """All trades, as of its receipt, of each order that had some before. Reads nothing where none had."""
    older = [one for one in receipts if one.has_older_fills]
    found = queries.trades_of_orders(stream, {one.number for one in older}) if older else {}
    return {one: _until_filled(found[one.number], one.filled) for one in older}


def _until_filled(trades: Sequence[Trade], filled: int) -> list[Trade]:
    totals = accumulate(trade.amount_from for trade in trades)
    return [trade for trade, total in zip(trades, totals, strict=True) if total <= filled]


def _item(command: OrderCommand | c.CancelOrders, actor: Actor) -> Item:
    """A client_order_id is an id of its own, unique per participant, whoever acts for them."""
    if isinstance(command, c.PlaceOrder) and command.client_order_id:
        mark = fingerprint([actor.id, fingerprint(command)])
        return Item(command, f"order:{command.client_order_id}", f"participant:{command.participant}", mark)
    return Item(command, "", "", "")


def placed_receipt(outcome: Outcome) -> OrderReceipt:
    """What OrderPlaced and the events after it say: nothing else is looked up."""
    placed, event = outcome.events[0], outcome.events[0].event
    assert isinstance(event, e.OrderPlaced)
    fills = _fills(outcome.events, placed.seq)
    filled = sum(fill.quantity for fill in fills)
    reason = _ended(outcome.events, placed.seq)
    return OrderReceipt(
        outcome.stream,
        placed.seq,
        event.participant,
        event.asset,
        event.quote_asset,
        event.is_buy,
        event.order_type,
        event.quantity,
        event.price,
        event.time_in_force,
        event.expires_at,
        event.post_only,
        event.client_order_id,
        filled,
        _status(event.quantity, filled, reason),
        reason,
        placed.at,
        placed.at,
        fills,
        outcome.replayed,
    )


def changed_receipt(outcome: Outcome, order: Order) -> OrderReceipt:
    """The order as the command left it, and the fills of that command."""
    return OrderReceipt(
        outcome.stream,
        order.id,
        order.participant,
        order.asset,
        order.quote_asset,
        order.is_buy,
        order.order_type,
        order.quantity,
        order.price,
        order.time_in_force,
        order.expires_at,
        order.post_only,
        order.client_order_id,
        order.filled,
        order.status,
        order.reason,
        order.created_at,
        outcome.events[0].at,
        _fills(outcome.events, order.id),
        outcome.replayed,
    )


def _as_it_was(outcome: Outcome, number: int) -> Order:
    """The order as the command left it, from rows that may have changed since."""
    row = queries.order(outcome.stream, number)
    quantity, price = row.quantity, row.price
    for item in outcome.events:
        if isinstance(item.event, e.OrderReplaced):
            quantity, price = item.event.quantity, item.event.price
    filled = queries.filled_until(outcome.stream, number, outcome.last_seq)
    reason = _ended(outcome.events, number)
    terms = {name: getattr(row, name) for name in _TERMS}
    status = _status(quantity, filled, reason)
    return Order(
        id=number, owner="", quantity=quantity, price=price, filled=filled, status=status, reason=reason, **terms
    )


_TERMS = (
    "participant",
    "asset",
    "quote_asset",
    "is_buy",
    "order_type",
    "time_in_force",
    "expires_at",
    "post_only",
    "client_order_id",
    "created_at",
    "updated_at",
    "priority",
)


def _fills(events: Sequence[Committed], number: int) -> tuple[Fill, ...]:
    return tuple(
        Fill(item.seq, item.event.quantity, item.event.price, item.event.maker == number, item.at)
        for item in events
        if isinstance(item.event, e.OrderMatched) and number in {item.event.maker, item.event.taker}
    )


def _ended(events: Sequence[Committed], number: int) -> str:
    """Why the order was cancelled by these events; "" if it wasn't."""
    for item in events:
        if isinstance(item.event, e.OrderCancelled) and item.event.order == number:
            return item.event.reason
    return ""


def _status(quantity: int, filled: int, reason: str) -> str:
    if reason:
        return "cancelled"
    if filled == quantity:
        return "filled"
    return "partially_filled" if filled else "open"
