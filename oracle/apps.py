"""Oracle: named feeds of prices, their ticks, and the fixings made of them."""

from django.apps import AppConfig


class OracleConfig(AppConfig):
    name = "oracle"
    label = "oracle"
