"""Where a caller sits in a session: in whose name they may act there, and whether they run it."""

import time
from dataclasses import dataclass
from uuid import UUID

from common.errors import DomainError
from common.ids import Actor
from markets import queries
from markets.queries import SessionInfo

_REMEMBERED_S, _MOST_REMEMBERED = 1.0, 10_000


@dataclass(frozen=True, slots=True)
class Seat:
    """A caller in a session: in whose name they may act, and whether they run it."""

    session: SessionInfo
    actor: Actor
    handle: str | None
    organises: bool

    @property
    def stream(self) -> UUID:
        return self.session.stream

    @property
    def is_member(self) -> bool:
        return self.organises or self.handle is not None

    @property
    def role(self) -> str | None:
        if self.organises:
            return "organiser"
        return "participant" if self.handle else None

    def require_acting(self, handle: str) -> None:
        """Raises DomainError `not_yours`. The engine asks again; a key without organise is only seen here."""
        if not self.organises and handle != self.handle:
            raise DomainError("not_yours", f"You don't act for {handle!r} here.", field="participant_id")

    def require_organiser(self) -> None:
        """Raises DomainError `not_organiser`."""
        if not self.organises:
            raise DomainError("not_organiser", "Only the session's organiser may do this.")

    def require_seen(self, handle: str, what: str) -> None:
        """Somebody else's order is not there. Raises DomainError `not_found`."""
        if not self.organises and handle != self.handle:
            raise DomainError("not_found", f"There is no such {what}.")


def seated(session: SessionInfo, actor: Actor, handle: str | None, *, may_organise: bool) -> Seat:
    """The seat of `actor`, whose handle here is `handle`. A key without organise has no organiser's rights."""
    actor = actor._replace(organiser=actor.organiser and may_organise)
    return Seat(session, actor, handle, actor.organiser or (may_organise and actor.id == session.organiser))


def lately(user: str, session_id: str) -> tuple[SessionInfo, str | None]:
    """`queries.seat` as it was at most a second ago: for orders, where the engine asks again who acts for whom.

    The terms of a session don't change; its status here may be old. Who has no handle there is looked up each time.
    """
    known = _remembered.get((user, session_id))
    if known and known[0] > time.monotonic():
        return known[1]
    found = queries.seat(user, session_id=session_id)
    if found[1] is not None:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[user, session_id] = (time.monotonic() + _REMEMBERED_S, found)
    return found


def forget() -> None:
    """Look every seat up again: somebody lost theirs, or a session its name."""
    _remembered.clear()


_remembered: dict[tuple[str, str], tuple[float, tuple[SessionInfo, str | None]]] = {}
