"""Who may do what, and when: the checks that every decision begins with."""

from collections.abc import Mapping

from common.errors import DomainError
from common.ids import Actor
from markets.engine.state import Participant, SessionState

# Action → the statuses in which it is legal. What isn't here is refused.
LEGAL: Mapping[str, frozenset[str]] = {
    "start": frozenset({"created"}),
    "halt": frozenset({"active"}),
    "resume": frozenset({"halted"}),
    "close": frozenset({"active", "halted"}),
    "settle": frozenset({"closed"}),
    "correct the settlement": frozenset({"settled"}),
    "cancel the session": frozenset({"created", "active", "halted", "closed"}),
    "fix prices": frozenset({"created", "active", "halted", "closed"}),
    "join": frozenset({"created", "active", "halted"}),
    "remove a participant": frozenset({"created", "active", "halted"}),
    "assign allocations": frozenset({"created", "active", "halted"}),
    "trade": frozenset({"active"}),
    "cancel an order, RFQ or quote": frozenset({"active", "halted"}),
    "bust a trade": frozenset({"active", "halted"}),
    "announce": frozenset({"created", "active", "halted", "closed", "settled", "cancelled"}),
}


def require_status(state: SessionState, action: str) -> None:
    """Refuse `action` in a status in which it isn't legal, with code `session_<status>`."""
    status = state.facts.status
    if not status:
        raise DomainError("not_found", "There is no such session.")
    if status not in LEGAL[action]:
        raise DomainError(f"session_{status}", f"The session is {status}: you cannot {action} now.")


def is_organiser(state: SessionState, actor: Actor) -> bool:
    """Whether `actor` runs this session."""
    return actor.organiser or actor.id == state.facts.organiser


def require_organiser(state: SessionState, actor: Actor) -> None:
    """Refuse anybody else."""
    if not is_organiser(state, actor):
        raise DomainError("not_organiser", "Only the session's organiser may do this.")


def member(state: SessionState, handle: str, *, field: str = "participant_id") -> Participant:
    """The participant with this handle who has not been removed."""
    person = state.facts.participants.get(handle)
    if person is None:
        raise DomainError("unknown_participant", f"There is no participant {handle!r} in this session.", field=field)
    if person.is_removed:
        raise DomainError("participant_removed", f"{handle} was removed from this session.", field=field)
    return person


def acting(state: SessionState, handle: str, actor: Actor) -> Participant:
    """The participant in whose name `actor` may act: their own, or anybody's for an organiser."""
    person = state.facts.participants.get(handle)
    if not is_organiser(state, actor) and (person is None or person.user != actor.id):
        raise DomainError("not_yours", f"You don't act for {handle!r} in this session.", field="participant_id")
    return member(state, handle)


def require_leg(state: SessionState, leg: str, field: str) -> None:
    """Refuse what isn't one of the session's legs."""
    if leg not in state.facts.legs:
        legs = ", ".join(state.facts.legs)
        raise DomainError("unknown_leg", f"{leg!r} is none of this session's legs: {legs}.", field=field)
