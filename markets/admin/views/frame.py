"""What every page of the console shares: who may enter, the admin's frame around it, and how a refusal is told."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views import View

from accounts import facade as accounts
from common.errors import DomainError, Unavailable
from common.ids import Actor
from ledger.platform import record_act
from markets import queries
from markets.admin import forms
from markets.admin.access import may_enter, session_for
from markets.models import MarketSession

Answer = TypeVar("Answer")
REFUSED = 422
TABS = tuple(
    (f"admin:markets_marketsession_{name}", label)
    for name, label in (
        ("change", "Overview"),
        ("control", "Control room"),
        ("people", "People"),
        ("prices", "Prices"),
        ("orders", "Orders"),
        ("trades", "Trades"),
        ("events", "Ledger"),
        ("audit", "Audit trail"),
        ("exports", "Exports"),
    )
)
"""The pages of a session: (URL name, label)."""


class ConsoleView(View):
    """What every page shares: who may enter, and the frame of the admin around it."""

    model_admin: "ModelAdmin[MarketSession] | None" = None
    template = ""
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse whoever is no organiser; admin_view has asked for a signed-in member of the staff."""
        if not may_enter(request.user):
            raise PermissionDenied
        self.actor = accounts.actor_of(request.user)
        return super().dispatch(request, *args, **kwargs)

    def page(self, title: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        """The template in the admin's frame."""
        admin = self.model_admin
        assert admin is not None
        frame = {**admin.admin_site.each_context(self.request), "opts": admin.opts, "title": title}
        template = context.pop("template", self.template)
        return TemplateResponse(self.request, template, {**frame, **context}, status=status)


class SessionView(ConsoleView):
    """A page of one session, the actor's own."""

    session: queries.SessionInfo

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_enter(request.user):
            raise PermissionDenied
        self.session = session_for(accounts.actor_of(request.user), kwargs.pop("stream"))
        return super().dispatch(request, *args, **kwargs)

    def page(self, title: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        match = self.request.resolver_match
        frame = {"session": self.session, "tabs": TABS, "here": match.view_name if match else ""}
        return super().page(title, status=status, **{**frame, **context})

    def home(self, page: str = "change") -> HttpResponse:
        """Back to one of the session's pages."""
        return redirect(f"admin:markets_marketsession_{page}", self.session.stream)

    def record(self, act: str, *, subject: str = "", **facts: str) -> None:
        """Put on record what was done outside the session's own ledger."""
        record_act(act, self.actor, subject=subject, stream=self.session.stream, facts=facts)


def attempt(form: forms.CommandForm, call: Callable[[], Answer]) -> Answer | None:
    """What the call answers; None where the form is not valid or the call refused, which the form then says."""
    if not form.is_valid():
        return None
    try:
        return call()
    except (DomainError, Unavailable) as refusal:
        form.refuse(refusal)
        return None
