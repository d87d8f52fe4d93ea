"""The pages of a session: each reads, and renders the page or, for HTMX, the part of it that changed."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from common.clock import now_us
from markets import queries
from markets.web import ledger_page, standings, terminal
from markets.web.access import session_named, visitor
from markets.web.answers import page
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
    return page(request, "markets/terminal.html", terminal.context(request, who))


@login_required
@require_safe
def live(request: HttpRequest, session_id: str) -> HttpResponse:
    """Every live fragment of the terminal, for a page that has missed something."""
    shown = terminal.context(request, visitor(request, session_id))
    return page(request, "markets/parts/live.html", shown | {"oob": True})


@login_required
@require_safe
def chart(request: HttpRequest, session_id: str) -> HttpResponse:
    """The candles of one leg."""
    who = visitor(request, session_id)
    seen = terminal.look(request, who.session)
    shown = {"session": who.session, "look": seen, "chart": terminal.chart(who.session, seen.asset)}
    return page(request, "markets/parts/chart.html", shown)


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
    """Who has gained most."""
    who = visitor(request, session_id)
    shown = {"session": who.session, "who": who, "tab": "leaderboard", **standings.leaderboard(who.session)}
    return _part_or_page(request, "leaderboard", shown)


@login_required
@require_safe
def settlement(request: HttpRequest, session_id: str) -> HttpResponse:
    """The fixing, and what it paid."""
    who = visitor(request, session_id)
    shown = {"session": who.session, "who": who, "tab": "settlement", "paid": settled(who.session)}
    return _part_or_page(request, "settlement", shown)


@login_required
@require_safe
def ledger(request: HttpRequest, session_id: str) -> HttpResponse:
    """The events, searched."""
    who = visitor(request, session_id)
    return _part_or_page(request, "ledger", ledger_page.context(who, request.GET))


@login_required
@require_POST
def ledger_verify(request: HttpRequest, session_id: str) -> HttpResponse:
    """Fold the ledger from its first event and compare: chain, gaps, invariants, rows."""
    who = visitor(request, session_id)
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
