"""Who stands before a page of event markets, as which of their agents, and on which exchange."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest

from accounts.facade import actor_of
from common.errors import DomainError
from common.ids import Actor, parse_public_id, public_id
from predictions import queries
from predictions.handlers import exchanges
from predictions.models import Market
from predictions.queries import MAIN, AgentInfo, ExchangeInfo
from predictions.web import reads

_COMMAND_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody signed in, the agents that they own on an exchange, and the one they act as now, if any."""

    exchange: ExchangeInfo
    actor: Actor
    agents: tuple[AgentInfo, ...]
    agent: AgentInfo | None

    @property
    def stream(self) -> UUID:
        return self.exchange.stream

    @property
    def is_organiser(self) -> bool:
        return self.actor.organiser or self.actor.id == self.exchange.organiser

    @property
    def is_moderator(self) -> bool:
        return self.agent is not None and self.agent.row.role == "moderator"

    @property
    def may_trade(self) -> bool:
        return self.agent is not None and self.agent.row.role == "trader"

    @property
    def number(self) -> int:
        """The acting agent's number, 0 where there is none."""
        return self.agent.number if self.agent else 0

    def id(self, number: int) -> str:
        """The opaque id of what event `number` of this exchange made."""
        return public_id(self.stream, number)

    @property
    def waiting(self) -> int:
        """How many orders of their agents wait for their approval here."""
        return len(reads.waiting(self.stream, [agent.number for agent in self.agents])) if self.agents else 0

    def owns(self, number: int) -> bool:
        """Whether an agent is theirs."""
        return any(agent.number == number for agent in self.agents)

    def acting(self) -> AgentInfo:
        """The agent they act as. Raises DomainError `not_joined`."""
        if self.agent is None:
            raise DomainError("not_joined", "Register an agent here first: agents trade, people own them.")
        return self.agent


def visitor(request: HttpRequest, name: str = "") -> Visitor:
    """Whoever is signed in, before the exchange of this name or that the address asks for. Raises Http404."""
    try:
        exchange = exchanges.find(name or request.GET.get("exchange", "") or MAIN)
    except (DomainError, ValueError) as refusal:
        raise Http404 from refusal
    return _standing(request, exchange)


def visitor_of(request: HttpRequest, outside: str) -> tuple[Visitor, int]:
    """(who, the number) before what an opaque id names. Raises Http404."""
    found = parse_public_id(outside)
    if found is None:
        raise Http404
    try:
        exchange = queries.exchange_of(found[0])
    except DomainError as refusal:
        raise Http404 from refusal
    return _standing(request, exchange), found[1]


def market_of(request: HttpRequest, outside: str) -> tuple[Visitor, Market]:
    """(who, the market that the address names). Raises Http404."""
    who, number = visitor_of(request, outside)
    try:
        return who, queries.market(who.stream, number)
    except DomainError as refusal:
        raise Http404 from refusal


def again(who: Visitor) -> Visitor:
    """The same visitor after a command: with the exchange and the agents as they are now."""
    exchange = queries.exchange_of(who.stream)
    agents = tuple(queries.agents_owned(who.actor.id, who.stream))
    return Visitor(exchange, who.actor, agents, _chosen(agents, who.number))


def act_as(request: HttpRequest, stream: UUID, number: int) -> None:
    """Remember which of their agents somebody wants to act as."""
    request.session[_kept(stream)] = number


def _standing(request: HttpRequest, exchange: ExchangeInfo) -> Visitor:
    actor = actor_of(request.user)
    agents = tuple(queries.agents_owned(actor.id, exchange.stream))
    return Visitor(exchange, actor, agents, _chosen(agents, request.session.get(_kept(exchange.stream), 0)))


def _chosen(agents: tuple[AgentInfo, ...], number: int) -> AgentInfo | None:
    return next((agent for agent in agents if agent.number == number), agents[0] if agents else None)


def _kept(stream: UUID) -> str:
    return f"agent:{stream.hex}"


def command_id(request: HttpRequest) -> str:
    """The form's id, under which it happens once; "" (a new one) where the form has none that is usable."""
    given = request.POST.get("command_id", "")
    return f"form:{given}" if _COMMAND_ID.fullmatch(given) else ""
