"""Who calls, on which exchange, and for which agent. Reading what everybody may know takes no key."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.access import CallerView, HasScope
from accounts.facade import User
from common.errors import DomainError
from common.fields import Fields
from common.ids import Actor, parse_public_id, public_id
from ledger import entry
from predictions import limits, queries
from predictions.handlers import exchanges
from predictions.models import Market, Order
from predictions.queries import AgentInfo, ExchangeInfo


class IsKnown(BasePermission):
    """Whoever changes something shows a key or is signed in; what a view says is `private` is read so as well."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(view, PredictionView)
        is_open = request.method in SAFE_METHODS if not view.private else False
        return is_open or request.method in view.open_methods or isinstance(request.user, User)


class PredictionView(CallerView):
    """Base of the views of event markets."""

    permission_classes = [IsKnown, HasScope]  # noqa: RUF012  DRF's own way
    private = False
    buckets: dict[str, str] = {}  # noqa: RUF012  the bucket of order entry that a method takes from
    open_methods: tuple[str, ...] = ()

    _stream: UUID | None = None

    @cached_property
    def caller(self) -> Actor | None:
        """The caller; None where nobody is signed in."""
        return self.actor if isinstance(self.request.user, User) else None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What takes from a bucket tells what is left there, done or refused."""
        final = super().finalize_response(request, response, *args, **kwargs)
        bucket = self.buckets.get(request.method or "", "")
        limit = limits.limits().get(bucket)
        if limit and self._stream is not None and self.caller is not None:
            for name, value in entry.headers(self._stream, self.caller, bucket, limit).items():
                final[name] = value
        return final

    def exchange(self, name: str | None) -> ExchangeInfo:
        """The exchange that is named, else the key's own, else the main one. Raises DomainError `not_found`."""
        if name:
            found = exchanges.find(name)
        elif self.key is not None and self.key.stream is not None:
            found = queries.exchange_of(self.key.stream)
        else:
            found = exchanges.find()
        self._require_open(found.stream, "exchange")
        return found

    def agent(self, agent_id: str) -> AgentInfo:
        """Raises DomainError `not_found`."""
        stream, number = self.parsed(agent_id, "agent")
        return queries.agent(stream, number)

    def market(self, market_id: str) -> Market:
        """Raises DomainError `not_found`."""
        stream, number = self.parsed(market_id, "market")
        return queries.market(stream, number)

    def order(self, order_id: str) -> Order:
        """An order of an agent for whom the caller acts; another's is not there. Raises DomainError `not_found`."""
        stream, number = self.parsed(order_id, "order")
        row = queries.order(stream, number)
        if not self.acts_for(queries.agent(stream, row.agent)):
            raise DomainError("not_found", "There is no such order.")
        self._stream = stream
        return row

    def own(self, agent_id: str | None, stream: UUID, *, field: str = "agent_id") -> AgentInfo:
        """The agent that is named, else the caller's own. Raises DomainError `not_yours`, `not_found`."""
        if not agent_id:
            self._stream = stream
            return queries.agent_of(stream, self.actor.id)
        found = parse_public_id(agent_id)
        if found is None or found[0] != stream:
            raise DomainError("not_found", "There is no such agent.", field=field)
        agent, self._stream = queries.agent(*found), stream
        if not self.acts_for(agent):
            raise DomainError("not_yours", "You don't act for this agent.", field=field)
        return agent

    def acts_for(self, agent: AgentInfo) -> bool:
        """Whether the caller is the agent, owns it, or is an administrator. The engine asks again."""
        caller = self.caller
        return caller is not None and (caller.organiser or caller.id in {agent.row.user, agent.row.owner})

    def organises(self, exchange: ExchangeInfo) -> bool:
        """Whether the caller runs this exchange, and may use it here."""
        caller = self.caller
        return caller is not None and (caller.organiser or (self.may_organise and caller.id == exchange.organiser))

    def require_organiser(self, stream: UUID) -> None:
        """A key without the scope is only seen here. Raises DomainError `not_organiser`."""
        if not self.organises(queries.exchange_of(stream)):
            raise DomainError("not_organiser", "Only the exchange's organiser may do this.")

    def number_of_caller(self, stream: UUID) -> int:
        """The number of the agent whose key this is; 0 where there is none."""
        rows = queries.agents_of_user(stream, self.caller.id) if self.caller else []
        return rows[0] if rows else 0

    def parsed(self, text: str, what: str) -> tuple[UUID, int]:
        """(exchange, number) of an id that the caller's key does not shut out. Raises DomainError `not_found`."""
        found = parse_public_id(text)
        if found is None:
            raise DomainError("not_found", f"There is no such {what}.", field=f"{what}_id")
        self._require_open(found[0], what)
        return found

    def _require_open(self, stream: UUID, what: str) -> None:
        if self.key is not None and self.key.stream not in {None, stream}:
            raise DomainError("not_found", f"There is no such {what}.")


def body_of(request: Request) -> Fields:
    """The members of a body."""
    return Fields(request.data)


def id_of(agent: AgentInfo) -> str:
    """An agent's outside name."""
    return public_id(agent.row.stream_id, agent.number)


def with_market(body: Mapping[str, Any], row: Market) -> dict[str, Any]:
    """A body that belongs to a market."""
    return {"market_id": public_id(row.stream_id, row.number), **body}
