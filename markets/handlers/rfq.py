"""RFQs, quotes, and undoing trades."""

from uuid import UUID

from common.ids import Actor
from ledger.runtime import runtime
from ledger.tickets import Outcome
from markets import queries
from markets.engine import commands as c


def request_quote(stream: UUID, command: c.RequestQuote, actor: Actor, *, command_id: str = "") -> Outcome:
    """Ask for quotes. The RFQ is named by the outcome's first seq."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def cancel_rfq(stream: UUID, command: c.CancelRfq, actor: Actor, *, command_id: str = "") -> Outcome:
    """Take an RFQ back."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def provide_quote(stream: UUID, command: c.ProvideQuote, actor: Actor, *, command_id: str = "") -> Outcome:
    """Answer an RFQ with a rate. The quote is named by the outcome's first seq."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def withdraw_quote(stream: UUID, command: c.WithdrawQuote, actor: Actor, *, command_id: str = "") -> Outcome:
    """Take a quote back."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def accept_quote(stream: UUID, command: c.AcceptQuote, actor: Actor, *, command_id: str = "") -> Outcome:
    """Swap: both legs move in one event. The trade is named by the outcome's first seq."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def bust_trade(stream: UUID, number: int, actor: Actor, *, reason: str, command_id: str = "") -> Outcome:
    """Undo a trade by a compensating event, while the session is open."""
    trade = queries.trade(stream, number)
    command = c.BustTrade(
        trade=trade.number,
        participant_a=trade.participant_a,
        participant_b=trade.participant_b,
        leg_from=trade.leg_from,
        leg_to=trade.leg_to,
        amount_from=trade.amount_from,
        amount_to=trade.amount_to,
        reason=reason,
    )
    return runtime.execute(stream, command, actor, command_id=command_id)
