"""Resolving: the moderators' desk, the two steps with evidence and payouts, challenging and correcting."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.clock import now_us
from common.errors import DomainError
from predictions import queries
from predictions.engine import commands as c
from predictions.engine.decide.access import LEGAL
from predictions.handlers import markets
from predictions.models import Market
from predictions.web import board, forms, panels, reads, rehearsal
from predictions.web.access import Visitor, command_id, market_of, visitor
from predictions.web.answers import Attempt, attempt, done, page, status_of

OUTCOMES = ("YES", "NO", "VOID", "PROBABILITY")
_PAGE = 30


@login_required
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """What waits for a decision, the most overdue first; then what closes next and what was decided."""
    who = visitor(request)
    if not (who.is_moderator or who.is_organiser):
        raise Http404
    now = now_us()
    overdue = Paginator(queries.overdue(who.stream, now), _PAGE).get_page(request.GET.get("page"))
    shown = {
        "who": who,
        "exchange": who.exchange,
        "found": overdue,
        "overdue": _lines(who, list(overdue)),
        "soon": _lines(who, list(queries.markets(who.stream, status="open", sort="closing")[:10])),
        "decided": _lines(who, list(reads.decided(who.stream)[:10])),
        "now": now,
        "tab": "desk",
    }
    return page(request, "desk.html", shown)


def _lines(who: Visitor, rows: list[Market]) -> list[dict[str, Any]]:
    """Markets for the desk, with why the visitor may not decide one, where that is so."""
    mine = {agent.number for agent in who.agents}
    numbers = [row.number for row in rows]
    held = reads.held_in(who.stream, mine, numbers)
    lines = []
    for row in rows:
        opened_it = row.creator_user == who.actor.id and bool(row.creator or who.is_moderator)
        is_creator = row.creator in mine or opened_it
        barred = "you opened it" if is_creator else "you hold shares" if row.number in held else ""
        lines.append({"market": row, "page_id": who.id(row.number), "barred": barred})
    return lines


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def resolve(request: HttpRequest, market_id: str) -> HttpResponse:
    """First the outcome with its evidence, then what it pays to whom, then, confirmed, the resolution."""
    who, market = market_of(request, market_id)
    if not (who.is_moderator or who.is_organiser):
        raise Http404
    is_correction = _corrects(request, market)
    outlook = refusal = None
    step = request.POST.get("step", "") if request.method == "POST" else ""
    if step == "review":
        outlook, refusal = attempt(
            request, lambda: rehearsal.rehearse(who.stream, _command(request, who, market), who.actor)
        )
    elif step == "confirm":
        _, refusal = attempt(request, lambda: _do(request, who, market))
        if refusal is None:
            now = queries.market(who.stream, market.number)
            said = "The resolution is proposed." if now.status == "proposed" else "Resolved and paid."
            return done(request, said, board.address(who, market.number))
    shown = {
        "who": who,
        "exchange": who.exchange,
        "market": market,
        "page_id": who.id(market.number),
        "attempt": Attempt(forms.values(request.POST), refusal),
        "outlook": outlook,
        "outcomes": OUTCOMES,
        "is_correction": is_correction,
        "may": market.status in LEGAL["resolve it"] or (is_correction and who.is_organiser),
        "is_early": market.status == "open",
        "as_organiser": is_correction or not who.is_moderator,
        "now": now_us(),
        "tab": "desk",
        **panels.resolution(market, who),
    }
    return page(request, "resolve.html", shown, status=status_of(refusal))


def _corrects(request: HttpRequest, market: Market) -> bool:
    """Whether what was paid is to be corrected: a form says it, so that the same one sent twice means the same."""
    if request.method == "POST":
        return request.POST.get("kind") == "correct"
    return market.status in LEGAL["correct its resolution"]


def _command(request: HttpRequest, who: Visitor, market: Market) -> rehearsal.Command:
    data = request.POST
    outcome = data.get("outcome", "")
    if outcome not in OUTCOMES:
        raise DomainError("invalid_resolution", "Choose an outcome.", field="outcome")
    value = forms.cents(data, "yes_value", "the probability") if outcome == "PROBABILITY" else 0
    evidence = forms.text(data, "evidence")
    if _corrects(request, market):
        return c.CorrectResolution(
            market=market.number,
            outcome=outcome,
            evidence=evidence,
            reason=forms.text(data, "reason"),
            yes_value=value,
        )
    return c.ResolveMarket(
        market=market.number,
        outcome=outcome,
        evidence=evidence,
        agent=who.number if who.is_moderator else 0,
        yes_value=value,
        early="early" in data,
    )


def _do(request: HttpRequest, who: Visitor, market: Market) -> Any:
    command = _command(request, who, market)
    if isinstance(command, c.CorrectResolution):
        return markets.correct_resolution(who.stream, command, who.actor, command_id=command_id(request))
    return markets.resolve_market(who.stream, command, who.actor, command_id=command_id(request))


@login_required
@require_POST
def challenge(request: HttpRequest, market_id: str) -> HttpResponse:
    """Hold a proposed payout back, as a holder of shares."""
    who, market = market_of(request, market_id)

    def act() -> Any:
        reason = forms.text(request.POST, "reason")
        command = c.ChallengeResolution(market=market.number, agent=who.acting().number, reason=reason)
        return markets.challenge_resolution(who.stream, command, who.actor, command_id=command_id(request))

    _, refusal = attempt(request, act)
    said = "" if refusal else "Challenged: nothing is paid until somebody else decides."
    return board.answer(request, who, market, form="challenge", refusal=refusal, said=said)
