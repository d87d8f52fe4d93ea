"""Where the pages of event markets are. Ids in paths are the opaque ones, which say the exchange too."""

from django.urls import path

from predictions.web.views import lists, market

_ONE = "predictions/markets/<str:market_id>"

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
]
