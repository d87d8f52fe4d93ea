"""Orders: place, list, read, replace, cancel, alone or in bulk; and the book."""

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from common.api.paging import Query, listed
from common.api.schema import CURSOR, described
from common.errors import DomainError
from common.fields import Fields
from markets import entry, queries, requests, shapes
from markets.api.access import MarketView, reply
from markets.engine import commands as c
from markets.engine.state import CASH
from markets.handlers import orders
from markets.handlers.orders import OrderReceipt
from markets.limits import CANCELS, ORDERS
from markets.models import Trade
from markets.seats import Seat

_STATUSES = ("open", "partially_filled", "filled", "cancelled", "expired")


@described(
    "Order",
    page=True,
    body="NewOrder",
    deleted="CancelledOrders",
    parameters={
        **CURSOR,
        "participant_id": "whose, for organisers",
        "asset": "only this leg",
        "side": "buy or sell",
        "status": "open, partially_filled, filled, cancelled or expired",
        "client_order_id": "the one order with this id",
    },
)
class Orders(MarketView):
    """The caller's orders (an organiser's view: everybody's), newest first. POST places, DELETE cancels all open."""

    buckets = {"POST": ORDERS, "DELETE": CANCELS}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        before, limit, who = query.number("cursor", default=0), query.limit(), query.text("participant_id")
        if who:
            seat.require_acting(who)
        status = query.fields.choice("status", _STATUSES, "")
        side = query.fields.choice("side", ("buy", "sell"), "")
        found = queries.orders_page(
            seat.stream,
            before,
            limit,
            participant=who or (None if seat.organises else seat.handle),
            status=status or None,
            is_buy=side == "buy" if side else None,
            asset=query.text("asset"),
            client_order_id=query.text("client_order_id"),
        )
        trades = queries.trades_of_orders(seat.stream, [row.number for row in found])
        following = query.page(found, limit, found[-1].number if found else 0)
        return reply(listed([shapes.order(seat.session, row, trades[row.number]) for row in found], following))

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat_to_trade(session_id)
        command = requests.place_order(seat.session, entry.acting(request.data, seat))
        seat.require_acting(command.participant)
        done = orders.place_order(seat.stream, command, seat.actor, command_id=self.command_id)
        return reply(shapes.receipt(seat.session, done), status=201, replayed=done.replayed)

    def delete(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        command = entry.parse_cancel_all(Query(request).fields, seat)
        return reply({"cancelled": shapes.ids(seat.stream, orders.cancel_orders(seat.stream, command, seat.actor))})


@described("Order", body="ReplaceOrder", deleted="Order")
class Order(MarketView):
    """One order, for whom it belongs to. PATCH replaces its terms, DELETE cancels it."""

    buckets = {"PATCH": ORDERS, "DELETE": CANCELS}  # noqa: RUF012

    def get(self, request: Request, order_id: str) -> Response:
        seat, row = self._own(order_id)
        trades = queries.trades_of_orders(seat.stream, [row.number])
        return reply(shapes.order(seat.session, row, trades[row.number]))

    def patch(self, request: Request, order_id: str) -> Response:
        seat, row = self._own(order_id)
        command = requests.replace_order(seat.session, row.number, request.data)
        done = orders.replace_order(seat.stream, command, seat.actor, command_id=self.command_id)
        return reply(_changed(seat, done), replayed=done.replayed)

    def delete(self, request: Request, order_id: str) -> Response:
        seat, row = self._own(order_id)
        done = orders.cancel_order(
            seat.stream, c.CancelOrder(order=row.number), seat.actor, command_id=self.command_id
        )
        return reply(_changed(seat, done), replayed=done.replayed)

    def _own(self, order_id: str) -> tuple[Seat, Any]:
        seat, number = self.seat_of(order_id, "order")
        row = queries.order(seat.stream, number)
        seat.require_seen(row.participant, "order")
        return seat, row


@described("BulkResult", body="Bulk", status=200)
class BulkOrders(MarketView):
    """Up to 1000 places, replaces and cancels in one transaction, in order, each with its own result.

    One malformed entry refuses the whole request; what the rules refuse is that entry's result.
    """

    buckets = {"POST": ORDERS}  # noqa: RUF012

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat_to_trade(session_id)
        fields = Fields(request.data)
        entries = fields.take("orders")
        fields.end()
        commands = entry.parse_bulk(entries, seat)
        done = orders.bulk_orders(seat.stream, commands, seat.actor, command_id=self.command_id)
        receipts = [result for result in done if isinstance(result, OrderReceipt)]
        replayed = bool(receipts) and all(receipt.replayed for receipt in receipts)
        trades = orders.trades_so_far(seat.stream, receipts)
        return reply({"results": [_result(seat, result, trades) for result in done]}, replayed=replayed)


@described("Book", parameters={"quote": "CASH, or a leg", "depth": "price levels a side, 1 to 500"})
class OrderBook(MarketView):
    """Both sides of a book by price level."""

    def get(self, request: Request, session_id: str, asset: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        quote = query.text("quote") or CASH
        depth = query.number("depth", default=50, least=1, most=500)
        require_leg(seat, asset)
        if quote != CASH:
            require_leg(seat, quote)
        return reply(shapes.book(seat.session, queries.book(seat.stream, asset, quote, depth=depth)))


def require_leg(seat: Seat, leg: str) -> None:
    """An address that names no leg names nothing. Raises DomainError `not_found`."""
    if leg not in seat.session.legs:
        legs = ", ".join(seat.session.legs)
        raise DomainError("not_found", f"{leg!r} is none of this session's legs: {legs}.", field="asset")


def _changed(seat: Seat, done: OrderReceipt) -> dict[str, Any]:
    return shapes.receipt(seat.session, done, orders.trades_so_far(seat.stream, [done]).get(done, ()))


def _result(
    seat: Seat, result: OrderReceipt | DomainError, trades: Mapping[OrderReceipt, list[Trade]]
) -> dict[str, Any]:
    if isinstance(result, DomainError):
        return {
            "order": None,
            "error": {"code": result.code, "detail": result.detail, "field": result.field or None},
        }
    return {"order": shapes.receipt(seat.session, result, trades.get(result, ())), "error": None}
