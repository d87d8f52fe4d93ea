"""Order entry, whatever the door: what a caller sent → commands in their name. Shared by the API and the socket."""

from collections.abc import Mapping

from common.errors import DomainError, InvalidInput
from common.fields import Fields
from common.ids import parse_public_id
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import orders
from markets.handlers.orders import OrderCommand
from markets.seats import Seat


def acting(body: object, seat: Seat) -> object:
    """A body that names nobody means the caller."""
    if isinstance(body, Mapping) and body.get("participant_id") is None and seat.handle:
        return {**body, "participant_id": seat.handle}
    return body


def parse_bulk(entries: object, seat: Seat) -> list[OrderCommand]:
    """The commands of a bulk; an order that isn't the caller's becomes number 0, which no order has."""
    if not isinstance(entries, list):
        raise InvalidInput("orders", "orders must be a list.")
    if not 1 <= len(entries) <= orders.MOST_IN_BULK:
        raise InvalidInput("orders", f"orders must hold 1 to {orders.MOST_IN_BULK} entries.")
    commands = [_parse_at(index, entry, seat) for index, entry in enumerate(entries)]
    numbers = {command.order for command in commands if not isinstance(command, c.PlaceOrder)}
    owners = queries.order_owners(seat.stream, numbers) if numbers else {}
    own = {number for number, who in owners.items() if seat.organises or who == seat.handle}
    return [_unseen(command, own) for command in commands]


def _parse_at(index: int, entry: object, seat: Seat) -> OrderCommand:
    try:
        return _parse(entry, seat)
    except DomainError as refusal:
        field = f"orders.{index}.{refusal.field}" if refusal.field not in {"", "body"} else f"orders.{index}"
        if isinstance(refusal, InvalidInput):
            raise InvalidInput(field, refusal.detail) from None
        raise DomainError(refusal.code, refusal.detail, field=field) from None


def _parse(entry: object, seat: Seat) -> OrderCommand:
    if not isinstance(entry, Mapping):
        raise InvalidInput("body", "An entry must be an object.")
    if "action" not in entry:
        return parse("place", entry, seat)
    rest = {name: value for name, value in entry.items() if name != "action"}
    return parse(Fields(entry).choice("action", ("place", "replace", "cancel"), "place"), rest, seat)


def parse(action: str, body: Mapping[str, object], seat: Seat) -> OrderCommand:
    """One command: place, or replace or cancel `order_id`; number 0 where that is none of this session's."""
    if action == "place":
        if "order_id" in body:
            raise InvalidInput("order_id", "A new order has no order_id yet.")
        command = requests.place_order(seat.session, acting(body, seat))
        seat.require_acting(command.participant)
        return command
    rest = {name: value for name, value in body.items() if name != "order_id"}
    found = parse_public_id(Fields(body).text("order_id"))
    number = found[1] if found and found[0] == seat.stream else 0
    if action == "replace":
        return requests.replace_order(seat.session, number, rest)
    Fields(rest).end()
    return c.CancelOrder(order=number)


def parse_cancel_all(fields: Fields, seat: Seat) -> c.CancelOrders:
    """All open orders of a participant, of an asset and a side where they are named."""
    who = whom(fields, seat)
    asset, side = fields.text("asset", ""), fields.choice("side", ("buy", "sell"), "")
    fields.end()
    return c.CancelOrders(participant=who, asset=asset, side=side)


def whom(fields: Fields, seat: Seat) -> str:
    """The participant whom a body names, or else the caller's own."""
    who = fields.text("participant_id", "") or seat.handle
    if who is None:
        raise InvalidInput("participant_id", "Say whose orders: participant_id is required here.")
    seat.require_acting(who)
    return who


def _unseen(command: OrderCommand, own: set[int]) -> OrderCommand:
    if isinstance(command, c.ReplaceOrder) and command.order not in own:
        return c.ReplaceOrder(order=0, quantity=command.quantity, price=command.price)
    if isinstance(command, c.CancelOrder) and command.order not in own:
        return c.CancelOrder(order=0)
    return command
