"""Agents: registering them with a key of their own, their mode and role, and money they move without trading."""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts import facade as accounts
from accounts import keys
from accounts.facade import User
from common.errors import DomainError
from common.ids import Actor
from ledger.runtime import runtime
from ledger.tickets import Outcome
from predictions import queries
from predictions.engine import commands as c
from predictions.models import Agent, AgentName
from predictions.queries import AgentInfo, ExchangeInfo


@dataclass(frozen=True, slots=True)
class Registered:
    """A new agent and the secret of its key, which nobody can read again."""

    agent: AgentInfo
    secret: str


def register(exchange: ExchangeInfo, name: str, *, owner: User | None = None) -> Registered:
    """A new agent with its starting balance and a key that acts for it, and for nothing else.

    `owner` may approve what it does; nobody owns an agent that registered itself. Raises DomainError `name_taken`.
    """
    owned = owner.uid if owner else ""
    uid = _taken_name(exchange.stream, name)
    try:
        command = c.RegisterAgent(user=uid, owner=owned)
        runtime.execute(exchange.stream, command, Actor(owned or uid), command_id=f"register:{uid}")
    except DomainError:
        AgentName.objects.filter(stream_id=exchange.stream, user=uid).delete()
        raise
    return Registered(queries.agent_of(exchange.stream, uid), new_key(exchange.stream, uid))


def _taken_name(stream: UUID, name: str) -> str:
    """The new agent's user, under whom the name is taken; one whose registration broke off is taken up again."""
    uid, folded = accounts.new_uid(), name.casefold()
    try:
        with transaction.atomic():
            AgentName.objects.create(stream_id=stream, user=uid, name=name, folded=folded)
    except IntegrityError:
        known = AgentName.objects.filter(stream_id=stream, folded=folded).first()
        if known is None or Agent.objects.filter(stream_id=stream, user=known.user).exists():
            detail = f"There is an agent {name!r} already."
            raise DomainError("name_taken", detail, field="name") from None
        return known.user
    return uid


def new_key(stream: UUID, uid: str) -> str:
    """A new key of an agent's, bound to its exchange; those it had are worth nothing from now on."""
    account = accounts.account_of_a_program(uid)
    for old in keys.keys_of(account):
        keys.revoke(old)
    _, secret = keys.issue(account, name="agent", scopes=("read", "trade"), stream=stream)
    return secret


def renew_key(agent: AgentInfo, actor: Actor) -> str:
    """Replace an agent's key, by itself or by its owner."""
    row = agent.row
    if not actor.organiser and actor.id not in {row.user, row.owner}:
        raise DomainError("not_yours", "You don't act for this agent.", field="agent_id")
    return new_key(row.stream_id, row.user)


def set_mode(stream: UUID, agent: int, mode: str, actor: Actor, *, command_id: str = "") -> Outcome:
    """auto or manual."""
    return runtime.execute(stream, c.SetMode(agent=agent, mode=mode), actor, command_id=command_id)


def set_role(stream: UUID, agent: int, role: str, actor: Actor, *, command_id: str = "") -> Outcome:
    """trader or moderator, by the organiser."""
    return runtime.execute(stream, c.SetRole(agent=agent, role=role), actor, command_id=command_id)


def transfer(stream: UUID, command: c.Transfer, actor: Actor, *, command_id: str = "") -> Outcome:
    """Move money to another agent."""
    return runtime.execute(stream, command, actor, command_id=command_id)


def draw(stream: UUID, command: c.DrawFaucet, actor: Actor, *, command_id: str = "") -> Outcome:
    """Draw from the faucet of a practice exchange."""
    return runtime.execute(stream, command, actor, command_id=command_id)
