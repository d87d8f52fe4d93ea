"""Where a caller sits in a session: in whose name they may act there, and whether they run it."""

from dataclasses import dataclass
from uuid import UUID

from common.errors import DomainError
from common.ids import Actor
from markets.queries import SessionInfo


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
