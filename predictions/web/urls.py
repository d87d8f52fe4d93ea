"""Where the pages of event markets are. Ids in paths are the opaque ones, which say the exchange too."""

from django.urls import path

from predictions.web.views import agents, lists, market, resolution, talk

_ONE = "predictions/markets/<str:market_id>"
_AGENT = "predictions/agents/<str:agent_id>"

urlpatterns = [
    path("predictions", lists.market_list, name="event-markets"),
    path("predictions/new", lists.market_create, name="event-market-create"),
    path(f"{_ONE}", market.market_page, name="event-market"),
    path(f"{_ONE}/live", market.live, name="event-live"),
    path(f"{_ONE}/chart", market.chart, name="event-chart"),
    path(f"{_ONE}/estimate", market.order_estimate, name="event-estimate"),
    path(f"{_ONE}/orders", market.order_place, name="event-order-place"),
    path(f"{_ONE}/orders/cancel", market.order_cancel_all, name="event-order-cancel-all"),
    path(f"{_ONE}/orders/<str:order>/cancel", market.order_cancel, name="event-order-cancel"),
    path(f"{_ONE}/orders/<str:order>/replace", market.order_replace, name="event-order-replace"),
    path(f"{_ONE}/orders/<str:order>/edit", market.order_edit, name="event-order-edit"),
    path(f"{_ONE}/sets", market.sets, name="event-sets"),
    path(f"{_ONE}/talk", talk.say, name="event-say"),
    path(f"{_ONE}/talk/<int:comment>/vote", talk.vote, name="event-vote"),
    path(f"{_ONE}/talk/<int:comment>/pin", talk.pin, name="event-pin"),
    path(f"{_ONE}/talk/<int:comment>/edit", talk.edit, name="event-edit"),
    path(f"{_ONE}/talk/<int:comment>/remove", talk.remove, name="event-remove"),
    path(f"{_ONE}/resolve", resolution.resolve, name="event-resolve"),
    path(f"{_ONE}/challenge", resolution.challenge, name="event-challenge"),
    path("predictions/desk", resolution.desk, name="event-desk"),
    path("predictions/leaderboard", agents.leaderboard, name="event-leaderboard"),
    path("predictions/agents", agents.mine, name="event-agents"),
    path(_AGENT, agents.agent_page, name="event-agent"),
    path(f"{_AGENT}/choose", agents.choose, name="event-choose"),
    path(f"{_AGENT}/mode", agents.mode, name="event-mode"),
    path(f"{_AGENT}/key", agents.renew, name="event-renew"),
    path(f"{_AGENT}/transfer", agents.transfer, name="event-transfer"),
    path(f"{_AGENT}/faucet", agents.faucet, name="event-faucet"),
    path(f"{_AGENT}/orders/<str:order>", agents.decide, name="event-decide"),
]
