"""Where the caller of the API sits in a session. 404 for what is not theirs to see."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import facade as accounts
from accounts.access import CallerView
from accounts.access import reply as reply
from common.errors import DomainError
from common.ids import parse_public_id
from ledger import entry
from markets import limits, presence, queries, seats
from markets.handlers.sessions import feed_of
from markets.queries import SessionInfo
from markets.seats import Seat, seated

_OWN = "session:"
"""What the name of a session's own feed begins with; its stream follows."""


class MarketView(CallerView):
    """Base of the API's views: the caller, and where they sit."""

    buckets: dict[str, str] = {}  # noqa: RUF012  the bucket of order entry that a method takes from
    _seated: Seat | None = None

    def handle_exception(self, exc: Exception) -> Response:
        """A participant's refusal is also noted for the organiser's control room."""
        if isinstance(exc, DomainError) and self._seated is not None and self.request.method != "GET":
            presence.refused(self._seated.stream, self._seated.handle, exc)
        return super().handle_exception(exc)

    def seat(self, session_id: str) -> Seat:
        """A member's seat. Raises DomainError `not_found` for everybody else."""
        return self._found(queries.seat(self.actor.id, session_id=session_id))

    def seat_to_trade(self, session_id: str) -> Seat:
        """`seat` as it was at most a second ago: the engine asks again who acts for whom."""
        return self._found(seats.lately(self.actor.id, session_id))

    def seat_of(self, public_id: str, what: str) -> tuple[Seat, int]:
        """A member's seat in the session of an order, RFQ, quote or trade, and its number there."""
        found = parse_public_id(public_id)
        if found is None or not self._opens(found[0]):
            raise DomainError("not_found", f"There is no such {what}.")
        return self._found(queries.seat(self.actor.id, stream=found[0])), found[1]

    def _found(self, found: tuple[SessionInfo, str | None]) -> Seat:
        """The caller's seat, if they are a member and their key opens the session."""
        session, handle = found
        seat = self._seat(session, handle)
        if not seat.is_member or not self._opens(session.stream):
            raise DomainError("not_found", f"There is no session {session.session_id!r}.")
        self._seated = seat
        return seat

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What takes from a bucket tells what is left there, done or refused."""
        final = super().finalize_response(request, response, *args, **kwargs)
        bucket, seat = self.buckets.get(request.method or ""), self._seated
        limit = limits.limits(seat.session.terms.bounds).get(bucket) if bucket and seat else None
        if bucket and seat and limit:
            for name, value in entry.headers(seat.stream, seat.actor, bucket, limit).items():
                final[name] = value
        return final

    def find(self, session_id: str) -> SessionInfo:
        """A session that the caller's key doesn't shut out, member or not."""
        session = queries.session(session_id)
        if not self._opens(session.stream):
            raise DomainError("not_found", f"There is no session {session_id!r}.")
        return session

    def place(self, session: SessionInfo) -> Seat:
        """Where the caller sits, which may be nowhere."""
        return self._seat(session, queries.participant_of(session.stream, self.actor.id))

    def _seat(self, session: SessionInfo, handle: str | None) -> Seat:
        return seated(session, self.actor, handle, may_organise=self.may_organise)

    def feed_seat(self, session_id: str) -> Seat:
        """The seat of somebody who may write a session's prices: its organiser, or a key with scope feed."""
        seat = self.place(self.find(session_id))
        if self.key is not None and "feed" in self.key.scopes:
            return seat
        if not seat.is_member:
            raise DomainError("not_found", f"There is no session {session_id!r}.")
        seat.require_organiser()
        return seat

    def sees_feed(self, name: str) -> bool:
        """Shared feeds are everybody's to see, a session's own its members'. A bound key sees its session's."""
        if self.key is not None and self.key.stream is not None:
            return name == feed_of(queries.session_of(self.key.stream))
        if not name.startswith(_OWN):
            return True
        seat = self._feed_seat(name)
        return seat is not None and seat.is_member

    def runs_feed(self, name: str) -> bool:
        """A session's own feed is its organiser's, a shared one every organiser's."""
        if not self.may_organise:
            return False
        if name.startswith(_OWN):
            seat = self._feed_seat(name)
            return seat is not None and seat.organises
        return accounts.may_open_sessions(self.request.user) and (self.key is None or self.key.stream is None)

    def look_up_feeds(self, names: Iterable[str]) -> None:
        """Find the caller's seats in the sessions of all these feeds with one query."""
        own = {name: stream for name in names if name.startswith(_OWN) and (stream := _stream_of(name))}
        found = queries.seats(self.actor.id, own.values())
        for name, stream in own.items():
            self._feed_seats[name] = self._seat(*found[stream]) if stream in found else None

    def _feed_seat(self, name: str) -> Seat | None:
        """The caller's seat in the session whose own feed this is; None where there is no such session."""
        if name not in self._feed_seats:
            self.look_up_feeds([name])
        return self._feed_seats.get(name)

    @cached_property
    def _feed_seats(self) -> dict[str, Seat | None]:
        return {}

    def _opens(self, stream: UUID) -> bool:
        return self.key is None or self.key.stream in {None, stream}


def _stream_of(name: str) -> UUID | None:
    """The session whose own feed has this name."""
    try:
        return UUID(name.removeprefix(_OWN))
    except ValueError:
        return None
