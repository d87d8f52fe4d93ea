"""Who is at a session's door: what a handshake showed → a guest of the session, or nobody."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from accounts import keys
from accounts.facade import User, actor_of
from accounts.handshake import Credentials as Credentials
from accounts.handshake import shown as shown
from accounts.handshake import signed_in, user_of_key
from common.errors import DomainError
from markets import queries
from markets.seats import Seat, seated


@dataclass(frozen=True, slots=True)
class Guest:
    """A member of a session. `sees_all`: a superuser, who need not take part."""

    stream: UUID
    session_id: str
    user: str
    sees_all: bool
    credentials: Credentials


def admit(session_id: str, credentials: Credentials) -> Guest | HTTPStatus:
    """The guest, or why not. Reads the database."""
    try:
        info = queries.session(session_id)
    except DomainError:
        info = None
    user = _bearer(credentials.secret, info) if credentials.secret else signed_in(credentials.cookie)
    if user is None:
        return HTTPStatus.UNAUTHORIZED
    if info is None:
        return HTTPStatus.NOT_FOUND
    is_member = user.is_superuser or user.uid == info.organiser or queries.participant_of(info.stream, user.uid)
    if not is_member:
        return HTTPStatus.NOT_FOUND
    return Guest(info.stream, info.session_id, user.uid, user.is_superuser, credentials)


def still_stands(guest: Guest) -> bool:
    """Whether what the guest showed is still worth what it was. Reads the database."""
    shown = guest.credentials
    user = user_of_key(shown.secret, guest.stream) if shown.secret else signed_in(shown.cookie)
    return user is not None and user.uid == guest.user and user.is_superuser >= guest.sees_all


def is_signed_in(credentials: Credentials) -> bool:
    """Whether a browser's cookie is worth anything. Reads the database."""
    return bool(credentials.cookie) and signed_in(credentials.cookie) is not None


def trading_seat(guest: Guest) -> Seat:
    """Where a guest sits who wants to trade, by what they showed. Reads the database.

    Raises DomainError `not_authenticated`, `missing_scope`, or `not_found` for who is no member any more.
    """
    shown = guest.credentials
    bearer = keys.lookup(shown.secret) if shown.secret else None
    user = bearer.user if bearer else signed_in(shown.cookie) if shown.cookie else None
    if user is None or user.uid != guest.user:
        raise DomainError("not_authenticated", "What you signed in with is worth nothing any more.")
    if bearer and "trade" not in bearer.info.scopes:
        raise DomainError("missing_scope", "This key lacks the scope trade.")
    may_organise = bearer is None or "organise" in bearer.info.scopes
    session, handle = queries.seat(user.uid, stream=guest.stream)
    seat = seated(session, actor_of(user), handle, may_organise=may_organise)
    if not seat.is_member:
        raise DomainError("not_found", f"There is no session {guest.session_id!r}.")
    return seat


def _bearer(secret: str, info: queries.SessionInfo | None) -> User | None:
    return user_of_key(secret, info.stream if info else None)
