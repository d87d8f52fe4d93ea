"""The pages of a session: each reads, and renders the page or, for HTMX, the part of it that changed."""

import json
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from common.clock import now_us
from common.errors import Throttled
from markets import queries
from markets.engine.state import CASH
from markets.web import forms, ledger_page, settlement_page, standings, terminal
from markets.web import replay as replaying
from markets.web.access import session_named, visitor
from markets.web.answers import Attempt, attempt, page, status_of
from markets.web.standings import settled


@login_required
@require_safe
def terminal_page(request: HttpRequest, session_id: str) -> HttpResponse:
    """The terminal; to somebody who is not in the session, 404 with a way in."""
    session = session_named(session_id)
    try:
        who = visitor(request, session_id)
    except Http404:
        shown = {"session": session, "terms": queries.session_of(session.stream).terms}
        return page(request, "markets/outside.html", shown, status=404)
    shown = terminal.context(request, who)
    if getattr(request, "htmx", False):  # another book on the same page
        return page(request, "markets/parts/look.html", shown | {"oob": True})
    return page(request, "markets/terminal.html", shown)


@login_required
@require_safe
def live(request: HttpRequest, session_id: str) -> HttpResponse:
    """Every live fragment of the terminal, for a page that has missed something."""
    shown = terminal.context(request, visitor(request, session_id))
    return page(request, "markets/parts/live.html", shown | {"oob": True})


@login_required
@require_safe
def chart(request: HttpRequest, session_id: str) -> HttpResponse:
    """Candles and own fills of one book, as JSON for chart.js."""
    who = visitor(request, session_id)
    interval, until = request.GET.get("interval", ""), request.GET.get("until", "")
    shown = terminal.chart_data(
        who,
        terminal.look(request, who.session),
        from_trades=request.GET.get("source") == "trades",
        interval=int(interval) if interval in {"1", "5", "15", "60", "300"} else 0,
        until=int(until) if until.isascii() and until.isdecimal() and len(until) < 19 else 0,
    )
    response = JsonResponse(shown)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_safe
def replay(request: HttpRequest, session_id: str) -> HttpResponse:
    """A session that is over, played again on its terminal, read-only; with HTMX the fragments of one moment."""
    who = visitor(request, session_id)
    if who.session.status not in queries.OVER:
        shown = {
            "session": who.session,
            "who": who,
            "tab": "replay",
            "now": now_us(),
            "head": queries.head(who.stream),
        }
        return page(request, "markets/replay_later.html", shown)
    seen, data = terminal.look(request, who.session), request.GET
    now = replaying.moment(who.session, seconds=data.get("t", ""), seq=data.get("at", ""))
    shown = replaying.context(who, seen, now) | {"tab": "replay", "head": (now.seq, "")}
    if not getattr(request, "htmx", False):
        shown["chart"] = terminal.chart(who.session, seen.asset, until=now.at) if seen.quote_asset == CASH else None
        shown["legs_json"] = json.dumps(who.session.legs, ensure_ascii=False)
        return page(request, "markets/replay.html", shown)
    before = replaying.moment(who.session, seconds=data.get("was", "")) if data.get("was") else now
    shown |= {"step": replaying.happened(who, who.session, before, now), "oob": True, "looks": "look" in data}
    return page(request, "markets/parts/replay.html", shown)


@login_required
@require_safe
def order_edit(request: HttpRequest, session_id: str, order: str) -> HttpResponse:
    """The row of one's own open order with fields to type into."""
    who = visitor(request, session_id)
    row = terminal.order_to_replace(who, order)
    if row is None:
        raise Http404
    look = terminal.Look(row.asset, row.quote_asset, {})
    shown = {"session": who.session, "order": row, "replacing": row, "look": look}
    return page(request, "markets/live/_order_row.html", shown)


@login_required
@require_safe
def quote_form(request: HttpRequest, session_id: str, rfq_id: str) -> HttpResponse:
    """The form that answers an open RFQ of somebody else's."""
    who = visitor(request, session_id)
    return page(
        request, "markets/parts/quote.html", {"session": who.session, **terminal.request_to_quote(who, rfq_id)}
    )


@login_required
@require_safe
def organiser(request: HttpRequest, session_id: str) -> HttpResponse:
    """What the organiser may do now."""
    who = visitor(request, session_id)
    return page(request, "markets/parts/organiser.html", {"session": who.session, "who": who})


@login_required
@require_safe
def portfolio(request: HttpRequest, session_id: str) -> HttpResponse:
    """What everybody holds, and that it adds up."""
    who = visitor(request, session_id)
    shown = {"session": who.session, "who": who, "tab": "portfolio", "table": standings.portfolio(who.session)}
    return _part_or_page(request, "portfolio", shown)


@login_required
@require_safe
def leaderboard(request: HttpRequest, session_id: str) -> HttpResponse:
    """Who has gained most, and how it came about."""
    who = visitor(request, session_id)
    shown = {"session": who.session, "who": who, "tab": "leaderboard", **standings.leaderboard(who.session)}
    if not getattr(request, "htmx", False):
        shown |= {"curves": standings.curves(who.session, who.handle)}
    return _part_or_page(request, "leaderboard", shown)


@login_required
@require_safe
def settlement(request: HttpRequest, session_id: str) -> HttpResponse:
    """The fixing, what it paid or would pay, a statement, and what other prices would pay."""
    who = visitor(request, session_id)
    paid = settled(who.session)
    now, waiting = (None, "") if paid else settlement_page.now(who.session)
    basis = paid or now
    typed = forms.prices(request.GET, who.session.legs)
    found, refusal = (
        attempt(request, lambda: settlement_page.what_if(who.session, typed, basis)) if typed else (None, None)
    )
    handle = request.GET.get("statement", "") or who.handle or (basis.payouts[0].handle if basis else "")
    shown = {
        "session": who.session,
        "who": who,
        "tab": "settlement",
        "paid": paid,
        "basis": basis,
        "waiting": waiting,
        "pictures": settlement_page.pictures(who.session, basis.fixing) if basis else [],
        "used": settlement_page.used_ticks(who.session, basis.fixing) if basis else [],
        "statement": settlement_page.statement(who.session, basis, handle) if basis else None,
        "typed": settlement_page.typed_or_current(who.session, typed),
        "what_if": found,
        "what_if_form": Attempt({}, refusal),
        "now": now_us(),
        "head": queries.head(who.stream),
    }
    return page(request, "markets/settlement.html", shown, status=status_of(refusal))


@login_required
@require_safe
def ledger(request: HttpRequest, session_id: str) -> HttpResponse:
    """The events, searched, and the session as it was after one of them; with HTMX the part that was asked for."""
    who = visitor(request, session_id)
    if "at" in request.GET and getattr(request, "htmx", False):
        shown = {"session": who.session, "who": who, **ledger_page.past_at(who, request.GET["at"])}
        return page(request, "markets/parts/past.html", shown)
    return _part_or_page(request, "ledger", ledger_page.context(who, request.GET))


@login_required
@require_safe
def ledger_links(request: HttpRequest, session_id: str) -> HttpResponse:
    """A stretch of the chain, followed: as JSON for ledger.js, which shows how far it is."""
    who = visitor(request, session_id)
    try:
        found = ledger_page.links(who, request.GET.get("after", ""), request.GET.get("hash", ""))
    except Throttled as refusal:
        return JsonResponse({"detail": refusal.detail}, status=429)
    shown = {"seq": found.seq, "hash": found.hash, "broken": found.broken, "head": queries.head(who.stream)[0]}
    response = JsonResponse(shown)
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def ledger_verify(request: HttpRequest, session_id: str) -> HttpResponse:
    """Fold the ledger from its first event and compare: chain, gaps, invariants, rows."""
    who = visitor(request, session_id)
    if getattr(request, "htmx", False):
        return page(request, "markets/parts/verdict.html", {"verdict": ledger_page.verdict(who)})
    shown = ledger_page.context(who, request.GET) | {"verdict": ledger_page.verdict(who)}
    return _part_or_page(request, "ledger", shown)


def _part_or_page(request: HttpRequest, name: str, shown: dict[str, object]) -> HttpResponse:
    folder = "parts" if getattr(request, "htmx", False) else ""
    template = "/".join(part for part in ("markets", folder, f"{name}.html") if part)
    return page(request, template, {**shown, "now": now_us(), "head": queries.head(_stream(shown))})


def _stream(shown: dict[str, object]) -> UUID:
    session = shown["session"]
    assert isinstance(session, queries.SessionInfo)
    return session.stream
