"""A session at a glance, and the lists behind it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts import roster
from markets import queries, valuation
from markets.admin import rows, tables
from markets.admin.views.buttons import buttons
from markets.admin.views.frame import SessionView
from markets.admin.views.prices import feed_and_tick

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    from markets.models import MarketSession

_PAGE = 50
_GLANCE = 10


class DetailView(SessionView):
    """Everything about a session at a glance."""

    template = "admin/console/session.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        session, stream = self.session, self.session.stream
        open_ = session.status in {"created", "active", "halted"}
        members = rows.members(stream)
        feed, tick = feed_and_tick(session)
        seq, head = queries.head(stream)
        return self.page(
            session.session_id,
            groups=buttons(session),
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
