"""The pages that do something: a button's form, and settling with its preview."""

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from common.errors import DomainError
from markets import queries, valuation
from markets.admin import actions, forms, tables
from markets.admin.views.frame import REFUSED, SessionView, attempt
from markets.engine.events import Amounts, Fixing
from markets.handlers import prices


class ActionView(SessionView):
    """One button of the console: its form, the call, and back."""

    action: actions.Action | None = None

    @property
    def asked(self) -> actions.Action:
        """The action."""
        assert self.action is not None
        return self.action

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(self.asked.form(session=self.session, initial=request.GET.dict()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.asked.form(request.POST, request.FILES, session=self.session)
        said = attempt(form, lambda: self.asked.run(form, self.actor))
        if said is None:
            return self._show(form, status=REFUSED)
        if self.asked.group == "prices":  # feeds write no event of the session's
            self.record(f"prices: {self.asked.name}")
        messages.success(request, said)
        if request.POST.get("back") == "control":
            return self.home("control")
        if self.asked.name == "delete":
            return redirect("admin:markets_marketsession_changelist")
        return self.home()

    def _show(self, form: forms.CommandForm, status: int = 200) -> HttpResponse:
        return self.page(
            f"{self.asked.label}: {self.session.session_id}",
            status=status,
            template=self.asked.template,
            action=self.asked,
            facts=self.asked.facts(form) if self.asked.facts else (),
            form=form,
        )


class SettleView(SessionView):
    """First what it would pay, then the button: by the session's own rule, or at typed prices."""

    template = "admin/console/settle.html"
    label = "Settle"
    form: type[forms.PricesForm] = forms.MayPricesForm

    def get(self, request: HttpRequest) -> HttpResponse:
        if "price_0" not in request.GET:
            return self._show(self.form(session=self.session, initial=self.initial()))
        typed = request.GET.copy()
        typed["command_id"] = uuid4().hex
        return self._show(self.form(typed, session=self.session))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST, session=self.session)
        said = attempt(form, lambda: self.run(form))
        if said is None:
            return self._show(form, status=REFUSED)
        messages.success(request, said)
        return self.home()

    def run(self, form: forms.PricesForm) -> str:
        """The one call."""
        return actions.settle(form, self.actor)

    def initial(self) -> dict[str, str]:
        """Prices to begin with."""
        return {}

    def fixing(self, typed: dict[str, object]) -> Fixing | None:
        """What would be fixed; None where there is nothing to show yet."""
        return prices.manual(self.session, typed) if typed else prices.fixing_now(self.session)

    def before(self) -> Amounts | None:
        """What was paid already."""
        return None

    def _show(self, form: forms.PricesForm, status: int = 200) -> HttpResponse:
        preview: dict[str, Any] = {}
        typed, fixing = form.shown, None
        try:
            fixing = self.fixing(typed) if typed is not None else None
        except DomainError as refusal:
            if form.is_bound and form.field_for(refusal.field):
                form.refuse(refusal)
            else:
                preview = {"waiting": refusal.spoken}
        if fixing is not None:
            found = valuation.preview_at(self.session, fixing, at=fixing.at)
            preview = {
                "source": tables.fixing_source(fixing),
                "basket": tables.basket(self.session, fixing.prices),
                "payouts": tables.payouts(self.session, found.payouts, found.treasury_payout, self.before()),
            }
        title = f"{self.label}: {self.session.session_id}"
        return self.page(title, status=status, label=self.label, form=form, preview=preview)


class CorrectView(SettleView):
    """A settlement at wrong prices is made good by another at right ones."""

    label = "Correct settlement"
    form = forms.CorrectionForm

    def run(self, form: forms.PricesForm) -> str:
        return actions.correct(form, self.actor)

    def initial(self) -> dict[str, str]:
        found = queries.settlement(self.session.stream)
        return forms.as_typed(self.session, found.fixing.prices) if found else {}

    def fixing(self, typed: dict[str, object]) -> Fixing | None:
        return prices.manual(self.session, typed) if typed else None

    def before(self) -> Amounts | None:
        found = queries.settlement(self.session.stream)
        return {**found.payouts, "treasury": found.treasury_payout} if found else None
