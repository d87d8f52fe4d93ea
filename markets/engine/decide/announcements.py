"""What the organiser says to the room, or to one participant."""

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide.access import member, require_organiser, require_status
from markets.engine.state import SessionState

_LONGEST = 500


def announce(state: SessionState, command: c.Announce, actor: Actor, now: int) -> list[Event]:
    """AnnouncementMade, in any status: a room is also told what happens after the end."""
    require_status(state, "announce")
    require_organiser(state, actor)
    if not command.text.strip() or len(command.text) > _LONGEST:
        raise DomainError("invalid_announcement", f"An announcement has 1 to {_LONGEST} characters.", field="text")
    if command.participant:
        member(state, command.participant)
    return [e.AnnouncementMade(command.participant, command.text)]
