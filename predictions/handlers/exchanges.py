"""Exchanges: the main one, others by organisers, and what time makes happen on them."""

from uuid import UUID

from common.errors import DomainError
from common.ids import CLOCK, OPERATOR, Actor
from ledger import platform
from ledger.runtime import runtime
from ledger.tickets import Opens, Outcome
from predictions import queries
from predictions.engine import commands as c
from predictions.engine.events import Terms
from predictions.models import AgentName, Comment, CommentVote
from predictions.queries import MAIN, ExchangeInfo

_MAIN = UUID("0f6b1f7e-5f0c-4f57-9f3e-8f9d6c1f2a61")


def find(name: str = MAIN) -> ExchangeInfo:
    """An exchange by name; the main one is opened when first asked for. Raises DomainError `not_found`."""
    try:
        return queries.exchange(name)
    except DomainError:
        if name != MAIN or platform.tombstone(_MAIN):
            raise
    command = c.CreateExchange(name=MAIN, organiser=OPERATOR.id)
    try:
        runtime.execute_on(_MAIN, Opens("exchange", MAIN), command, OPERATOR)
    except DomainError as refusal:
        if refusal.code not in {"exchange_exists", "name_taken"}:  # somebody else was first
            raise
    return queries.exchange(name)


def create_exchange(name: str, terms: Terms, actor: Actor, *, command_id: str = "") -> Outcome:
    """Open an exchange whose organiser the actor is. Raises DomainError `exchange_exists`, `invalid_exchange`."""
    if name == MAIN:
        raise DomainError("exchange_exists", f"There is an exchange {name!r} already.", field="name")
    command = c.CreateExchange(name=name, organiser=actor.id, terms=terms)
    try:
        return runtime.open(Opens("exchange", name), command, actor, command_id=command_id)
    except DomainError as refusal:
        if refusal.code == "name_taken":
            raise DomainError("exchange_exists", f"There is an exchange {name!r} already.", field="name") from refusal
        raise


def advance_exchange(stream: UUID) -> Outcome:
    """Write down what time has made happen: expiries, closings, payouts. Doing it twice changes nothing."""
    return runtime.execute(stream, c.AdvanceExchange(), CLOCK)


def delete_exchange(name: str, actor: Actor, *, reason: str = "", command_id: str = "") -> Outcome:
    """Hide an exchange for ever, drop its rows, and forget its agents' names and what they said."""
    exchange = queries.exchange(name)
    if not actor.organiser and actor.id != exchange.organiser:
        raise DomainError("not_organiser", "Only the exchange's organiser may do this.")
    outcome = platform.delete_stream(exchange.stream, actor, name=name, reason=reason, command_id=command_id)
    for model in (AgentName, Comment, CommentVote):
        model.objects.filter(stream_id=exchange.stream).delete()
    return outcome
