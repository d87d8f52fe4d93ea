"""The addresses of event markets, under /api/v1/predictions, without a trailing slash."""

from django.urls import path, register_converter

from predictions.api import agents, comments, exchanges, markets, orders


class _Converter:
    """A piece of an address; what doesn't fit is no address at all."""

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class _Id(_Converter):
    regex = "[1-9A-Za-z]{1,22}-[0-9]{1,19}"


class _Name(_Converter):
    regex = "[a-z0-9][a-z0-9._-]{0,31}"


register_converter(_Id, "prediction_id")
register_converter(_Name, "prediction_exchange")

_AGENT, _MARKET = "agents/<prediction_id:agent_id>", "markets/<prediction_id:market_id>"
_ORDER, _COMMENT = "orders/<prediction_id:order_id>", "comments/<prediction_id:comment_id>"

urlpatterns = [
    path("exchanges", exchanges.Exchanges.as_view()),
    path("exchanges/<prediction_exchange:name>", exchanges.Exchange.as_view()),
    path("agents", agents.Agents.as_view()),
    path("agents/me", agents.Me.as_view()),
    path(_AGENT, agents.Agent.as_view()),
    path(f"{_AGENT}/profile", agents.Profile.as_view()),
    path(f"{_AGENT}/key", agents.Key.as_view()),
    path(f"{_AGENT}/role", agents.Role.as_view()),
    path(f"{_AGENT}/transfer", agents.Transfer.as_view()),
    path(f"{_AGENT}/faucet", agents.Faucet.as_view()),
    path(f"{_AGENT}/statement", agents.Statement.as_view()),
    path("markets", markets.Markets.as_view()),
    path("markets/categories", markets.Categories.as_view()),
    path("markets/overdue", markets.Overdue.as_view()),
    path(_MARKET, markets.Market.as_view()),
    path(f"{_MARKET}/orderbook", markets.OrderBook.as_view()),
    path(f"{_MARKET}/prices", markets.Prices.as_view()),
    path(f"{_MARKET}/resolve", markets.Resolve.as_view()),
    path(f"{_MARKET}/challenge", markets.Challenge.as_view()),
    path(f"{_MARKET}/correct", markets.Correct.as_view()),
    path(f"{_MARKET}/house", markets.House.as_view()),
    path(f"{_MARKET}/split", markets.Split.as_view()),
    path(f"{_MARKET}/merge", markets.Merge.as_view()),
    path(f"{_MARKET}/comments", comments.Comments.as_view()),
    path(f"{_MARKET}/mood", comments.Mood.as_view()),
    path(_COMMENT, comments.Comment.as_view()),
    path(f"{_COMMENT}/vote", comments.Vote.as_view()),
    path(f"{_COMMENT}/pin", comments.Pin.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/preview", orders.Preview.as_view()),
    path("orders/bulk", orders.BulkOrders.as_view()),
    path(_ORDER, orders.Order.as_view()),
    path(f"{_ORDER}/approve", orders.Approve.as_view()),
    path(f"{_ORDER}/reject", orders.Reject.as_view()),
    path("approvals", orders.Approvals.as_view()),
    path("positions", orders.Positions.as_view()),
    path("positions/<prediction_id:agent_id>/<prediction_id:market_id>", orders.Position.as_view()),
    path("trades", orders.Trades.as_view()),
]
