"""What the organiser said."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.api.paging import Query, listed
from common.api.schema import CURSOR, described
from markets import queries, requests, shapes
from markets.api.access import MarketView, reply
from markets.handlers import announcements


@described("Announcement", page=True, body="NewAnnouncement", parameters=CURSOR)
class Announcements(MarketView):
    """What the organiser said to everybody and to the caller, newest first; all of it for the organiser, whose POST
    says something: to everybody, or to one participant alone."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        before, limit = query.number("cursor", default=0), query.limit()
        reader = None if seat.organises else seat.handle or ""
        found = queries.announcements(seat.stream, to=reader, before=before, limit=limit)
        following = query.page(found, limit, found[-1].seq if found else 0)
        return reply(listed([shapes.announcement(seat.session, row) for row in found], following))

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        seat.require_organiser()
        command = requests.announce(request.data)
        outcome = announcements.announce(seat.stream, command, seat.actor, command_id=self.command_id)
        [row] = queries.announcements(seat.stream, to=None, before=outcome.first_seq + 1, limit=1)
        return reply(shapes.announcement(seat.session, row), status=201, replayed=outcome.replayed)
