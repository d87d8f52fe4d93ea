"""Undoing a trade."""

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide.access import member, require_organiser, require_status
from markets.engine.state import SessionState


def bust(state: SessionState, command: c.BustTrade, actor: Actor, now: int) -> list[Event]:
    """TradeBusted: each party gives back what it received, if it still has it available."""
    require_status(state, "bust a trade")
    require_organiser(state, actor)
    if command.trade in state.busted:
        raise DomainError("already_busted", "This trade was busted already.")
    if not command.reason.strip():
        raise DomainError("reason_required", "Say why: the ledger keeps the reason.", field="reason")
    for who, asset, units in (
        (command.participant_b, command.leg_from, command.amount_from),
        (command.participant_a, command.leg_to, command.amount_to),
    ):
        member(state, who)
        if state.available(who, asset) < units:
            raise DomainError("cannot_bust", f"{who} no longer has the {asset} to give back.")
    return [
        e.TradeBusted(
            command.trade,
            command.participant_a,
            command.participant_b,
            command.leg_from,
            command.leg_to,
            command.amount_from,
            command.amount_to,
            command.reason,
        )
    ]
