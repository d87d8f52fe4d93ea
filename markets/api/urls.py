"""The addresses of the API, under /api/v1, without a trailing slash."""

from django.urls import path, register_converter

from markets.api import announcements, feeds, history, keys, limits, orders, participants, rfq, sessions


class _Converter:
    """A piece of an address; what doesn't fit is no address at all."""

    regex = ""

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class _SessionId(_Converter):
    regex = "[A-Za-z0-9._-]{1,64}"


class _Handle(_Converter):
    regex = "[A-Za-z0-9._-]{1,32}"


class _Leg(_Converter):
    regex = "[A-Za-z0-9._ -]{1,32}"


class _PublicId(_Converter):
    regex = "[1-9A-Za-z]{1,22}-[0-9]{1,19}"


class _FeedId(_Converter):
    regex = "[A-Za-z0-9._: -]{1,80}"


for _name, _kind in (
    ("api_session", _SessionId),
    ("api_handle", _Handle),
    ("api_leg", _Leg),
    ("api_id", _PublicId),
    ("api_feed", _FeedId),
):
    register_converter(_kind, _name)

_S = "sessions/<api_session:session_id>"

urlpatterns = [
    path("limits", limits.Limits.as_view(), name="api-limits"),
    path("me", keys.Me.as_view(), name="api-me"),
    path("keys", keys.Keys.as_view(), name="api-keys"),
    path("keys/<int:key_id>", keys.Key.as_view(), name="api-key"),
    path("sessions", sessions.Sessions.as_view(), name="api-sessions"),
    path(_S, sessions.Session.as_view(), name="api-session"),
    path(f"{_S}/start", sessions.Start.as_view(), name="api-session-start"),
    path(f"{_S}/halt", sessions.Halt.as_view(), name="api-session-halt"),
    path(f"{_S}/resume", sessions.Resume.as_view(), name="api-session-resume"),
    path(f"{_S}/close", sessions.Close.as_view(), name="api-session-close"),
    path(f"{_S}/settle", sessions.Settle.as_view(), name="api-session-settle"),
    path(f"{_S}/cancel", sessions.Cancel.as_view(), name="api-session-cancel"),
    path(f"{_S}/fix", sessions.Fix.as_view(), name="api-session-fix"),
    path(f"{_S}/settlement", sessions.Settlement.as_view(), name="api-settlement"),
    path(f"{_S}/settlement/preview", sessions.SettlementPreview.as_view(), name="api-settlement-preview"),
    path(f"{_S}/settlement/correct", sessions.CorrectSettlement.as_view(), name="api-settlement-correct"),
    path(f"{_S}/participants", participants.Participants.as_view(), name="api-participants"),
    path(f"{_S}/participants/<api_handle:handle>", participants.Participant.as_view(), name="api-participant"),
    path(f"{_S}/allocations", participants.Allocations.as_view(), name="api-allocations"),
    path(f"{_S}/announcements", announcements.Announcements.as_view(), name="api-announcements"),
    path(f"{_S}/prices", feeds.Prices.as_view(), name="api-prices"),
    path("feeds", feeds.Feeds.as_view(), name="api-feeds"),
    path("feeds/<api_feed:feed_id>", feeds.Feed.as_view(), name="api-feed"),
    path("feeds/<api_feed:feed_id>/start", feeds.StartFeed.as_view(), name="api-feed-start"),
    path("feeds/<api_feed:feed_id>/stop", feeds.StopFeed.as_view(), name="api-feed-stop"),
    path(f"{_S}/orders", orders.Orders.as_view(), name="api-orders"),
    path(f"{_S}/orders/bulk", orders.BulkOrders.as_view(), name="api-orders-bulk"),
    path("orders/<api_id:order_id>", orders.Order.as_view(), name="api-order"),
    path(f"{_S}/orderbook/<api_leg:asset>", orders.OrderBook.as_view(), name="api-orderbook"),
    path(f"{_S}/rfq", rfq.Rfqs.as_view(), name="api-rfqs"),
    path("rfq/<api_id:rfq_id>", rfq.OneRfq.as_view(), name="api-rfq"),
    path("rfq/<api_id:rfq_id>/quote", rfq.Quotes.as_view(), name="api-quotes"),
    path("quotes/<api_id:quote_id>/accept", rfq.AcceptQuote.as_view(), name="api-quote-accept"),
    path("quotes/<api_id:quote_id>/withdraw", rfq.WithdrawQuote.as_view(), name="api-quote-withdraw"),
    path(f"{_S}/trades", rfq.Trades.as_view(), name="api-trades"),
    path("trades/<api_id:trade_id>", rfq.Trade.as_view(), name="api-trade"),
    path("trades/<api_id:trade_id>/bust", rfq.BustTrade.as_view(), name="api-trade-bust"),
    path(f"{_S}/events", history.Events.as_view(), name="api-events"),
    path(f"{_S}/verify", history.Verify.as_view(), name="api-verify"),
    path(f"{_S}/export", history.Export.as_view(), name="api-export"),
    path(f"{_S}/portfolio", history.Portfolio.as_view(), name="api-portfolio"),
    path(f"{_S}/leaderboard", history.Leaderboard.as_view(), name="api-leaderboard"),
    path(f"{_S}/candles/<api_leg:asset>", history.Candles.as_view(), name="api-candles"),
]
