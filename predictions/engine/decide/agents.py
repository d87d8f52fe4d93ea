"""The exchange itself, its agents, and money that changes hands without a trade."""

import re

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from common.money import LIMIT
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide.access import (
    acting,
    known,
    money,
    require_cash,
    require_free_hand,
    require_organiser,
    require_owner,
)
from predictions.engine.state import ExchangeState

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_MOST_MONEY = 10**12
_MOST_WAITING = 366 * 86_400_000_000


def create(state: ExchangeState, command: c.CreateExchange, actor: Actor, now: int) -> list[Event]:
    """ExchangeCreated, with terms that cannot contradict each other."""
    if state.facts.name:
        raise DomainError("exchange_exists", "This exchange exists already.")
    if not _NAME.fullmatch(command.name):
        detail = "An exchange's name is 1 to 32 small letters, digits, '.', '-' or '_'."
        raise DomainError("invalid_exchange", detail, field="name")
    _check_terms(command.terms)
    return [e.ExchangeCreated(command.name, command.organiser, command.terms)]


def _check_terms(terms: e.Terms) -> None:
    for field in ("trading_fee", "settlement_fee", "moderator_share", "moderator_bonus"):
        if not 0 <= getattr(terms, field) <= 5_000:
            raise DomainError("invalid_exchange", f"{field} is between 0 and 50 percent.", field=field)
    for field in ("starting_balance", "creation_fee", "faucet_limit"):
        if not 0 <= getattr(terms, field) <= _MOST_MONEY:
            raise DomainError("invalid_exchange", f"{field} is out of range.", field=field)
    if not 0 <= terms.challenge_window <= _MOST_WAITING or not 0 < terms.approval_window <= _MOST_WAITING:
        raise DomainError("invalid_exchange", "A window is at most a year.", field="challenge_window")
    if terms.self_trade_prevention not in {"cancel_newest", "cancel_oldest", "cancel_both"}:
        detail = "self_trade_prevention must be cancel_newest, cancel_oldest or cancel_both."
        raise DomainError("invalid_exchange", detail, field="self_trade_prevention")
    if terms.settlement_fee * (10_000 - terms.moderator_share) < terms.moderator_bonus * 10_000:
        detail = "The moderator's share and bonus are more than the settlement fee: they would come from nowhere."
        raise DomainError("invalid_exchange", detail, field="moderator_bonus")


def register(state: ExchangeState, command: c.RegisterAgent, actor: Actor, now: int) -> list[Event]:
    """AgentRegistered and the starting balance. One agent per key's user."""
    if command.user in state.users:
        raise DomainError("already_registered", "This agent is registered already.")
    if not 1 <= len(command.user) <= 64 or len(command.owner) > 64:
        raise DomainError("invalid_user", "A user is 1 to 64 characters.", field="user")
    number, start = state.facts.seq + 1, state.facts.terms.starting_balance
    return [e.AgentRegistered(command.user, command.owner), *_issue(state, number, start, "start")]


def _issue(state: ExchangeState, number: int, amount: int, why: str) -> list[Event]:
    if state.facts.issued + amount >= LIMIT // 2:
        raise DomainError("too_large", "The exchange cannot issue more money.")
    return [e.MoneyIssued(number, amount, why)] if amount else []


def set_mode(state: ExchangeState, command: c.SetMode, actor: Actor, now: int) -> list[Event]:
    """ModeSet. To loosen it takes the owner; the agent's own key may only tighten it."""
    agent = acting(state, command.agent, actor)
    if command.mode not in {"auto", "manual"}:
        raise DomainError("invalid_mode", "trading_mode must be auto or manual.", field="trading_mode")
    if command.mode == "manual" and not agent.owner:
        raise DomainError("no_owner", "Nobody owns this agent: there is nobody who could approve its orders.")
    if command.mode == "auto" and agent.mode == "manual":
        require_owner(agent, actor)
    return [e.ModeSet(agent.id, command.mode)] if command.mode != agent.mode else []


def set_role(state: ExchangeState, command: c.SetRole, actor: Actor, now: int) -> list[Event]:
    """RoleSet, by the organiser alone. A new moderator's orders are cancelled first: they trade no more."""
    require_organiser(state, actor)
    agent = known(state, command.agent)
    if command.role not in {"trader", "moderator"} or agent.role == "house":
        raise DomainError("invalid_role", "role must be trader or moderator; a house keeps its own.", field="role")
    if command.role == agent.role:
        return []
    gone = [e.OrderCancelled(number, "role_changed") for number in sorted(state.of_agent.get(agent.id, {}))]
    return [*gone, e.RoleSet(agent.id, command.role)]


def transfer(state: ExchangeState, command: c.Transfer, actor: Actor, now: int) -> list[Event]:
    """MoneyTransferred, out of what is available."""
    giver = acting(state, command.giver, actor)
    require_free_hand(giver, actor, "transfer money")
    taker = known(state, command.taker, "to_agent_id")
    if taker.id == giver.id or taker.role == "house":
        raise DomainError("invalid_transfer", "Transfer to another agent.", field="to_agent_id")
    if not 0 < command.amount <= _MOST_MONEY:
        raise DomainError("invalid_transfer", "amount must be above zero.", field="amount")
    require_cash(giver, command.amount, "amount")
    return [e.MoneyTransferred(giver.id, taker.id, command.amount, command.note)]


def draw(state: ExchangeState, command: c.DrawFaucet, actor: Actor, now: int) -> list[Event]:
    """MoneyIssued from the faucet of a practice exchange, up to its limit for each agent."""
    agent, limit = acting(state, command.agent, actor), state.facts.terms.faucet_limit
    require_free_hand(agent, actor, "draw from the faucet")
    if not limit:
        raise DomainError("no_faucet", "This exchange has no faucet.")
    if command.amount <= 0:
        raise DomainError("invalid_transfer", "amount must be above zero.", field="amount")
    if agent.drawn + command.amount > limit:
        detail = f"The faucet gives {money(limit)} to each agent in all; {money(limit - agent.drawn)} are left."
        raise DomainError("faucet_empty", detail, field="amount")
    return _issue(state, agent.id, command.amount, "faucet")
