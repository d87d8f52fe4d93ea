"""Joining, allocating, leaving."""

from collections.abc import Mapping
from uuid import UUID

from common.ids import Actor
from ledger.runtime import runtime
from ledger.tickets import Outcome
from markets import seats
from markets.engine import commands as c
from markets.models import DisplayName


def join_session(
    stream: UUID, command: c.JoinSession, actor: Actor, *, name: str = "", command_id: str = ""
) -> Outcome:
    """Admit a participant and issue their cash. The display name stays outside the ledger."""
    outcome = runtime.execute(stream, command, actor, command_id=command_id)
    if name:
        DisplayName.objects.update_or_create(
            stream_id=stream, handle=command.participant, defaults={"name": name[:80]}
        )
    return outcome


def admit_participants(
    stream: UUID, command: c.AdmitParticipants, actor: Actor, *, names: Mapping[str, str], command_id: str = ""
) -> Outcome:
    """Admit many and give them what they begin with, all or none. `names`: {handle: display name}."""
    outcome = runtime.execute(stream, command, actor, command_id=command_id)
    name_participants(stream, names, rename=not outcome.replayed)
    return outcome


def remove_participant(stream: UUID, command: c.RemoveParticipant, actor: Actor, *, command_id: str = "") -> Outcome:
    """Cancel what they have open and move what they hold to the treasury."""
    outcome = runtime.execute(stream, command, actor, command_id=command_id)
    seats.forget()
    return outcome


def assign_allocations(stream: UUID, command: c.AssignAllocations, actor: Actor, *, command_id: str = "") -> Outcome:
    """Move claims from the treasury to participants."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def name_participants(stream: UUID, names: Mapping[str, str], *, rename: bool = True) -> None:
    """Keep display names by handle, outside the ledger; without `rename` only of those who have none yet."""
    keep = DisplayName.objects.update_or_create if rename else DisplayName.objects.get_or_create
    for handle, name in names.items():
        keep(stream_id=stream, handle=handle, defaults={"name": name[:80]})
