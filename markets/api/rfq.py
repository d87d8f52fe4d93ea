"""RFQs, quotes and trades."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.api.paging import Query, listed
from common.api.schema import CURSOR, described
from common.fields import Fields
from markets import queries, requests, shapes
from markets.api.access import MarketView, reply
from markets.engine import commands as c
from markets.entry import acting
from markets.handlers import rfq
from markets.limits import CANCELS, ORDERS
from markets.seats import Seat


@described("Rfq", page=True, body="NewRfq", parameters={**CURSOR, "status": "open, executed, cancelled or expired"})
class Rfqs(MarketView):
    """The session's RFQs, newest first. POST asks for quotes."""

    buckets = {"POST": ORDERS}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        before, limit = query.number("cursor", default=0), query.limit()
        status = query.fields.choice("status", ("open", "executed", "cancelled", "expired"), "")
        found = queries.rfqs_page(seat.stream, before, limit, status=status or None)
        following = query.page(found, limit, found[-1].number if found else 0)
        return reply(listed([shapes.rfq(seat.session, row) for row in found], following))

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        command = requests.request_quote(seat.session, acting(request.data, seat))
        seat.require_acting(command.participant)
        outcome = rfq.request_quote(seat.stream, command, seat.actor, command_id=self.command_id)
        row = queries.rfq(seat.stream, outcome.first_seq)
        row.status, row.reason = "open", ""  # as this command left it
        return reply(shapes.rfq(seat.session, row), status=201, replayed=outcome.replayed)


@described("Rfq", deleted="Rfq")
class OneRfq(MarketView):
    """One RFQ. DELETE takes it back."""

    buckets = {"DELETE": CANCELS}  # noqa: RUF012

    def get(self, request: Request, rfq_id: str) -> Response:
        seat, number = self.seat_of(rfq_id, "RFQ")
        return reply(shapes.rfq(seat.session, queries.rfq(seat.stream, number)))

    def delete(self, request: Request, rfq_id: str) -> Response:
        seat, number = self.seat_of(rfq_id, "RFQ")
        seat.require_acting(queries.rfq(seat.stream, number).participant)
        rfq.cancel_rfq(seat.stream, c.CancelRfq(rfq=number), seat.actor, command_id=self.command_id)
        return reply(shapes.rfq(seat.session, queries.rfq(seat.stream, number)))


@described("Quote", page=True, body="NewQuote", parameters=CURSOR)
class Quotes(MarketView):
    """The quotes on an RFQ, newest first. POST answers it with a rate."""

    buckets = {"POST": ORDERS}  # noqa: RUF012

    def get(self, request: Request, rfq_id: str) -> Response:
        seat, number = self.seat_of(rfq_id, "RFQ")
        queries.rfq(seat.stream, number)
        query = Query(request)
        before, limit = query.number("cursor", default=0), query.limit()
        found = queries.quotes_page(seat.stream, number, before, limit)
        following = query.page(found, limit, found[-1].number if found else 0)
        return reply(listed([shapes.quote(seat.session, row) for row in found], following))

    def post(self, request: Request, rfq_id: str) -> Response:
        seat, number = self.seat_of(rfq_id, "RFQ")
        queries.rfq(seat.stream, number)
        command = requests.provide_quote(number, acting(request.data, seat))
        seat.require_acting(command.participant)
        outcome = rfq.provide_quote(seat.stream, command, seat.actor, command_id=self.command_id)
        row = queries.quote(seat.stream, outcome.first_seq)
        row.status, row.reason = "open", ""  # as this command left it
        return reply(shapes.quote(seat.session, row), status=201, replayed=outcome.replayed)


@described("Trade", body="Empty")
class AcceptQuote(MarketView):
    """The requester takes a quote: both legs move at once."""

    buckets = {"POST": ORDERS}  # noqa: RUF012

    def post(self, request: Request, quote_id: str) -> Response:
        seat, number = self.seat_of(quote_id, "quote")
        offer = queries.quote(seat.stream, number)
        seat.require_acting(queries.rfq(seat.stream, offer.rfq).participant)
        Fields(request.data).end()
        outcome = rfq.accept_quote(seat.stream, c.AcceptQuote(quote=number), seat.actor, command_id=self.command_id)
        row = queries.trade(seat.stream, outcome.first_seq)
        return reply(shapes.trade(seat.session, row), status=201, replayed=outcome.replayed)


@described("Quote", body="Empty", status=200)
class WithdrawQuote(MarketView):
    """The maker takes a quote back."""

    buckets = {"POST": CANCELS}  # noqa: RUF012

    def post(self, request: Request, quote_id: str) -> Response:
        seat, number = self.seat_of(quote_id, "quote")
        seat.require_acting(queries.quote(seat.stream, number).participant)
        Fields(request.data).end()
        outcome = rfq.withdraw_quote(
            seat.stream, c.WithdrawQuote(quote=number), seat.actor, command_id=self.command_id
        )
        row = queries.quote(seat.stream, number)
        return reply(shapes.quote(seat.session, row), replayed=outcome.replayed)


@described(
    "Trade", page=True, parameters={**CURSOR, "leg": "only trades of this leg", "participant_id": "only theirs"}
)
class Trades(MarketView):
    """Everybody's trades, newest first."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        before, limit = query.number("cursor", default=0), query.limit()
        leg, who = query.text("leg"), query.text("participant_id")
        found = queries.trades_page(seat.stream, before, limit, leg=leg, who=who)
        undone = queries.busted(seat.stream, [row.number for row in found])
        shown = [shapes.trade(seat.session, row, is_busted=row.number in undone) for row in found]
        return reply(listed(shown, query.page(found, limit, found[-1].number if found else 0)))


@described("Trade")
class Trade(MarketView):
    """One trade."""

    def get(self, request: Request, trade_id: str) -> Response:
        seat, number = self.seat_of(trade_id, "trade")
        return _trade(seat, number)


@described("Trade", body="Reason", status=200)
class BustTrade(MarketView):
    """Undo a trade, while the session is open: each party gives back what it received."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def post(self, request: Request, trade_id: str) -> Response:
        seat, number = self.seat_of(trade_id, "trade")
        seat.require_organiser()
        fields = Fields(request.data)
        reason = fields.text("reason", "")
        fields.end()
        outcome = rfq.bust_trade(seat.stream, number, seat.actor, reason=reason, command_id=self.command_id)
        return _trade(seat, number, replayed=outcome.replayed)


def _trade(seat: Seat, number: int, *, replayed: bool = False) -> Response:
    row = queries.trade(seat.stream, number)
    shown = shapes.trade(seat.session, row, is_busted=queries.is_busted(seat.stream, number))
    return reply(shown, replayed=replayed)
