"""The feeds that sessions share: every organiser makes and runs them, as in the API."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from common.errors import DomainError
from ledger.platform import record_act
from markets.admin import tables
from markets.admin.feed_forms import NewFeedForm, TickForm, as_typed
from markets.admin.views.frame import REFUSED, ConsoleView, attempt
from markets.admin.views.prices import drawing
from oracle import facade as oracle


class FeedsView(ConsoleView):
    """All shared feeds, and a new one."""

    template = "admin/console/feeds.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(NewFeedForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewFeedForm(request.POST, request.FILES)
        made = attempt(form, form.create)
        if made is None:
            return self._show(form, status=REFUSED)
        record_act("feed made", self.actor, subject=made.id.hex, facts={"mode": made.mode})
        messages.success(request, f"The feed {made.name} is made.")
        return redirect("admin:markets_marketsession_feed", made.id)

    def _show(self, form: NewFeedForm, status: int = 200) -> HttpResponse:
        feeds = [feed for feed in oracle.list_feeds() if not feed.name.startswith("session:")]
        return self.page("Feeds", status=status, form=form, feeds=tables.feeds(feeds))


class FeedView(ConsoleView):
    """One shared feed: where it stands, its chart, start, stop, and a tick by hand."""

    template = "admin/console/feed.html"

    def get(self, request: HttpRequest, feed: UUID) -> HttpResponse:
        found = self._feed(feed)
        return self._show(found, TickForm(feed=found, initial=as_typed(found, oracle.latest_prices(found.id))))

    def post(self, request: HttpRequest, feed: UUID) -> HttpResponse:
        found = self._feed(feed)
        form = TickForm(request.POST, feed=found)
        act = request.POST.get("act", "")
        if act == "push":
            tick = attempt(form, lambda: oracle.publish(found.id, prices=form.prices))
            if tick is None:
                return self._show(found, form, status=REFUSED)
            messages.success(request, f"Tick {tick.seq} is published.")
        elif act in {"start", "stop"}:
            self._run(request, found, act)
        return redirect("admin:markets_marketsession_feed", feed)

    def _run(self, request: HttpRequest, feed: oracle.FeedInfo, act: str) -> None:
        try:
            now = oracle.start_feed(feed.id) if act == "start" else oracle.stop_feed(feed.id)
        except DomainError as refusal:
            messages.error(request, refusal.detail)
            return
        record_act(f"feed {now.status}", self.actor, subject=feed.id.hex)
        messages.success(request, f"The feed is {now.status}.")

    def _feed(self, feed: UUID) -> oracle.FeedInfo:
        try:
            found = oracle.get_feed(feed)
        except DomainError as refusal:
            raise Http404(refusal.detail) from refusal
        if found.name.startswith("session:"):
            raise Http404("It is a session's own.")
        return found

    def _show(self, feed: oracle.FeedInfo, form: TickForm, status: int = 200) -> HttpResponse:
        tick = oracle.latest_prices(feed.id)
        part = self.request.headers.get("HX-Request") == "true"
        return self.page(
            f"Feed {feed.name}",
            status=status,
            template="admin/console/_feed.html" if part else self.template,
            it=feed,
            feed=tables.shared_feed(feed, tick),
            chart=drawing(feed, feed.instruments),
            form=form,
        )
