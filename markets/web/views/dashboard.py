"""The list of sessions: open one, join one, delete one."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.facade import actor_of, may_open_sessions
from common.clock import now_us
from common.errors import DomainError
from markets import queries, requests, valuation
from markets.engine import commands as c
from markets.handlers import participants, sessions
from markets.web import forms, panels
from markets.web.access import command_id, session_named
from markets.web.answers import Attempt, Refusal, attempt, done, page, status_of

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A session on the list, as one user sees it."""

    session: queries.SessionInfo
    handle: str
    is_organiser: bool
    basket: tuple[tuple[str, int], ...]
    value: int | None


@login_required
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """All sessions, the newest first, those still alive before the others."""
    return _show(request)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def session_create(request: HttpRequest) -> HttpResponse:
    """The new-session form."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("dashboard"))

    def act() -> Any:
        if not may_open_sessions(request.user):
            raise DomainError("not_organiser", "Only organisers may open sessions.")
        command = requests.create_session(forms.session(request.POST))
        return sessions.create_session(command, actor_of(request.user), command_id=command_id(request))

    outcome, refusal = attempt(request, act)
    if refusal:
        return _show(request, form="create", refusal=refusal)
    name = queries.session_of(outcome.stream).session_id
    return done(request, f"Session {name} is open.", reverse("terminal", args=[name]))


@login_required
@require_POST
def session_join(request: HttpRequest, session_id: str) -> HttpResponse:
    """Take part under a handle."""
    session, actor = session_named(session_id), actor_of(request.user)

    def act() -> Any:
        body = requests.Fields(forms.fields(request.POST, "participant_id", "name"))
        command = c.JoinSession(participant=body.text("participant_id"), user=actor.id)
        name = body.text("name", "")
        return participants.join_session(session.stream, command, actor, name=name, command_id=command_id(request))

    _, refusal = attempt(request, act)
    if refusal:
        return _show(request, form=f"join:{session_id}", refusal=refusal)
    return done(request, f"You are in {session_id}.", reverse("terminal", args=[session_id]))


@login_required
@require_POST
def session_delete(request: HttpRequest, session_id: str) -> HttpResponse:
    """Hide a session for ever, once its name was typed to confirm."""
    session_named(session_id)
    actor = actor_of(request.user)

    def act() -> Any:
        if request.POST.get("confirm", "").strip() != session_id:
            raise DomainError("not_confirmed", f"Type {session_id} to confirm.", field="confirm")
        reason = requests.Fields(forms.fields(request.POST, "reason")).text("reason", "")
        return sessions.delete_session(session_id, actor, reason=reason, command_id=command_id(request))

    _, refusal = attempt(request, act)
    if refusal:
        return _show(request, form=f"delete:{session_id}", refusal=refusal)
    return done(request, f"Session {session_id} is deleted.", reverse("dashboard"))


def _show(request: HttpRequest, *, form: str = "", refusal: Refusal | None = None) -> HttpResponse:
    actor = actor_of(request.user)
    mine = queries.memberships(actor.id)
    found = sorted(queries.sessions(), key=lambda session: (session.status in _OVER, -session.created_at))
    rows = [_row(session, mine.get(session.stream, ""), actor.id, may_all=actor.organiser) for session in found]
    values = forms.values(request.POST) if form else {}
    shown = {
        "rows": rows[:MOST_SHOWN],
        "hidden": len(rows[MOST_SHOWN:]),
        "runs_any": any(row.is_organiser for row in rows),
        "may_open": may_open_sessions(request.user),
        "form": form,
        "attempt": Attempt(values, refusal),
        "leg_rows": _leg_rows(request),
        "bounds": _bounds(request),
        "now": now_us(),
    }
    part = getattr(request, "htmx", False) and request.method == "GET"
    template = "markets/parts/sessions.html" if part else "markets/dashboard.html"
    if getattr(request, "htmx", False) and request.method == "POST":
        template, shown = "markets/parts/dashboard_forms.html", {**shown, "oob": True}
    return page(request, template, shown, status=status_of(refusal))


_OVER = ("settled", "cancelled")


def _row(session: queries.SessionInfo, handle: str, user: str, *, may_all: bool) -> Row:
    prices = valuation.current_prices(session).by_leg
    basket = tuple(zip(session.legs, session.q, strict=True))
    value = panels.basket_value(session, prices) if prices else None
    return Row(session, handle, may_all or session.organiser == user, basket, value)


_BOUNDS = {
    "min_quantity": ("Smallest order", "any"),
    "max_quantity": ("Largest order", "any"),
    "price_band_percent": ("Price band (%)", "none"),
    "max_open_orders": ("Open orders each", "any"),
    "orders_per_second": ("Orders a second each", "as the server"),
    "order_burst": ("Orders at once", "10 s worth"),
}


def _bounds(request: HttpRequest) -> list[tuple[str, str, str, str]]:
    """(name, label, what empty means, what was typed) of each bound."""
    return [
        (f"bounds.{name}", label, hint, request.POST.get(f"bounds.{name}", ""))
        for name, (label, hint) in _BOUNDS.items()
    ]


def _leg_rows(request: HttpRequest) -> list[tuple[str, str]]:
    """What was typed, and always a few rows more."""
    typed = list(zip(request.POST.getlist("leg"), request.POST.getlist("q"), strict=False))[: forms.MOST_LEGS]
    return typed + [("", "")] * max(1, 4 - len(typed))
