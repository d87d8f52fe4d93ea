"""The socket URLs of event markets."""

from typing import Any

from django.urls import re_path

from predictions.ws.live import live

_market: Any = live
routes = [re_path(r"^ws/predictions/(?P<market_id>[1-9A-Za-z]{1,22}-[0-9]{1,19})$", _market)]
