"""Addresses that let whoever has them look at one session, signed so that nobody can make one up."""

from dataclasses import dataclass
from uuid import UUID

from django.core import signing

from common.errors import DomainError

_SALT = "markets.projector"
_DAY_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Projector:
    """What a projector shows: a session's public side, with its leaderboard or without."""

    stream: UUID
    with_leaderboard: bool


def for_projector(shown: Projector) -> str:
    """A token that is good for a day."""
    return signing.dumps([shown.stream.hex, shown.with_leaderboard], salt=_SALT)


def projector(token: str) -> Projector:
    """Raises DomainError `not_found` for a token that is not ours, or too old."""
    try:
        stream, with_leaderboard = signing.loads(token, salt=_SALT, max_age=_DAY_S)
    except signing.BadSignature:
        raise DomainError("not_found", "This address is not valid, or no longer.") from None
    return Projector(UUID(hex=stream), with_leaderboard)
