"""The console's pages of exchanges: each parses, calls one handler, answers. No row is written here."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views import View

from accounts import facade as accounts
from accounts import roster
from common.errors import DomainError, Unavailable
from common.ids import Actor, public_id
from predictions import queries, requests
from predictions.admin import forms, tables
from predictions.engine import commands as c
from predictions.engine.decide.access import money
from predictions.engine.pricing import funding, ladder
from predictions.handlers import agents, exchanges, markets
from predictions.models import Exchange

Answer = TypeVar("Answer")
_REFUSED = 422
TABS = (
    ("change", "Overview"),
    ("agents", "Agents"),
    ("markets", "Markets"),
    ("orders", "Orders"),
    ("trades", "Trades"),
    ("events", "Ledger"),
)


def may_enter(user: Any) -> bool:
    """Superusers, and staff who are organisers."""
    return bool(user.is_active and user.is_staff and accounts.may_open_sessions(user))


class ConsoleView(View):
    """What every page shares: who may enter, and the frame of the admin around it."""

    model_admin: "ModelAdmin[Exchange] | None" = None
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
        assert self.model_admin is not None
        frame = {**self.model_admin.admin_site.each_context(self.request), "opts": self.model_admin.opts}
        template = f"predictions/admin/{context.pop('template', self.template)}"
        return TemplateResponse(self.request, template, {**frame, "title": title, **context}, status=status)


def attempt(form: forms.CommandForm, call: Callable[[], Answer]) -> Answer | None:
    """What the call answers; None where the form is not valid or the call refused, which the form then says."""
    if not form.is_valid():
        return None
    try:
        return call()
    except (DomainError, Unavailable) as refusal:
        form.refuse(refusal)
        return None


class CreateView(ConsoleView):
    """A new exchange, whose organiser is who makes it."""

    template = "create.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("New exchange", form=forms.ExchangeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = forms.ExchangeForm(request.POST)

        def create() -> UUID:
            name, terms = requests.exchange(form.body())
            return exchanges.create_exchange(name, terms, self.actor, command_id=form.once).stream

        stream = attempt(form, create)
        if stream is None:
            return self.page("New exchange", form=form, status=_REFUSED)
        messages.success(request, f"{form.cleaned_data['name']} is open.")
        return redirect("admin:predictions_exchange_change", stream)


class ExchangeView(ConsoleView):
    """A page of one exchange, the actor's own."""

    exchange: queries.ExchangeInfo

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_enter(request.user):
            raise PermissionDenied
        actor = accounts.actor_of(request.user)
        try:
            self.exchange = queries.exchange_of(kwargs.pop("stream"))
        except DomainError as refusal:
            raise Http404 from refusal
        if not actor.organiser and actor.id != self.exchange.organiser:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def page(self, title: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        match = self.request.resolver_match
        here = match.view_name.rpartition("_")[2] if match else ""
        tabs = [(f"admin:predictions_exchange_{name}", label, name == here) for name, label in TABS]
        return super().page(title, status=status, exchange=self.exchange, exchange_tabs=tabs, **context)

    def home(self, page: str = "change") -> HttpResponse:
        """Back to one of the exchange's pages."""
        return redirect(f"admin:predictions_exchange_{page}", self.exchange.stream)


class DetailView(ExchangeView):
    """The terms, the money, moderators, and houses."""

    template = "exchange.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        exchange = self.exchange
        organiser = roster.names_of([exchange.organiser]).get(exchange.organiser, exchange.organiser)
        return self.page(
            exchange.name,
            facts=tables.facts(exchange, organiser),
            sums=tables.sums(exchange),
            moderators=queries.agents(exchange.stream, role="moderator"),
            houses=self.houses(),
        )

    def houses(self) -> list[dict[str, Any]]:
        """Open markets, and whether each has a house."""
        rows = queries.markets(self.exchange.stream, status="open", sort="closing")[:50]
        return [{"row": row, "page": public_id(self.exchange.stream, row.number)} for row in rows]


class RowsView(ExchangeView):
    """Agents, markets, orders, trades or events, the newest first, a page at a time. Read only."""

    template = "rows.html"
    name = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("before", "")
        before = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
        title = f"{self.name.capitalize()} of {self.exchange.name}"
        return self.page(title, table=tables.LISTS[self.name](self.exchange, before), before=before)


class RoleView(ExchangeView):
    """Grant or take the office of a moderator."""

    def post(self, request: HttpRequest) -> HttpResponse:
        form = forms.RoleForm(request.POST)
        done = attempt(
            form,
            lambda: agents.set_role(
                self.exchange.stream,
                queries.agent_named(self.exchange.stream, form.cleaned_data["agent"], field="agent").number,
                form.cleaned_data["role"],
                self.actor,
                command_id=form.once,
            ),
        )
        if done is None:
            told = [str(error) for errors in form.errors.values() for error in errors]
            messages.error(request, " ".join(told) or "Nothing was changed.")
        else:
            messages.success(request, f"The agent is a {form.cleaned_data['role']} now.")
        return self.home()


class HouseView(ExchangeView):
    """Fund a market maker: first what it takes and can lose, then, confirmed, the house."""

    template = "house.html"

    def get(self, request: HttpRequest, market: int) -> HttpResponse:
        typed = request.GET if "liquidity" in request.GET else None
        return self.show(forms.HouseForm(typed), market)

    def post(self, request: HttpRequest, market: int) -> HttpResponse:
        form = forms.HouseForm(request.POST)
        done = attempt(
            form,
            lambda: markets.open_house(
                self.exchange.stream,
                c.OpenHouse(market=market, liquidity=form.cleaned_data["liquidity"]),
                self.actor,
                command_id=form.once,
            ),
        )
        if done is None:
            return self.show(form, market, status=_REFUSED)
        messages.success(request, "The house quotes on both sides.")
        return self.home()

    def show(self, form: forms.HouseForm, number: int, status: int = 200) -> HttpResponse:
        """The form, and what the typed liquidity means."""
        try:
            market = queries.market(self.exchange.stream, number if number < 1 << 63 else 0)
        except DomainError as refusal:
            raise Http404 from refusal
        costs: list[tuple[str, str]] = []
        if form.is_bound and (form.is_valid() or "liquidity" in form.cleaned_data):
            liquidity = form.cleaned_data["liquidity"]
            rungs = ladder(liquidity)
            costs = [
                ("Money behind its quotes", money(funding(rungs))),
                ("Most that it can lose", money(liquidity * 6_931_472 // 1000)),
                ("Shares it sells on the way to 99¢", str(sum(rung.size for rung in rungs) // 2)),
            ]
        return self.page(f"House: {market.question}", form=form, market=market, costs=costs, status=status)


class DeleteView(ExchangeView):
    """Hide an exchange for ever, its name typed."""

    template = "delete.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(f"Delete {self.exchange.name}", form=forms.DeleteForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form, name = forms.DeleteForm(request.POST), self.exchange.name

        def delete() -> Any:
            if form.cleaned_data["name"] != name:
                raise DomainError("invalid_input", "This is not the exchange's name.", field="name")
            reason = form.cleaned_data["reason"]
            return exchanges.delete_exchange(name, self.actor, reason=reason, command_id=form.once)

        if attempt(form, delete) is None:
            return self.page(f"Delete {name}", form=form, status=_REFUSED)
        messages.success(request, f"{name} is deleted.")
        return redirect("admin:predictions_exchange_changelist")
