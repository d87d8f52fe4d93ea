"""Agents: ranked, looked at one by one, registered by their owner, and what owners do for them."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.facade import Rule, take, user_of
from common.clock import now_us
from common.errors import DomainError
from predictions import queries, valuation
from predictions.engine import commands as c
from predictions.handlers import agents, orders
from predictions.queries import AgentInfo
from predictions.web import forms, reads
from predictions.web.access import Visitor, act_as, command_id, visitor, visitor_of
from predictions.web.answers import Attempt, attempt, done, page, status_of
from predictions.web.views.market import number_of

REGISTRATIONS = Rule("new agents", burst=20, per_minute=2)
MEASURES = {"equity": "equity", "profit": "profit", "balance": "balance", "reputation": "reputation"}
ROLES = {"trader": "traders", "moderator": "moderators"}
_PAGE = 50
_STATEMENT = 40


@login_required
@require_safe
def leaderboard(request: HttpRequest) -> HttpResponse:
    """All agents by equity or another measure, one's own marked."""
    who = visitor(request)
    by, role = request.GET.get("by", ""), request.GET.get("role", "")
    by, role = by if by in MEASURES else "equity", role if role in ROLES else "trader"
    found = Paginator(valuation.standings(who.stream, role=role, by=by), _PAGE).get_page(request.GET.get("page"))
    shown = {
        "who": who,
        "exchange": who.exchange,
        "exchanges": queries.exchanges(),
        "found": found,
        "by": by,
        "role": role,
        "measures": MEASURES.items(),
        "roles": ROLES.items(),
        "mine": {agent.number for agent in who.agents},
        "tab": "leaderboard",
    }
    return page(request, "leaderboard.html", shown)


@login_required
@require_safe
def agent_page(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Everything that everybody may know about an agent; to its owner its statement too."""
    who, number = visitor_of(request, agent_id)
    try:
        profile = valuation.profile(who.stream, number)
    except DomainError as refusal:
        raise Http404 from refusal
    owns = who.owns(number) or who.is_organiser
    trades = list(queries.trades(who.stream, agent=number)[:20])
    shown = {
        "who": who,
        "exchange": who.exchange,
        "profile": profile,
        "agent": profile.agent,
        "trades": trades,
        "markets": queries.markets_by_number(who.stream, [row.market for row in trades]) | profile.of_markets,
        "created": list(queries.markets(who.stream, creator=number)[:10]),
        "decided": list(reads.decided(who.stream, number)[:10]),
        "statement": list(queries.entries(who.stream, number)[:_STATEMENT]) if owns else [],
        "owns": owns,
        "tab": "agents" if who.owns(number) else "leaderboard",
    }
    return page(request, "agent.html", shown)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def mine(request: HttpRequest) -> HttpResponse:
    """One's own agents on an exchange: what waits for approval, their money, and registering another one."""
    who = visitor(request)
    made = refusal = None
    if request.method == "POST":
        made, refusal = attempt(request, lambda: _register(request, who))
        if made:
            act_as(request, who.stream, made.agent.number)
            who = visitor(request)
    return mine_page(request, who, form="register", refusal=refusal, made=made)


def _register(request: HttpRequest, who: Visitor) -> agents.Registered:
    name = forms.agent_name(request.POST)
    take(REGISTRATIONS, who.actor.id)
    return agents.register(who.exchange, name, owner=user_of(request.user))


def mine_page(
    request: HttpRequest, who: Visitor, *, form: str = "", refusal: Any = None, made: agents.Registered | None = None
) -> HttpResponse:
    """The page of one's own agents, a refused form on it, or a new key."""
    numbers = [agent.number for agent in who.agents]
    waiting = reads.waiting(who.stream, numbers)
    names = {agent.number: agent.name for agent in who.agents}
    shown = {
        "who": who,
        "exchange": who.exchange,
        "exchanges": queries.exchanges(),
        "made": made,
        "waiting": [(row, names[row.agent]) for row in waiting],
        "markets": queries.markets_by_number(who.stream, [row.market for row in waiting]),
        "now": now_us(),
        "tab": "agents",
    }
    for name in ("register", "transfer", "faucet", "agent"):
        tried = name == form
        shown[f"{name}_form"] = Attempt(forms.values(request.POST) if tried else {}, refusal if tried else None)
    return page(request, "mine.html", shown, status=status_of(refusal))


Act = Callable[[Visitor, AgentInfo], Any]


def _do(request: HttpRequest, agent_id: str, act: Act, said: str, *, form: str = "agent") -> HttpResponse:
    """Let an owner `act` for one of their agents. Raises Http404 for others."""
    who, number = visitor_of(request, agent_id)
    agent = next((one for one in who.agents if one.number == number), None)
    if agent is None:
        raise Http404
    _, refusal = attempt(request, lambda: act(who, agent))
    if refusal:
        return mine_page(request, who, form=form, refusal=refusal)
    return done(request, said, f"{reverse('event-agents')}?exchange={who.exchange.name}")


@login_required
@require_POST
def choose(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Act as this agent from now on."""
    who, number = visitor_of(request, agent_id)
    if not who.owns(number):
        raise Http404
    act_as(request, who.stream, number)
    return HttpResponseRedirect(f"{reverse('event-agents')}?exchange={who.exchange.name}")


@login_required
@require_POST
def mode(request: HttpRequest, agent_id: str) -> HttpResponse:
    """auto: its key trades. manual: what its key orders waits for the owner."""
    wanted = request.POST.get("mode", "")
    return _do(
        request,
        agent_id,
        lambda who, agent: agents.set_mode(
            who.stream, agent.number, wanted, who.actor, command_id=command_id(request)
        ),
        f"The agent is in {wanted} mode.",
    )


@login_required
@require_POST
def renew(request: HttpRequest, agent_id: str) -> HttpResponse:
    """A new key, shown once; the old one is worth nothing from now on."""
    who, number = visitor_of(request, agent_id)
    agent = next((one for one in who.agents if one.number == number), None)
    if agent is None:
        raise Http404
    secret, refusal = attempt(request, lambda: agents.renew_key(agent, who.actor))
    made = agents.Registered(agent, secret) if secret else None
    return mine_page(request, who, form="agent", refusal=refusal, made=made)


@login_required
@require_POST
def transfer(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Money to another agent."""

    def act(who: Visitor, agent: AgentInfo) -> Any:
        command = c.Transfer(
            giver=agent.number,
            taker=queries.agent_named(who.stream, forms.text(request.POST, "to"), field="to").number,
            amount=forms.money(request.POST, "amount"),
            note=forms.text(request.POST, "note")[:200],
        )
        return agents.transfer(who.stream, command, who.actor, command_id=command_id(request))

    return _do(request, agent_id, act, "The money is transferred.", form="transfer")


@login_required
@require_POST
def faucet(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Practice money, up to the exchange's limit."""

    def act(who: Visitor, agent: AgentInfo) -> Any:
        command = c.DrawFaucet(agent=agent.number, amount=forms.money(request.POST, "amount"))
        return agents.draw(who.stream, command, who.actor, command_id=command_id(request))

    return _do(request, agent_id, act, "The faucet has given.", form="faucet")


@login_required
@require_POST
def decide(request: HttpRequest, agent_id: str, order: str) -> HttpResponse:
    """Let an order that waits go to the market, or end it."""
    approves = request.POST.get("do") == "approve"

    def act(who: Visitor, agent: AgentInfo) -> Any:
        call = orders.approve_order if approves else orders.reject_order
        return call(who.stream, number_of(who, order, "order"), who.actor, command_id=command_id(request))

    return _do(request, agent_id, act, "Approved." if approves else "Rejected.")
