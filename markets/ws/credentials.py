"""Who is at the door: the handshake's headers → a guest of one session, or nobody.

A key comes in the Authorization header, never in the URL, and then cookies count for nothing. A browser comes with a
cookie, and then its Origin must be ours: otherwise any page on the web could listen in its user's name.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from accounts import keys
from accounts.facade import User, actor_of
from common.errors import DomainError
from markets import queries
from markets.seats import Seat, seated

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the guest showed: a key's secret, or a browser session's key."""

    secret: str = ""
    cookie: str = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """A member of a session. `sees_all`: a superuser, who need not take part."""

    stream: UUID
    session_id: str
    user: str
    sees_all: bool
    credentials: Credentials


def shown(scope: Any) -> Credentials | None:
    """The credentials of a handshake; None where it must be refused whatever they are worth."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in headers and name in {b"authorization", b"origin", b"host"}:
            return None
        headers[name] = value
    origin, authorization = headers.get(b"origin"), headers.get(b"authorization")
    if origin is not None and not _is_ours(origin.decode("latin1"), headers.get(b"host", b"").decode("latin1")):
        return None
    if authorization is not None:
        kind, _, secret = authorization.decode("latin1").partition(" ")
        return Credentials(secret=secret.strip()) if kind.lower() == "bearer" and secret.strip() else None
    cookie = parse_cookie(headers.get(b"cookie", b"").decode("latin1")).get(settings.SESSION_COOKIE_NAME, "")
    return Credentials(cookie=cookie) if cookie and origin is not None else None


def _is_ours(origin: str, host: str) -> bool:
    """Whether a page at `origin` came from the very host and port that this handshake is addressed to."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    try:
        page, here = urlsplit(origin), urlsplit(f"//{host}")
        port = _PORTS[page.scheme]
        pages, ours = (page.hostname, page.port or port), (here.hostname, here.port or port)
    except (KeyError, ValueError):
        return False
    return page.hostname is not None and pages == ours


def admit(session_id: str, credentials: Credentials) -> Guest | HTTPStatus:
    """The guest, or why not. Reads the database."""
    try:
        info = queries.session(session_id)
    except DomainError:
        info = None
    user = _bearer(credentials.secret, info) if credentials.secret else _signed_in(credentials.cookie)
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
    user = _user_of_key(shown.secret, guest.stream) if shown.secret else _signed_in(shown.cookie)
    return user is not None and user.uid == guest.user and user.is_superuser >= guest.sees_all


def is_signed_in(credentials: Credentials) -> bool:
    """Whether a browser's cookie is worth anything. Reads the database."""
    return bool(credentials.cookie) and _signed_in(credentials.cookie) is not None


def trading_seat(guest: Guest) -> Seat:
    """Where a guest sits who wants to trade, by what they showed. Reads the database.

    Raises DomainError `not_authenticated`, `missing_scope`, or `not_found` for who is no member any more.
    """
    shown = guest.credentials
    bearer = keys.lookup(shown.secret) if shown.secret else None
    user = bearer.user if bearer else _signed_in(shown.cookie) if shown.cookie else None
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
    return _user_of_key(secret, info.stream if info else None)


def _user_of_key(secret: str, stream: UUID | None) -> User | None:
    """Who bears a key that may read this session."""
    bearer = keys.lookup(secret)
    if bearer is None or "read" not in bearer.info.scopes or bearer.info.stream not in (None, stream):
        return None
    return bearer.user


def _signed_in(cookie: str) -> User | None:
    """Who is signed in under a browser session's key."""
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(cookie)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None
