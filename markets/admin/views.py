"""The console's pages: parse, one call, render. Outside the admin's own transactions: the runtime has its own."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from accounts import facade as accounts
from accounts import roster
from common.clock import now_us
from common.errors import DomainError, Unavailable
from common.ids import Actor
from ledger.export import lines
from ledger.models import Stream
from markets import queries, valuation
from markets.admin import actions, forms, rows, tables
from markets.admin.access import may_enter, session_for
from markets.admin.creation import SessionDraft
from markets.engine.events import Amounts, Fixing
from markets.handlers import prices
from markets.handlers.sessions import feed_of
from markets.models import MarketSession
from oracle import facade as oracle

Answer = TypeVar("Answer")
_PAGE = 50
_GLANCE = 10
_REFUSED = 422


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


class CreateView(ConsoleView):
    """A session with its legs and participants, on one page."""

    template = "admin/console/create.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(SessionDraft())

    def post(self, request: HttpRequest) -> HttpResponse:
        draft = SessionDraft(request.POST)
        stream = draft.create(self.actor)
        if stream is None:
            return self._show(draft, status=_REFUSED)
        messages.success(request, f"{draft.form.cleaned_data['session_id']} is created.")
        return redirect("admin:markets_marketsession_change", stream)

    def _show(self, draft: SessionDraft, status: int = 200) -> HttpResponse:
        return self.page("New session", status=status, draft=draft, usernames=roster.usernames())


class SessionView(ConsoleView):
    """A page of one session, the actor's own."""

    session: queries.SessionInfo

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_enter(request.user):
            raise PermissionDenied
        self.session = session_for(accounts.actor_of(request.user), kwargs.pop("stream"))
        return super().dispatch(request, *args, **kwargs)

    def page(self, title: str, *, status: int = 200, **context: Any) -> TemplateResponse:
        return super().page(title, status=status, session=self.session, **context)

    def home(self) -> HttpResponse:
        """Back to the session's page."""
        return redirect("admin:markets_marketsession_change", self.session.stream)


class DetailView(SessionView):
    """Everything about a session at a glance."""

    template = "admin/console/session.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        session, stream = self.session, self.session.stream
        open_ = session.status in {"created", "active", "halted"}
        members = rows.members(stream)
        feed, tick = _feed(session)
        seq, head = queries.head(stream)
        return self.page(
            session.session_id,
            groups=_groups(session),
            basket=tables.basket(session, dict(valuation.current_prices(session).by_leg)),
            holdings=tables.holdings(session, queries.allocations(stream)),
            participants=tables.participants(members, roster.names_of(m.user for m in members), open_=open_),
            orders=orders(session, 0, _GLANCE),
            trades=trades(session, 0, _GLANCE),
            events=events(session, 0, _GLANCE),
            facts=tables.facts(session, roster.names_of([session.organiser]), seq=seq, head=head),
            feed=tables.feed_facts(session, feed, tick),
            settlement=_settled(session),
        )


Button = tuple[str, str, bool, str]


def _groups(session: queries.SessionInfo) -> list[tuple[str, list[Button]]]:
    """The buttons that the session's status allows, by group: (name, label, grave, where it leads)."""

    def button(name: str, label: str, *, is_grave: bool = False) -> Button:
        return name, label, is_grave, reverse(f"admin:markets_marketsession_{name}", args=[session.stream])

    shown = [action for action in actions.ACTIONS if session.status in action.statuses]
    found = {
        group: [button(act.name, act.label, is_grave=act.is_grave) for act in shown if act.group == group]
        for group in ("life", "people", "prices", "records")
    }
    if session.status in {"active", "halted", "closed"}:
        found["life"].insert(0, button("settle", "Settle"))
    if session.status == "settled":
        found["life"].append(button("correct", "Correct settlement", is_grave=True))
    found["people"].append(button("keys", "API keys"))
    found["records"][:0] = [button("verify", "Verify"), button("export", "Export")]
    titles = {"life": "Life cycle", "people": "Participants", "prices": "Prices", "records": "Records"}
    return [(titles[group], buttons) for group, buttons in found.items() if buttons]


def _feed(session: queries.SessionInfo) -> tuple[oracle.FeedInfo | None, oracle.TickInfo | None]:
    """The session's feed, None before it has one, and its newest tick."""
    try:
        feed = oracle.get_feed(feed_of(session))
    except DomainError:
        return None, None
    return feed, oracle.latest_prices(feed.id)


def _settled(session: queries.SessionInfo) -> dict[str, Any] | None:
    found = queries.settlement(session.stream)
    if found is None:
        return None
    return {
        "source": tables.fixing_source(found.fixing),
        "reason": found.reason,
        "payouts": tables.payouts(session, found.payouts, found.treasury_payout),
    }


def orders(session: queries.SessionInfo, before: int, limit: int) -> tables.Table:
    """A page of the orders."""
    return tables.orders(session, queries.orders_page(session.stream, before, limit), limit=limit)


def trades(session: queries.SessionInfo, before: int, limit: int) -> tables.Table:
    """A page of the trades."""
    found = queries.trades_page(session.stream, before, limit)
    undone = queries.busted(session.stream, [trade.number for trade in found])
    return tables.trades(session, found, undone, limit=limit, open_=session.status in {"active", "halted"})


def events(session: queries.SessionInfo, before: int, limit: int) -> tables.Table:
    """A page of the ledger."""
    found = rows.newest_events(session.stream, before, limit)
    return tables.events(found, roster.names_of(event.actor for event in found), limit=limit)


class RowsView(SessionView):
    """All orders, trades or events, the newest first, a page at a time."""

    template = "admin/console/rows.html"
    name = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        text = request.GET.get("before", "")
        before = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
        table = LISTS[self.name](self.session, before, _PAGE)
        title = f"{self.name.capitalize()} of {self.session.session_id}"
        return self.page(title, heading=self.name.capitalize(), table=table, before=before)


LISTS = {"orders": orders, "trades": trades, "events": events}


def rows_page(model_admin: "ModelAdmin[MarketSession]", name: str) -> Callable[..., HttpResponseBase]:
    """The page of one of the lists."""
    return RowsView.as_view(model_admin=model_admin, name=name)


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
            return self._show(form, status=_REFUSED)
        messages.success(request, said)
        if self.asked.name == "delete":
            return redirect("admin:markets_marketsession_changelist")
        return self.home()

    def _show(self, form: forms.CommandForm, status: int = 200) -> HttpResponse:
        return self.page(
            f"{self.asked.label}: {self.session.session_id}",
            status=status,
            template=self.asked.template,
            action=self.asked,
            form=form,
        )


def attempt(form: forms.CommandForm, call: Callable[[], Answer]) -> Answer | None:
    """What the call answers; None where the form is not valid or the call refused, which the form then says."""
    if not form.is_valid():
        return None
    try:
        return call()
    except (DomainError, Unavailable) as refusal:
        form.refuse(refusal)
        return None


class SettleView(SessionView):
    """First what it would pay, then the button: by the session's own rule, or at typed prices."""

    template = "admin/console/settle.html"
    label = "Settle"
    form: type[forms.PricesForm] = forms.MayPricesForm

    def get(self, request: HttpRequest) -> HttpResponse:
        typed = request.GET if "price_0" in request.GET else None
        return self._show(self.form(typed, session=self.session, initial=self.initial()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form(request.POST, session=self.session)
        said = attempt(form, lambda: self.run(form))
        if said is None:
            return self._show(form, status=_REFUSED)
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
        try:
            fixing = self.fixing(form.prices if form.is_bound and form.is_valid() else {})
        except DomainError as refusal:
            if form.is_bound and refusal.field:
                form.refuse(refusal)
            preview, fixing = {"waiting": refusal.detail}, None
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


class KeysView(SessionView):
    """API keys of the participants, good for this session only. Secrets are shown once, in the answer."""

    template = "admin/console/keys.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(forms.KeysForm(session=self.session))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = forms.KeysForm(request.POST, session=self.session)
        issued = attempt(form, lambda: self._issue(form.cleaned_data))
        if issued is None:
            return self._show(form, status=_REFUSED)
        return self._show(forms.KeysForm(session=self.session), issued=issued)

    def _issue(self, wanted: dict[str, Any]) -> list[tuple[str, str]]:
        """(handle, secret) of each."""
        users = {member.handle: member.user for member in rows.members(self.session.stream)}
        return roster.issue_keys(
            {handle: users[handle] for handle in wanted["participants"]},
            name=wanted["name"],
            scopes=wanted["scopes"],
            session_id=self.session.session_id,
        )

    def _show(self, form: forms.KeysForm, *, status: int = 200, issued: Any = ()) -> HttpResponse:
        known = tables.keys(roster.session_keys(self.session.stream))
        title = f"API keys: {self.session.session_id}"
        return self.page(title, status=status, form=form, issued=issued, keys=known)


class RevokeView(SessionView):
    """A key of this session is worth nothing any more."""

    def post(self, request: HttpRequest, key: int) -> HttpResponse:
        try:
            messages.success(request, f"{roster.revoke_key(self.session.stream, key)} is revoked.")
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        return redirect("admin:markets_marketsession_keys", self.session.stream)


class VerifyView(SessionView):
    """Is what the tables say what happened? Reads every event, so it is asked for by a button."""

    template = "admin/console/verify.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(None)

    def post(self, request: HttpRequest) -> HttpResponse:
        return self._show(queries.verify(self.session.stream))

    def _show(self, findings: list[str] | None) -> HttpResponse:
        seq, head = queries.head(self.session.stream)
        title = f"Verify: {self.session.session_id}"
        return self.page(title, findings=findings, seq=seq, head=head, at=tables.moment(now_us()))


class ExportView(SessionView):
    """The events as JSON lines: what `manage.py export` writes."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        row = Stream.objects.get(id=self.session.stream)
        answer = StreamingHttpResponse(_blocks(lines(row)), content_type="application/jsonl")
        answer["Content-Disposition"] = f'attachment; filename="{self.session.session_id}.jsonl"'
        return answer


def _blocks(written: Iterator[str]) -> Iterator[str]:
    """A thousand lines at a time: each block is a write to the socket."""
    while block := "".join(islice(written, 1000)):
        yield block
