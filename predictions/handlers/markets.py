"""Markets: opening, housing, resolving, challenging, correcting; complete sets."""

from uuid import UUID

from common.ids import Actor
from ledger.runtime import runtime
from ledger.tickets import Outcome
from predictions import queries
from predictions.engine import commands as c
from predictions.models import Market


def create_market(stream: UUID, command: c.CreateMarket, actor: Actor, *, command_id: str = "") -> Market:
    """Open a market; the same command again answers the same one."""
    outcome = runtime.execute(stream, command, actor, command_id=command_id)
    return queries.market(stream, outcome.first_seq)


def open_house(stream: UUID, command: c.OpenHouse, actor: Actor, *, command_id: str = "") -> Outcome:
    """Give a market a house that quotes on both sides."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def resolve_market(stream: UUID, command: c.ResolveMarket, actor: Actor, *, command_id: str = "") -> Outcome:
    """Say how a market ended: paid at once, or after the time to challenge."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def challenge_resolution(
    stream: UUID, command: c.ChallengeResolution, actor: Actor, *, command_id: str = ""
) -> Outcome:
    """Hold a payout back until somebody else decides."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def correct_resolution(stream: UUID, command: c.CorrectResolution, actor: Actor, *, command_id: str = "") -> Outcome:
    """Pay by another outcome, by compensating entries."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def split_sets(stream: UUID, command: c.SplitSets, actor: Actor, *, command_id: str = "") -> Outcome:
    """Cash into complete sets."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def merge_sets(stream: UUID, command: c.MergeSets, actor: Actor, *, command_id: str = "") -> Outcome:
    """Complete sets into cash."""
    return runtime.execute(stream, command, actor, command_id=command_id)
