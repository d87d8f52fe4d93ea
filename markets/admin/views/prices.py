"""Where a session's prices come from: its feed, a chart, and what can be done with it."""

from django.http import HttpRequest, HttpResponse

from common.errors import DomainError
from markets import queries, valuation
from markets.admin import chart, tables
from markets.admin.views.buttons import buttons
from markets.admin.views.frame import SessionView
from markets.handlers.sessions import feed_of
from oracle import facade as oracle

SHOWN_TICKS = 240


class PricesView(SessionView):
    """The feed; with HTMX the part that moves."""

    template = "admin/console/prices.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        feed, tick = feed_and_tick(self.session)
        drawn = drawing(feed, self.session.legs) if feed else None
        groups = [group for group in buttons(self.session) if group[0] == "Prices"]
        part = request.headers.get("HX-Request") == "true"
        return self.page(
            f"Prices of {self.session.session_id}",
            template="admin/console/_feed.html" if part else self.template,
            feed=tables.feed_facts(self.session, feed, tick),
            shared=feed if self.session.feed else None,
            chart=drawn,
            basket=tables.basket(self.session, dict(valuation.current_prices(self.session).by_leg)),
            groups=groups,
        )


def feed_and_tick(session: queries.SessionInfo) -> tuple[oracle.FeedInfo | None, oracle.TickInfo | None]:
    """The session's feed, None before it has one, and its newest tick."""
    try:
        feed = oracle.get_feed(feed_of(session))
    except DomainError:
        return None, None
    return feed, oracle.latest_prices(feed.id)


def drawing(feed: oracle.FeedInfo, legs: tuple[str, ...]) -> chart.Chart | None:
    """The newest ticks as lines."""
    ticks = oracle.ticks_after(feed.id, seq=max(0, feed.last_seq - SHOWN_TICKS), limit=SHOWN_TICKS)
    return chart.chart([tick.prices for tick in ticks], legs)
