"""Sessions: create, list, read, delete, and the steps of their life."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import facade as accounts
from common.api.paging import Query, listed
from common.api.schema import CURSOR, REASON, described
from common.clock import now_us
from common.errors import DomainError, InvalidInput
from common.fields import Fields
from ledger.tickets import Outcome
from markets import queries, shapes, valuation
from markets.api import people
from markets.api.access import MarketView, reply
from markets.handlers import prices as settlements
from markets.handlers import sessions
from markets.seats import Seat


@described("SessionListing", page=True, posted="Session", body="NewSession", parameters=CURSOR)
class Sessions(MarketView):
    """All sessions, oldest first; and a new one."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def get(self, request: Request) -> Response:
        query = Query(request)
        after, limit = _cursor(query.text("cursor")), query.limit()
        found = queries.sessions_page(after, limit, only=self.key.stream if self.key else None)
        last = f"{found[-1].created_at}.{found[-1].stream.hex}" if found else ""
        return reply(listed([shapes.listing(info) for info in found], query.page(found, limit, last)))

    def post(self, request: Request) -> Response:
        if not accounts.may_open_sessions(request.user) or (self.key and self.key.stream):
            raise DomainError("not_organiser", "Only organisers open sessions, with a key that is bound to none.")
        command, admitted = people.create_session(request.data, self.actor)
        outcome = sessions.create_session(command, self.actor, command_id=self.command_id)
        admitted.keep(outcome.stream, command.session_id, replayed=outcome.replayed)
        return _after(outcome, self, status=201)


@described("SessionListing", parameters=REASON)
class Session(MarketView):
    """One session: the terms for members, the listing for others. DELETE hides it for ever."""

    scopes = {"DELETE": "organise"}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.place(self.find(session_id))
        if not seat.is_member:
            return reply(shapes.listing(seat.session))
        return reply({**shapes.session(seat.session), "role": seat.role, "participant_id": seat.handle})

    def delete(self, request: Request, session_id: str) -> Response:
        query = Query(request)
        reason = query.text("reason") or ""
        seat = self.seat(session_id)
        seat.require_organiser()
        sessions.delete_session(session_id, seat.actor, reason=reason)
        return Response(status=204)


class SessionStep(MarketView):
    """A step in a session's life, by its organiser. Answers the session as the step left it."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def step(self, seat: Seat, fields: Fields, command_id: str) -> Outcome:
        raise NotImplementedError

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        seat.require_organiser()
        return _after(self.step(seat, Fields(request.data), self.command_id), self)


@described("Session", body="Empty", status=200)
class Start(SessionStep):
    def step(self, seat: Seat, fields: Fields, command_id: str) -> Outcome:
        fields.end()
        return sessions.start_session(seat.stream, seat.actor, command_id=command_id)


@described("Session", body="OptionalReason", status=200)
class Halt(SessionStep):
    def step(self, seat: Seat, fields: Fields, command_id: str) -> Outcome:
        reason = fields.text("reason", "")
        fields.end()
        return sessions.halt_session(seat.stream, seat.actor, reason=reason, command_id=command_id)


@described("Session", body="Empty", status=200)
class Resume(SessionStep):
    def step(self, seat: Seat, fields: Fields, command_id: str) -> Outcome:
        fields.end()
        return sessions.resume_session(seat.stream, seat.actor, command_id=command_id)


@described("Session", body="Empty", status=200)
class Close(SessionStep):
    def step(self, seat: Seat, fields: Fields, command_id: str) -> Outcome:
        fields.end()
        return sessions.close_session(seat.stream, seat.actor, command_id=command_id)


@described("Session", body="Reason", status=200)
class Cancel(SessionStep):
    def step(self, seat: Seat, fields: Fields, command_id: str) -> Outcome:
        reason = fields.text("reason", "")
        fields.end()
        return sessions.cancel_session(seat.stream, seat.actor, reason=reason, command_id=command_id)


@described("Settlement", body="Settle", status=200)
class Settle(MarketView):
    """Close the session if it is open and pay everybody. `prices` replaces the feed by typed ones."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        seat.require_organiser()
        fields = Fields(request.data)
        typed = _typed_prices(fields.take("prices"))
        fields.end()
        outcome = settlements.settle_session(seat.stream, seat.actor, prices=typed, command_id=self.command_id)
        return _settled(outcome)


@described("Settlement", body="CorrectSettlement", status=200)
class CorrectSettlement(MarketView):
    """Settle anew at typed prices, by an event that names each difference."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        seat.require_organiser()
        fields = Fields(request.data)
        typed, reason = _typed_prices(fields.take("prices", {})), fields.text("reason", "")
        fields.end()
        outcome = settlements.correct_settlement(
            seat.stream, typed or {}, seat.actor, reason=reason, command_id=self.command_id
        )
        return _settled(outcome)


@described("Session", body="Prices", status=200)
class Fix(MarketView):
    """Put typed prices on record, for a session whose fixing is manual."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        seat.require_organiser()
        fields = Fields(request.data)
        typed = _typed_prices(fields.take("prices", {})) or {}
        fields.end()
        return _after(settlements.fix_prices(seat.stream, typed, seat.actor, command_id=self.command_id), self)


@described("Settlement")
class Settlement(MarketView):
    """The settlement in force."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        found = queries.settlement(seat.stream)
        if found is None:
            raise DomainError("not_found", "This session is not settled yet.")
        return reply(shapes.settlement(seat.session, found, queries.hash_of(seat.stream, found.seq)))


@described("Settlement", anything="A price for each leg; without any, the session's own fixing as of now.")
class SettlementPreview(MarketView):
    """What settling now would pay. Changes nothing."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        found = valuation.settlement_preview(seat.session, Query(request).all(), at=now_us())
        return reply(shapes.settlement(seat.session, found, ""))


def _after(outcome: Outcome, view: MarketView, *, status: int = 200) -> Response:
    """The session as the command left it: a repeat answers what the first answered."""
    read: Callable[[UUID], queries.SessionInfo] = queries.session_of
    info = queries.session_as_of(outcome.stream, outcome.last_seq) if outcome.replayed else read(outcome.stream)
    seat = view.place(info)
    body: dict[str, Any] = {**shapes.session(info), "role": seat.role, "participant_id": seat.handle}
    return reply(body, status=status, replayed=outcome.replayed)


def _settled(outcome: Outcome) -> Response:
    found = queries.settlement(outcome.stream, seq=outcome.last_seq)
    assert found is not None
    info = queries.session_of(outcome.stream)
    body = shapes.settlement(info, found, queries.hash_of(outcome.stream, found.seq))
    return reply(body, replayed=outcome.replayed)


def _typed_prices(given: object) -> dict[str, object] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidInput("prices", "prices must be an object: a price for each leg.")
    return given


def _cursor(text: str | None) -> tuple[int, UUID] | None:
    if text is None:
        return None
    at, _, stream = text.partition(".")
    try:
        return int(at) if at.isascii() and at.isdecimal() and len(at) < 19 else int("no"), UUID(hex=stream)
    except ValueError:
        raise InvalidInput("cursor", "cursor comes from `next` of the page before; this one doesn't.") from None
