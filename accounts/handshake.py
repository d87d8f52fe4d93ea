"""What the handshake of a socket shows: its headers → credentials, and whose they are.

A key comes in the Authorization header, never in the URL, and then cookies count for nothing. A browser comes with a
cookie, and then its Origin must be ours: otherwise any page on the web could listen in its user's name.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.module_loading import import_string

from accounts import keys
from accounts.facade import User

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the guest showed: a key's secret, or a browser session's key."""

    secret: str = ""
    cookie: str = ""


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


def is_from_here(scope: Any) -> bool:
    """Whether the handshake comes from no page at all, or from one of ours."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    return origin is None or _is_ours(origin.decode("latin1"), headers.get(b"host", b"").decode("latin1"))


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


def user_of_key(secret: str, stream: UUID | None) -> User | None:
    """Who bears a key that may read this stream."""
    bearer = keys.lookup(secret)
    if bearer is None or "read" not in bearer.info.scopes or bearer.info.stream not in (None, stream):
        return None
    return bearer.user


def signed_in(cookie: str) -> User | None:
    """Who is signed in under a browser session's key."""
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(cookie)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None
