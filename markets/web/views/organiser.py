"""What a session's organiser does on its pages. Who may is the domain's to say; others are refused in the form."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.facade import uid_of
from common.clock import now_us
from common.errors import DomainError
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import participants, prices, sessions
from markets.web import forms, standings, terminal
from markets.web.access import Visitor, command_id, visitor
from markets.web.answers import Attempt, Refusal, attempt, done, page, status_of

Act = Callable[[Visitor, str], Any]


def _do(request: HttpRequest, session_id: str, act: Act, said: str) -> HttpResponse:
    who = visitor(request, session_id)
    _, refusal = attempt(request, lambda: act(who, command_id(request)))
    return _answer(request, who, refusal, said)


def _answer(request: HttpRequest, who: Visitor, refusal: Refusal | None, said: str) -> HttpResponse:
    """Where the organiser's panel is; others, who have none, are told on top of the page."""
    form = "organiser" if who.is_organiser else "flash"
    return terminal.answer(request, who, form=form, refusal=refusal, said=said)


@login_required
@require_POST
def session_start(request: HttpRequest, session_id: str) -> HttpResponse:
    """Open trading."""
    return _do(
        request,
        session_id,
        lambda who, once: sessions.start_session(who.stream, who.actor, command_id=once),
        "The session has started.",
    )


@login_required
@require_POST
def session_halt(request: HttpRequest, session_id: str) -> HttpResponse:
    """Stop trading."""

    def act(who: Visitor, once: str) -> Any:
        return sessions.halt_session(who.stream, who.actor, reason=_reason(request), command_id=once)

    return _do(request, session_id, act, "Trading is halted. Cancels stay possible.")


@login_required
@require_POST
def session_resume(request: HttpRequest, session_id: str) -> HttpResponse:
    """Trade again."""
    return _do(
        request,
        session_id,
        lambda who, once: sessions.resume_session(who.stream, who.actor, command_id=once),
        "Trading goes on.",
    )


@login_required
@require_POST
def session_cancel(request: HttpRequest, session_id: str) -> HttpResponse:
    """Call the session off, with a reason."""

    def act(who: Visitor, once: str) -> Any:
        reason = _reason(request)
        if not reason:
            raise DomainError("reason_missing", "Say why the session is called off.", field="reason")
        return sessions.cancel_session(who.stream, who.actor, reason=reason, command_id=once)

    return _do(request, session_id, act, "The session is cancelled. Nothing is paid.")


@login_required
@require_POST
def allocation_assign(request: HttpRequest, session_id: str) -> HttpResponse:
    """Split what the treasury holds equally among those without an allocation."""

    def act(who: Visitor, once: str) -> Any:
        return participants.assign_allocations(who.stream, c.AssignAllocations(), who.actor, command_id=once)

    return _do(request, session_id, act, "The treasury's legs are allocated.")


@login_required
@require_POST
def participant_admit(request: HttpRequest, session_id: str) -> HttpResponse:
    """Admit somebody by their user name."""

    def act(who: Visitor, once: str) -> Any:
        body = requests.Fields(forms.fields(request.POST, "participant_id", "username"))
        handle, username = body.text("participant_id"), body.text("username")
        if not who.is_organiser:  # before it is told whether there is such a user
            raise DomainError("not_organiser", "Only the organiser may admit somebody else.")
        command = c.JoinSession(participant=handle, user=uid_of(username, field="username"))
        return participants.join_session(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, act, "Admitted.")


@login_required
@require_POST
def participant_remove(request: HttpRequest, session_id: str) -> HttpResponse:
    """Cancel what they have open and move what they hold to the treasury."""
    who = visitor(request, session_id)

    def act() -> Any:
        handle = requests.Fields(forms.fields(request.POST, "participant_id")).text("participant_id")
        command = c.RemoveParticipant(participant=handle, reason=_reason(request))
        return participants.remove_participant(who.stream, command, who.actor, command_id=command_id(request))

    _, refusal = attempt(request, act)
    if refusal is None and request.POST.get("participant_id") == who.handle:
        return done(request, f"You have left {session_id}.", reverse("dashboard"))
    return _answer(request, who, refusal, "Removed.")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def session_settle(request: HttpRequest, session_id: str) -> HttpResponse:
    """First what it would pay, then, confirmed, the settlement itself."""
    who = visitor(request, session_id)
    data = request.POST if request.method == "POST" else request.GET
    typed = forms.prices(data, who.session.legs)
    refusal = None
    if request.method == "POST":
        _, refusal = attempt(request, lambda: _settle(request, who, typed))
        if refusal is None:
            to = reverse("settlement", args=[session_id])
            return done(request, "The session is settled: everybody is paid x·S.", to)
    preview, unfixed = attempt(request, lambda: _preview(who, typed))
    refusal = refusal or (unfixed if typed else None)
    shown = {
        "session": who.session,
        "who": who,
        "tab": "settlement",
        "typed": typed or {},
        "preview": preview,
        "waiting": unfixed,
        "settle_form": Attempt({}, refusal),
        "now": now_us(),
        "head": queries.head(who.stream),
    }
    return page(request, "markets/settle.html", shown, status=status_of(refusal))


def _settle(request: HttpRequest, who: Visitor, typed: dict[str, str] | None) -> Any:
    if not request.POST.get("confirm"):
        raise DomainError("not_confirmed", "Tick the box to confirm the payouts.", field="confirm")
    return prices.settle_session(who.stream, who.actor, prices=typed, command_id=command_id(request))


def _preview(who: Visitor, typed: dict[str, str] | None) -> standings.Settled:
    """What settling now would pay. Refused for whoever may not settle."""
    if not who.is_organiser:
        raise DomainError("not_organiser", "Only the session's organiser may do this.")
    return standings.preview(who.session, typed)


def _reason(request: HttpRequest) -> str:
    return requests.Fields(forms.fields(request.POST, "reason")).text("reason", "")
