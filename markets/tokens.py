"""Addresses that show whoever has them a session's public side: one at a time, for a day, or until revoked."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from common.clock import SECOND, now_us
from common.errors import DomainError
from markets.models import RoomScreen

_DAY = 24 * 60 * 60 * SECOND


@dataclass(frozen=True, slots=True)
class Projector:
    """What a projector shows: a session's public side, with its leaderboard or without, until a µs."""

    stream: UUID
    with_leaderboard: bool
    token: str
    expires_at: int


def for_projector(stream: UUID, *, with_leaderboard: bool) -> Projector:
    """A new address; the session's earlier one is worth nothing any more."""
    made = Projector(stream, with_leaderboard, secrets.token_urlsafe(16), now_us() + _DAY)
    known = {"token": made.token, "with_leaderboard": with_leaderboard, "expires_at": made.expires_at}
    RoomScreen.objects.update_or_create(stream_id=stream, defaults=known)
    return made


def projector_of(stream: UUID) -> Projector | None:
    """The session's address, if it has one that is good."""
    return _good(RoomScreen.objects.filter(stream_id=stream).first())


def revoke_projector(stream: UUID) -> bool:
    """The session's address is worth nothing from now on. Whether there was one."""
    return bool(RoomScreen.objects.filter(stream_id=stream).delete()[0])


def projector(token: str) -> Projector:
    """Raises DomainError `not_found` for a token that is not ours, revoked, or too old."""
    found = _good(RoomScreen.objects.filter(token=token).first()) if token.isascii() and token.isprintable() else None
    if found is None:
        raise DomainError("not_found", "This address is not valid, or no longer.")
    return found


def _good(row: RoomScreen | None) -> Projector | None:
    if row is None or row.expires_at <= now_us():
        return None
    return Projector(row.stream_id, row.with_leaderboard, row.token, row.expires_at)
