"""The list of sessions: open one, join one, delete one."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.facade import actor_of, may_open_sessions
from common.clock import now_us
from common.errors import DomainError
from common.ids import Actor
from markets import queries, requests, valuation
from markets.engine import commands as c
from markets.handlers import participants, sessions
from markets.web import forms, panels
from markets.web.access import command_id, session_named
from markets.web.answers import Attempt, Refusal, attempt, done, page, status_of

MOST_SHOWN = 60
_STATUSES = ("created", "active", "halted", "closed", "settled", "cancelled")
_OPEN = ("created", "active", "halted")


@dataclass(frozen=True, slots=True)
class Card:
    """A session on the dashboard, as one user sees it: `value` of the basket, `worth` of what they hold."""

    session: queries.SessionInfo
    handle: str
    is_organiser: bool
    basket: tuple[tuple[str, int], ...]
    value: int | None
    worth: int | None
    people: int

    @property
    def can_be_joined(self) -> bool:
        return not self.session.is_imported and not self.handle and self.session.status in _OPEN


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for; `counts` of each status are there before one is chosen."""

    status: str
    text: str
    mine: bool
    counts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return sum(number for _, number in self.counts)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.status or self.text or self.mine)


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
@require_http_methods(["GET", "HEAD", "POST"])
def session_join(request: HttpRequest, session_id: str) -> HttpResponse:
    """Take part under a handle: the page that a link leads to, and its form."""
    session, actor = session_named(session_id), actor_of(request.user)
    to = reverse("terminal", args=[session_id])
    if request.method != "POST":
        if queries.participant_of(session.stream, actor.id):
            return HttpResponseRedirect(to)
        return page(request, "markets/join.html", {"session": session})

    def act() -> Any:
        body = requests.Fields(forms.fields(request.POST, "participant_id", "name"))
        command = c.JoinSession(participant=body.text("participant_id"), user=actor.id)
        name = body.text("name", "")
        return participants.join_session(session.stream, command, actor, name=name, command_id=command_id(request))

    _, refusal = attempt(request, act)
    if refusal:
        shown = {"session": session, "join_refusal": refusal, "join_values": forms.values(request.POST)}
        return page(request, "markets/join.html", shown, status=422)
    return done(request, f"You are in {session_id}.", to)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def session_delete(request: HttpRequest, session_id: str) -> HttpResponse:
    """Hide a session for ever, once its name was typed to confirm."""
    session = session_named(session_id)
    actor = actor_of(request.user)
    if not (actor.organiser or actor.id == session.organiser) and request.method != "POST":
        raise Http404("not the organiser")

    def act() -> Any:
        if request.POST.get("confirm", "").strip() != session_id:
            raise DomainError("not_confirmed", f"Type {session_id} to confirm.", field="confirm")
        reason = requests.Fields(forms.fields(request.POST, "reason")).text("reason", "")
        return sessions.delete_session(session_id, actor, reason=reason, command_id=command_id(request))

    _, refusal = attempt(request, act) if request.method == "POST" else (None, None)
    if refusal or request.method != "POST":
        shown = {"session": session, "delete_form": Attempt(forms.values(request.POST), refusal)}
        return page(request, "markets/delete.html", shown, status=status_of(refusal))
    return done(request, f"Session {session_id} is deleted.", reverse("dashboard"))


def _show(request: HttpRequest, *, form: str = "", refusal: Refusal | None = None) -> HttpResponse:
    user = actor_of(request.user)
    found = _filter(request, user)
    is_part = getattr(request, "htmx", False)
    shown: dict[str, Any] = {
        "may_open": may_open_sessions(request.user),
        "form": form,
        "attempt": Attempt(forms.values(request.POST) if form else {}, refusal),
        "leg_rows": _leg_rows(request),
        "bounds": _bounds(request),
        "filter": found,
        "now": now_us(),
    }
    if is_part and request.method == "POST":
        return page(request, "markets/parts/dashboard_forms.html", {**shown, "oob": True}, status=status_of(refusal))
    cards = _cards(user, found)
    shown |= {"cards": cards[:MOST_SHOWN], "has_more": len(cards) > MOST_SHOWN}
    template = "markets/parts/sessions.html" if is_part else "markets/dashboard.html"
    return page(request, template, shown, status=status_of(refusal))


def _filter(request: HttpRequest, user: Actor) -> Filter:
    """From the address; what there is not counts as not said."""
    data = request.GET
    status = data.get("status", "") if data.get("status") in _STATUSES else ""
    text = "".join(sign for sign in data.get("q", "")[:64] if sign.isprintable()).strip()
    mine = bool(data.get("mine"))
    counts = queries.count_sessions(user.id, text=text, mine=mine)
    return Filter(status, text, mine, tuple((name, counts[name]) for name in _STATUSES if name in counts))


def _cards(user: Actor, wanted: Filter) -> list[Card]:
    """In as many queries whatever there is to show."""
    found = queries.find_sessions(
        user.id, status=wanted.status, text=wanted.text, mine=wanted.mine, limit=MOST_SHOWN + 1
    )
    streams = {session.stream for session in found}
    handles = {stream: handle for stream, handle in queries.memberships(user.id).items() if stream in streams}
    held, crowds = queries.holdings_of(handles), queries.crowds(streams)
    prices = valuation.current_prices_of(found)
    cards = []
    for session in found:
        at = prices[session.stream]
        worth = valuation.worth(session, held[session.stream], at) if session.stream in handles else None
        cards.append(
            Card(
                session,
                handles.get(session.stream, ""),
                user.organiser or session.organiser == user.id,
                tuple(zip(session.legs, session.q, strict=False)),
                panels.basket_value(session, at.by_leg) if at.by_leg and session.q else None,
                worth if at.by_leg else None,
                crowds.get(session.stream, 0),
            )
        )
    return cards


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
