"""Orders: place, list, read, replace, cancel, alone or in bulk; what waits for approval; positions and trades."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import reply
from common.api.paging import Query, listed
from common.errors import DomainError, InvalidInput
from common.fields import Fields
from common.ids import parse_public_id, public_id
from ledger.entry import CANCELS, ORDERS
from predictions import preview, queries, requests, shapes
from predictions.api.access import PredictionView, body_of
from predictions.api.schema import CURSOR, EXCHANGE, described
from predictions.engine import commands as c
from predictions.handlers import orders
from predictions.handlers.orders import OrderCommand, Receipt
from predictions.models import Market

_STATUSES = ("open", "partially_filled", "filled", "cancelled", "expired", "pending_approval", "live")
_WHOSE = {"agent_id": "whose; the caller's own where it is left out"}


@described(
    "PredictionOrder",
    page=True,
    posted="PredictionReceipt",
    body="NewPredictionOrder",
    deleted="CancelledPredictionOrders",
    parameters={
        **CURSOR,
        **EXCHANGE,
        **_WHOSE,
        "market_id": "only in this market",
        "status": "as orders have it, or live: what may still trade",
        "client_order_id": "the one order with this id",
    },
)
class Orders(PredictionView):
    """An agent's orders, newest first, for who acts for it. POST places one, DELETE cancels all that are open."""

    private = True
    buckets = {"POST": ORDERS, "DELETE": CANCELS}  # noqa: RUF012

    def get(self, request: Request) -> Response:
        query = Query(request)
        agent, stream = self._whose(query)
        before, limit = query.number("cursor", default=0), query.limit()
        market = query.text("market_id")
        rows = queries.orders(
            stream,
            agent,
            status=query.fields.choice("status", _STATUSES, ""),
            market=requests.number(market, stream, "market_id") if market else 0,
            client_order_id=query.text("client_order_id") or "",
            before=before,
        )
        found = list(rows[:limit])
        trades = queries.trades_of_orders(stream, [row.number for row in found])
        following = query.page(found, limit, found[-1].number if found else 0)
        return reply(listed([shapes.order(row, trades[row.number]) for row in found], following))

    def post(self, request: Request) -> Response:
        command, stream = parsed(self, body_of(request))
        done = orders.place_order(stream, command, self.actor, command_id=self.command_id)
        return reply(shapes.receipt(done), replayed=done.replayed)

    def delete(self, request: Request) -> Response:
        query = Query(request)
        agent, stream = self._whose(query)
        market = query.text("market_id")
        number = requests.number(market, stream, "market_id") if market else 0
        command = c.CancelOrders(agent=agent, market=number)
        gone = orders.cancel_orders(stream, command, self.actor, command_id=self.command_id)
        return reply({"cancelled": [public_id(stream, order) for order in gone]})

    def _whose(self, query: Query) -> tuple[int, UUID]:
        name, exchange = query.text("agent_id"), query.text("exchange")
        stream = stream_of(name) if name else self.exchange(exchange).stream
        return self.own(name, stream).number, stream


def stream_of(public: str) -> UUID:
    """The exchange that an id belongs to. Raises DomainError `not_found`."""
    found = parse_public_id(public)
    if found is None:
        raise DomainError("not_found", "There is no such agent.", field="agent_id")
    return found[0]


def parsed(view: PredictionView, fields: Fields) -> tuple[c.PlaceOrder, UUID]:
    """An order of an agent's for whom the caller acts, and its exchange: that of the market."""
    market_id, name = fields.text("market_id"), fields.text("agent_id", "")
    market = view.market(market_id)
    agent = view.own(name, market.stream_id)
    return requests.place_order(market.number, agent.number, fields), market.stream_id


@described(
    "PredictionOrder", posted="PredictionReceipt", body="ReplacePredictionOrder", deleted="PredictionCancelled"
)
class Order(PredictionView):
    """One order, for who acts for its agent. PATCH replaces its terms, DELETE cancels it and says what it unlocks."""

    private = True
    buckets = {"PATCH": ORDERS, "DELETE": CANCELS}  # noqa: RUF012

    def get(self, request: Request, order_id: str) -> Response:
        row = self.order(order_id)
        return reply(shapes.order(row, queries.trades_of_orders(row.stream_id, [row.number])[row.number]))

    def patch(self, request: Request, order_id: str) -> Response:
        row = self.order(order_id)
        command = requests.replace_order(row.number, body_of(request))
        done = orders.replace_order(row.stream_id, command, self.actor, command_id=self.command_id)
        return reply(shapes.receipt(done), replayed=done.replayed)

    def delete(self, request: Request, order_id: str) -> Response:
        row = self.order(order_id)
        done = orders.cancel_order(row.stream_id, row.number, self.actor, command_id=self.command_id)
        refunded = (done.size - done.filled) * done.price * 100 if done.action == "buy" else 0
        return reply({**shapes.receipt(done), "refunded": shapes.money(refunded)}, replayed=done.replayed)


@described("PredictionPreview", body="NewPredictionOrder")
class Preview(PredictionView):
    """What an order would cost, reserve and win as the book stands. Nothing is placed, nothing promised."""

    scopes = {"POST": "read"}  # noqa: RUF012

    def post(self, request: Request) -> Response:
        command, stream = parsed(self, body_of(request))
        agent, market = queries.agent(stream, command.agent), queries.market(stream, command.market)
        preview.check(command, market, agent)
        owner = agent.row.owner
        found = preview.preview(
            queries.exchange_of(stream),
            agent,
            command,
            queries.book(stream, market.number),
            queries.position(stream, market.number, agent.number),
            queries.own_prices(
                stream,
                market.number,
                queries.agents_owned(owner, stream) if owner else [agent],
                is_bid=not preview.is_bid(command),
            ),
        )
        return reply(shapes.preview(found))


@described("PredictionBulkResult", body="PredictionBulk")
class BulkOrders(PredictionView):
    """Up to 1000 places, replaces and cancels in one transaction, in order, each with its own result.

    One malformed entry refuses the whole request; what the rules refuse is that entry's result.
    """

    buckets = {"POST": ORDERS}  # noqa: RUF012

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """What many entries name is looked up once."""
        super().setup(request, *args, **kwargs)
        self.market = cache(self.market)  # type: ignore[method-assign]
        self.own = cache(self.own)  # type: ignore[method-assign]

    def post(self, request: Request) -> Response:
        entries = requests.entries(request.data)
        if not 1 <= len(entries) <= orders.MOST_IN_BULK:
            raise InvalidInput("orders", f"orders must hold 1 to {orders.MOST_IN_BULK} entries.")
        commands = [self._parsed_at(index, entry) for index, entry in enumerate(entries)]
        streams = {stream for _, stream in commands}
        if len(streams) > 1:
            raise InvalidInput("orders", "The orders of a bulk belong to one exchange.")
        done = orders.bulk_orders(
            streams.pop(), [command for command, _ in commands], self.actor, command_id=self.command_id
        )
        receipts = [result for result in done if isinstance(result, Receipt)]
        replayed = bool(receipts) and all(receipt.replayed for receipt in receipts)
        return reply({"results": [_result(one) for one in done]}, replayed=replayed)

    def _parsed_at(self, index: int, entry: object) -> tuple[OrderCommand, UUID]:
        try:
            return self._command(entry)
        except DomainError as refusal:
            field = f"orders.{index}.{refusal.field}" if refusal.field not in {"", "body"} else f"orders.{index}"
            if isinstance(refusal, InvalidInput):
                raise InvalidInput(field, refusal.detail) from None
            raise DomainError(refusal.code, refusal.detail, field=field) from None

    def _command(self, entry: object) -> tuple[OrderCommand, UUID]:
        if not isinstance(entry, Mapping):
            raise InvalidInput("body", "An entry must be an object.")
        fields = Fields(entry)
        action = fields.choice("action", ("place", "replace", "cancel"), "place")
        if action == "place":
            return parsed(self, fields)
        row = self.order(fields.text("order_id"))
        if action == "replace":
            return requests.replace_order(row.number, fields), row.stream_id
        fields.end()
        return c.CancelOrder(order=row.number), row.stream_id


def _result(result: Receipt | DomainError) -> dict[str, Any]:
    if isinstance(result, DomainError):
        error = {"code": result.code, "detail": result.detail, "field": result.field or None}
        return {"order": None, "error": error}
    return {"order": shapes.receipt(result), "error": None}


@described("PredictionReceipt", body="Nothing")
class Approve(PredictionView):
    """Let an order that waits go to the market; by the agent's owner, never by its own key."""

    def post(self, request: Request, order_id: str) -> Response:
        row = self.order(order_id)
        body_of(request).end()
        done = orders.approve_order(row.stream_id, row.number, self.actor, command_id=self.command_id)
        return reply(shapes.receipt(done), replayed=done.replayed)


@described("PredictionReceipt", body="Nothing")
class Reject(PredictionView):
    """End an order that waits; by the agent's owner."""

    def post(self, request: Request, order_id: str) -> Response:
        row = self.order(order_id)
        body_of(request).end()
        done = orders.reject_order(row.stream_id, row.number, self.actor, command_id=self.command_id)
        return reply(shapes.receipt(done), replayed=done.replayed)


@described(
    "PredictionPosition", page=True, parameters={**CURSOR, **EXCHANGE, **_WHOSE, "market_id": "only in this one"}
)
class Positions(PredictionView):
    """An agent's positions by market, or everybody's in one. What orders have locked only for who acts for it."""

    def get(self, request: Request) -> Response:
        query = Query(request)
        name, market, exchange = query.text("agent_id"), query.text("market_id"), query.text("exchange")
        after, limit = query.number("cursor", default=0), query.limit()
        agent, of = self.agent(name) if name else None, self.market(market) if market else None
        stream = _stream_of_both(agent, of) or self.exchange(exchange).stream
        number = of.number if of else 0
        if agent is None and not number:
            agent = self._mine(stream)
        rows = queries.positions(stream, agent=agent.number if agent else 0, market=number)
        found = [row for row in rows if (row.agent if number else row.market) > after][:limit]
        following = query.page(found, limit, (found[-1].agent if number else found[-1].market) if found else 0)
        markets = queries.markets_by_number(stream, [row.market for row in found])
        private = agent is not None and self.acts_for(agent)
        shown = [shapes.position(stream, row, markets[row.market], private=private) for row in found]
        return reply(listed(shown, following))

    def _mine(self, stream: UUID) -> queries.AgentInfo:
        if self.caller is None:
            raise InvalidInput("agent_id", "Say whose positions: agent_id or market_id is required here.")
        return self.own(None, stream)


def _stream_of_both(agent: queries.AgentInfo | None, market: Market | None) -> UUID | None:
    """The exchange of what is given, None for nothing. Raises DomainError `not_found` where they are of two."""
    if agent and market and agent.row.stream_id != market.stream_id:
        raise DomainError("not_found", "There is no such agent.", field="agent_id")
    return agent.row.stream_id if agent else market.stream_id if market else None


@described("PredictionPosition")
class Position(PredictionView):
    """One agent's position in one market; zeros where there is none."""

    def get(self, request: Request, agent_id: str, market_id: str) -> Response:
        agent, market = self.agent(agent_id), self.market(market_id)
        _stream_of_both(agent, market)
        held = queries.position(market.stream_id, market.number, agent.number)
        return reply(shapes.position(market.stream_id, held, market, private=self.acts_for(agent)))


@described(
    "PredictionTrade",
    page=True,
    parameters={**CURSOR, **EXCHANGE, "market_id": "only in this market", "agent_id": "only this agent's"},
)
class Trades(PredictionView):
    """The trades of an exchange, of a market or of an agent, newest first."""

    def get(self, request: Request) -> Response:
        query = Query(request)
        name, market, exchange = query.text("agent_id"), query.text("market_id"), query.text("exchange")
        before, limit = query.number("cursor", default=0), query.limit()
        agent, of = self.agent(name) if name else None, self.market(market) if market else None
        rows = queries.trades(
            _stream_of_both(agent, of) or self.exchange(exchange).stream,
            market=of.number if of else 0,
            agent=agent.number if agent else 0,
            before=before,
        )
        found = list(rows[:limit])
        return reply(
            listed([shapes.trade(row) for row in found], query.page(found, limit, found[-1].number if found else 0))
        )


@described("PredictionApproval", page=True, parameters={**CURSOR, **EXCHANGE})
class Approvals(PredictionView):
    """The orders that wait for the caller's approval: of all agents that they own, newest first."""

    private = True

    def get(self, request: Request) -> Response:
        query = Query(request)
        stream = self.exchange(query.text("exchange")).stream
        before, limit = query.number("cursor", default=0), query.limit()
        agents = {one.number: one for one in queries.agents_owned(self.actor.id, stream)}
        found = list(queries.orders_of(stream, list(agents), status="pending_approval", before=before)[:limit])
        shown = [{**shapes.order(row, []), "agent_name": agents[row.agent].name} for row in found]
        return reply(listed(shown, query.page(found, limit, found[-1].number if found else 0)))
