"""Command → the function that decides it; and what time alone decides."""

from collections.abc import Callable
from typing import Any

from common.events import Event
from common.ids import Actor
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide import announcements, lifecycle, orders, participants, rfq, trades
from markets.engine.state import SessionState

Decision = Callable[[SessionState, Any, Actor, int], list[Event]]


def decide(state: SessionState, command: c.Command, actor: Actor, now: int) -> list[Event]:
    """The events that `command` by `actor` causes at `now`, or DomainError. Changes nothing."""
    return _DECISIONS[type(command)](state, command, actor, now)


def due(state: SessionState, now: int) -> list[Event]:
    """What time makes happen next, up to `now`, in the order of its nominal times; empty when all is done."""
    facts = state.facts
    if facts.status == "created" and facts.t1 and facts.t1 <= now and not (facts.t2 and facts.t2 <= facts.t1):
        return lifecycle.starting(state, facts.t1)
    if facts.status not in {"active", "halted"}:
        return []
    end = facts.t2 if facts.t2 and facts.t2 <= now else 0
    if state.deadlines and state.deadlines[0][0] <= (end or now):
        return _expiring(state, end or now)
    return lifecycle.closing(state, end, by_hand=False) if end else []


def _expiring(state: SessionState, upto: int) -> list[Event]:
    """Expiries up to a moment, by (time, id). An RFQ that expires takes its quotes along."""
    decided: list[Event] = []
    gone: set[int] = set()
    for expires_at, number in state.deadlines:
        if expires_at > upto:
            break
        if number in gone:
            continue
        gone.add(number)
        if number in state.orders:
            decided.append(e.OrderExpired(number, "gtd"))
        elif number in state.quotes:
            decided.append(e.QuoteExpired(number, "expired"))
        else:
            quotes = [quote for quote in state.rfqs[number].quotes if quote not in gone]
            decided += [e.QuoteExpired(quote, "rfq_expired") for quote in quotes]
            gone.update(quotes)
            decided.append(e.RFQExpired(number, "expired"))
    return decided


def _nothing(state: SessionState, command: c.AdvanceSession, actor: Actor, now: int) -> list[Event]:
    return []


_DECISIONS: dict[type[c.Command], Decision] = {
    c.CreateSession: lifecycle.create,
    c.StartSession: lifecycle.start,
    c.HaltSession: lifecycle.halt,
    c.ResumeSession: lifecycle.resume,
    c.CloseSession: lifecycle.close,
    c.SettleSession: lifecycle.settle,
    c.CorrectSettlement: lifecycle.correct,
    c.CancelSession: lifecycle.cancel,
    c.AdvanceSession: _nothing,
    c.FixPrices: lifecycle.fix,
    c.JoinSession: participants.join,
    c.AdmitParticipants: participants.admit,
    c.RemoveParticipant: participants.remove,
    c.AssignAllocations: participants.assign,
    c.PlaceOrder: orders.place,
    c.CancelOrder: orders.cancel,
    c.CancelOrders: orders.cancel_all,
    c.ReplaceOrder: orders.replace,
    c.RequestQuote: rfq.request,
    c.CancelRfq: rfq.cancel,
    c.ProvideQuote: rfq.quote,
    c.WithdrawQuote: rfq.withdraw,
    c.AcceptQuote: rfq.accept,
    c.BustTrade: trades.bust,
    c.Announce: announcements.announce,
}
