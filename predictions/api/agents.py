"""Agents: registering, reading, ranking; their mode, role and key; money they move."""

from django.conf import settings
from django.utils.crypto import constant_time_compare
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import reply
from accounts.facade import User, take
from accounts.throttle import REGISTRATIONS
from common.api.paging import Query, listed
from common.errors import DomainError, InvalidInput
from predictions import queries, requests, shapes, valuation
from predictions.api.access import PredictionView, body_of, id_of
from predictions.api.schema import CURSOR, EXCHANGE, described
from predictions.engine import commands as c
from predictions.handlers import agents

_MEASURES = ("equity", "profit", "balance", "reputation")


@described(
    "PredictionStanding",
    page=True,
    posted="RegisteredPredictionAgent",
    body="NewPredictionAgent",
    parameters={
        **CURSOR,
        **EXCHANGE,
        "order_by": "equity (default), profit, balance or reputation",
        "role": "trader or moderator",
    },
)
class Agents(PredictionView):
    """The leaderboard. POST registers an agent; the key in the answer is shown this once and acts for it alone.

    Who is signed in, or has a key of their own, owns the agents that they register, and may approve for them.
    """

    open_methods = ("POST",)

    def get(self, request: Request) -> Response:
        query = Query(request)
        exchange = self.exchange(query.text("exchange"))
        by = query.fields.choice("order_by", _MEASURES, "equity")
        role = query.fields.choice("role", ("trader", "moderator"), "")
        ranked = valuation.standings(exchange.stream, role=role, by=by)
        found, following = query.page_by(ranked, lambda one: valuation.place(one, by))
        return reply(listed([shapes.standing(one) for one in found], following))

    def post(self, request: Request) -> Response:
        fields = body_of(request)
        name, exchange = fields.text("name").strip(), self.exchange(fields.text("exchange", "") or None)
        code = fields.text("registration_code", "")
        fields.end()
        if not 1 <= len(name) <= 100:
            raise InvalidInput("name", "A name has 1 to 100 characters.")
        owner = self._owner()
        if owner is None:
            _admit_stranger(str(request.META.get("REMOTE_ADDR", "")), code)
        made = agents.register(exchange, name, owner=owner)
        return reply({**shapes.agent(made.agent, private=True), "exchange": exchange.name, "api_key": made.secret})

    def _owner(self) -> User | None:
        if self.key is not None and self.key.stream is not None:
            raise DomainError("not_owner", "An agent's key registers no agents.")
        return self.request.user if isinstance(self.request.user, User) else None


def _admit_stranger(address: str, code: str) -> None:
    """Who is not signed in registers where SM_REGISTRATION allows it, and not too often."""
    take(REGISTRATIONS, address)
    if settings.REGISTRATION == "closed":
        raise DomainError("permission_denied", "Registration is closed here: sign in, or bring a key.")
    wanted = settings.REGISTRATION_CODE
    if settings.REGISTRATION == "code" and not (wanted and constant_time_compare(code, wanted)):
        detail = "This is not the registration code. Ask your organiser for it."
        raise DomainError("invalid_code", detail, field="registration_code")


@described("PredictionAgent", body="PredictionAgentSettings")
class Agent(PredictionView):
    """One agent; what it has locked only for who acts for it. PATCH changes its mode."""

    def get(self, request: Request, agent_id: str) -> Response:
        return reply(self._shown(agent_id))

    def patch(self, request: Request, agent_id: str) -> Response:
        agent, fields = self.agent(agent_id), body_of(request)
        mode = fields.choice("trading_mode", ("auto", "manual"))
        fields.end()
        agents.set_mode(agent.row.stream_id, agent.number, mode, self.actor, command_id=self.command_id)
        return reply(self._shown(agent_id))

    def _shown(self, agent_id: str) -> shapes.Shape:
        agent = self.agent(agent_id)
        return shapes.agent(agent, private=self.acts_for(agent))


@described("PredictionAgent", parameters=EXCHANGE)
class Me(PredictionView):
    """The agent whose key this is."""

    private = True

    def get(self, request: Request) -> Response:
        query = Query(request)
        exchange = self.exchange(query.text("exchange"))
        return reply(shapes.agent(queries.agent_of(exchange.stream, self.actor.id), private=True))


@described("PredictionProfile")
class Profile(PredictionView):
    """All about an agent that everybody may know."""

    def get(self, request: Request, agent_id: str) -> Response:
        agent = self.agent(agent_id)
        return reply(shapes.profile(valuation.profile(agent.row.stream_id, agent.number)))


@described("PredictionKey", body="Nothing")
class Key(PredictionView):
    """A new key for an agent, by its own or its owner; the old one is worth nothing from then on."""

    def post(self, request: Request, agent_id: str) -> Response:
        agent = self.agent(agent_id)
        body_of(request).end()
        return reply({"agent_id": id_of(agent), "api_key": agents.renew_key(agent, self.actor)})


@described("PredictionAgent", body="PredictionRole")
class Role(PredictionView):
    """trader or moderator, by the exchange's organiser. A new moderator's orders are cancelled."""

    def post(self, request: Request, agent_id: str) -> Response:
        agent, fields = self.agent(agent_id), body_of(request)
        role = fields.choice("role", ("trader", "moderator"))
        fields.end()
        stream = agent.row.stream_id
        self.require_organiser(stream)
        done = agents.set_role(stream, agent.number, role, self.actor, command_id=self.command_id)
        return reply(shapes.agent(self.agent(agent_id), private=self.acts_for(agent)), replayed=done.replayed)


@described("PredictionAgent", body="PredictionTransfer")
class Transfer(PredictionView):
    """Money to another agent of the exchange."""

    def post(self, request: Request, agent_id: str) -> Response:
        agent, fields = self.agent(agent_id), body_of(request)
        stream = agent.row.stream_id
        command = c.Transfer(
            giver=agent.number,
            taker=requests.number(fields.text("to_agent_id"), stream, "to_agent_id"),
            amount=requests.money(fields, "amount"),
            note=fields.prose("note", most=200),
        )
        fields.end()
        done = agents.transfer(stream, command, self.actor, command_id=self.command_id)
        return reply(shapes.agent(self.agent(agent_id), private=True), replayed=done.replayed)


@described("PredictionAgent", body="PredictionAmount")
class Faucet(PredictionView):
    """Play money, where the exchange has a faucet, up to its limit for each agent; no profit in any ranking."""

    def post(self, request: Request, agent_id: str) -> Response:
        agent, fields = self.agent(agent_id), body_of(request)
        command = c.DrawFaucet(agent=agent.number, amount=requests.money(fields, "amount"))
        fields.end()
        done = agents.draw(agent.row.stream_id, command, self.actor, command_id=self.command_id)
        return reply(shapes.agent(self.agent(agent_id), private=True), replayed=done.replayed)


@described("PredictionEntry", page=True, parameters={**CURSOR, "kind": "start, faucet, transfer, payout, ..."})
class Statement(PredictionView):
    """What moved an agent's money besides trades, newest first; for who acts for it."""

    private = True

    def get(self, request: Request, agent_id: str) -> Response:
        stream = self.agent(agent_id).row.stream_id
        agent, query = self.own(agent_id, stream), Query(request)
        before, limit, kind = _place(query.text("cursor")), query.limit(), query.text("kind") or ""
        found = list(queries.entries(stream, agent.number, kind=kind, before=before)[:limit])
        following = query.page(found, limit, f"{found[-1].seq}-{found[-1].kind}" if found else "")
        return reply(listed([shapes.entry(row) for row in found], following))


def _place(cursor: str | None) -> tuple[int, str] | None:
    """(seq, kind) of the last line of the page before: one event may have made several."""
    if cursor is None:
        return None
    seq, _, kind = cursor.partition("-")
    if not (seq.isascii() and seq.isdecimal() and len(seq) < 19):
        raise InvalidInput("cursor", "cursor comes from `next` of the page before; this one doesn't.")
    return int(seq), kind
