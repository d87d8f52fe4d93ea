"""Joining, allocating, leaving."""

from collections.abc import Sequence

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import facade as accounts
from accounts import roster
from common.api.paging import Query, listed
from common.api.schema import CURSOR, REASON, described
from markets import queries, requests, shapes
from markets.api import people
from markets.api.access import MarketView, reply
from markets.engine import commands as c
from markets.engine.events import InitialAllocationAssigned, ParticipantJoined
from markets.engine.state import TREASURY
from markets.handlers import participants
from markets.seats import Seat


@described("Participant", page=True, body="NewParticipant", parameters=CURSOR)
class Participants(MarketView):
    """Who is in the session, in the order in which they joined. POST joins, or admits somebody."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        after, limit = query.number("cursor", default=0), query.limit()
        found = queries.participants_page(seat.stream, after, limit)
        following = query.page(found, limit, found[-1].joined_seq if found else 0)
        return reply(listed(_shown(seat, found), following))

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.place(self.find(session_id))
        command, admitted = people.join_session(request.data, seat, accounts.user_of(request.user).username)
        outcome = participants.join_session(seat.stream, command, seat.actor, command_id=self.command_id)
        admitted.keep(seat.stream, session_id, replayed=outcome.replayed)
        joined = outcome.events[0].event
        assert isinstance(joined, ParticipantJoined)
        person = queries.participant(seat.stream, joined.participant)
        return reply(_shown(seat, [person])[0], status=201, replayed=outcome.replayed)


@described("Participant", parameters=REASON)
class Participant(MarketView):
    """One participant. DELETE removes them: what they hold goes to the treasury."""

    def get(self, request: Request, session_id: str, handle: str) -> Response:
        seat = self.seat(session_id)
        return reply(_shown(seat, [queries.participant(seat.stream, handle)])[0])

    def delete(self, request: Request, session_id: str, handle: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        reason = query.text("reason") or ""
        queries.participant(seat.stream, handle)
        seat.require_acting(handle)
        command = c.RemoveParticipant(participant=handle, reason=reason)
        participants.remove_participant(seat.stream, command, seat.actor)
        return Response(status=204)


@described("Allocations", posted="Assigned", body="Assign", status=200)
class Allocations(MarketView):
    """Who holds how much. What is reserved is shown of one's own only. POST moves claims from the treasury."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        held = queries.allocations(seat.stream)
        own = held.keys() if seat.organises else {seat.handle or TREASURY, TREASURY}
        return reply(shapes.allocations(seat.session, held, own))

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        seat.require_organiser()
        command = requests.assign_allocations(seat.session, request.data)
        outcome = participants.assign_allocations(seat.stream, command, seat.actor, command_id=self.command_id)
        amounts = {
            item.event.participant: item.event.amounts
            for item in outcome.events
            if isinstance(item.event, InitialAllocationAssigned)
        }
        return reply(shapes.assigned(seat.session, amounts), replayed=outcome.replayed)


def _shown(seat: Seat, people: Sequence[queries.ParticipantInfo]) -> list[shapes.Shape]:
    """Participants; for the organiser with the sign-in names to be handed out."""
    shown = [shapes.participant(seat.session, person) for person in people]
    if seat.organises:
        names = roster.names_of(person.user for person in people)
        shown = [{**shape, "user": names.get(who.user)} for shape, who in zip(shown, people, strict=True)]
    return shown
