"""Where connections come in: HTTP goes to Django, sockets to the live feed."""

import os

import django
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import re_path

from sessioncontracts.proxy import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
django.setup(set_prefix=False)

from markets.ws.routing import sockets  # noqa: E402  needs Django to be ready
from predictions.ws import routing as predictions  # noqa: E402
from sessioncontracts.handler import ThreadedHandler  # noqa: E402

_sockets = URLRouter(
    [
        *predictions.routes,
        re_path("", sockets),
    ]
)
_router = ProtocolTypeRouter({"http": ThreadedHandler(), "websocket": _sockets})
application = TrustedProxies(_router, settings.TRUSTED_PROXIES)
