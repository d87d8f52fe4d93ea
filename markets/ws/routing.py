"""The socket URLs. What is none of them is refused like a session that is not yours."""

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path

from markets.ws.live import Receive, Scope, Send, live
from markets.ws.lobby import lobby, projector


async def _nobody(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})


_session: Any = live
_lobby: Any = lobby
_projector: Any = projector
_other: Any = _nobody
sockets = URLRouter(
    [
        re_path(r"^ws/sessions/(?P<session_id>[A-Za-z0-9._-]{1,64})$", _session),
        re_path(r"^ws/lobby$", _lobby),
        re_path(r"^ws/projector/(?P<token>[\w-]{1,64})$", _projector),
        re_path("", _other),
    ]
)
