"""The room's screen: a session's public side, for whoever has its address."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from common.clock import now_us
from common.errors import DomainError
from markets import queries, tokens
from markets.qr import qr
from markets.web import panels, standings
from markets.web.answers import page

_TOLD, _PLACES = 3, 8


@require_safe
def projector(request: HttpRequest, token: str) -> HttpResponse:
    """Big prices, the clock, what was announced; with HTMX, the part that moves."""
    try:
        shown = tokens.projector(token)
        session = queries.session_of(shown.stream)
    except DomainError as refusal:
        raise Http404(refusal.detail) from refusal
    address = request.build_absolute_uri(reverse("join"))
    context = {
        "session": session,
        "token": token,
        "now": now_us(),
        **panels.prices(session),
        "announcements": queries.announcements(session.stream, to="", limit=_TOLD),
        "participants": len(queries.participants(session.stream)),
        "address": address,
        "qr": qr(address),
    }
    if shown.with_leaderboard:
        context["places"] = standings.leaderboard(session)["places"][:_PLACES]  # type: ignore[index]  # a list of Place
    part = getattr(request, "htmx", False)
    return page(request, "markets/parts/projector.html" if part else "markets/projector.html", context)
