"""What the organiser says to the room."""

from uuid import UUID

from common.ids import Actor
from ledger.runtime import runtime
from ledger.tickets import Outcome
from markets.engine import commands as c


def announce(stream: UUID, command: c.Announce, actor: Actor, *, command_id: str = "") -> Outcome:
    """Tell everybody, or one participant. The announcement is named by the outcome's first seq."""
    return runtime.execute(stream, command, actor, command_id=command_id)
