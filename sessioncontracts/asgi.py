"""Where connections come in: HTTP goes to Django, sockets to the live feed."""

import os

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

from sessioncontracts.proxy import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
_http = get_asgi_application()

from markets.ws.routing import sockets  # noqa: E402  needs Django to be ready

_router = ProtocolTypeRouter({"http": _http, "websocket": sockets})
application = TrustedProxies(_router, settings.TRUSTED_PROXIES)
