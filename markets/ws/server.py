"""daphne with manners: it waits for slow readers, says goodbye when it stops, and logs no query strings.

Plain daphne buffers without limit for a socket that nobody reads. Here `send` waits until what the transport holds is
small again, so that what piles up does so in our bounded queues.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.defer import Deferred

from common.live.connection import FRAMES, TOO_SLOW
from markets.ws.live import MOST_BYTES

access_log = logging.getLogger("access")
MOST_UPLOAD_BYTES = 8 * 1024 * 1024
"""Of any request; bodies of JSON have a smaller limit of their own."""
_KERNEL_BUFFER = 64 * 1024
_PING_EVERY_S, _PONG_WITHIN_S = 4, 8
_CLOSE_WITHIN_S = 30
_FINISH_REQUESTS_S, _CLOSE_SOCKETS_S = 5.0, 2.0
_LEAVE_WITHIN_S = 9.0
_QUIET_S = 0.5
"""A proxy keeps connections for its next requests: when none came for so long, it has given them up."""


class _Tap:
    """Open while the transport's buffer is small. Twisted tells it by these three names."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._open.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._open.set()

    async def flows(self) -> None:
        """Wait until more may be written."""
        await self._open.wait()


class Socket(WebSocketProtocol):  # type: ignore[misc]  # daphne has no types
    """One WebSocket on the wire."""

    tap: _Tap | None = None
    maxMessagePayloadSize: int  # noqa: N815  autobahn's name

    def onOpen(self) -> None:  # noqa: N802  autobahn's name
        """Watch the transport's buffer instead of the HTTP channel that the connection began with."""
        super().onOpen()
        self.tap = _Tap()
        with contextlib.suppress(OSError):
            self.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.tap, True)  # noqa: FBT003  "streaming": it pushes

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802  daphne's name
        """Any code, those of the protocol itself (1003, 1008, 1009, 1012) included."""
        self.sendCloseFrame(code=1000 if code is None else code, isReply=False)

    def sendMessage(self, payload: bytes, *args: Any, **kwargs: Any) -> None:  # noqa: N802  autobahn's name
        """The limit is for what clients send; autobahn would apply it to snapshots and pages' fragments too."""
        limit, self.maxMessagePayloadSize = self.maxMessagePayloadSize, 0
        try:
            super().sendMessage(payload, *args, **kwargs)
        finally:
            self.maxMessagePayloadSize = limit

    def send_frames(self, frames: bytes) -> None:
        """Past autobahn, which would make them anew for each client, and at once: a turn of the reactor's loop for
        each client costs more than all else together. What the kernel doesn't take waits as usual.
        """
        if self.state != self.STATE_OPEN:
            return
        transport, sent = self.transport, 0
        if not transport.dataBuffer and not transport._tempDataBuffer:
            taken = transport.writeSomeData(frames)
            sent = taken if isinstance(taken, int) else 0  # else an error, which the next write finds again
        if sent < len(frames):
            transport.write(frames[sent:])

    def _sendAutoPing(self) -> None:  # noqa: N802  autobahn's name
        """One question at a time: a second one would hide the answer to the first."""
        if self.autoPingTimeoutCall is None:
            super()._sendAutoPing()

    def onAutoPingTimeout(self) -> None:  # noqa: N802  autobahn's name
        """Whoever does not answer does not read: they are told so, should they ever."""
        self.autoPingTimeoutCall = None
        self.sendCloseFrame(code=TOO_SLOW, isReply=False)


class Upload(WebRequest):  # type: ignore[misc]  # daphne has no types
    """A request on the wire. daphne takes a body of any length to the disk first; here it stops at a limit."""

    is_refused = False

    def __init__(self, channel: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(channel, *args, **kwargs)
        self._parsePOSTFormSubmission = False  # Django reads forms, and tells what is wrong with one

    def gotLength(self, length: int | None) -> None:  # noqa: N802  Twisted's name
        super().gotLength(length)
        if length is not None and length > MOST_UPLOAD_BYTES:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        if not self.is_refused and self.content.tell() + len(data) > MOST_UPLOAD_BYTES:
            self._refuse()
        if not self.is_refused:
            super().handleContentChunk(data)

    def process(self) -> Any:
        return None if self.is_refused else super().process()

    def _refuse(self) -> None:
        """Nothing of the application is asked: the connection ends with this answer."""
        self.is_refused = True
        body = {
            "type": "/docs/problems#body_too_large",
            "title": "Body too large",
            "status": 413,
            "detail": f"A request has at most {MOST_UPLOAD_BYTES} bytes.",
            "code": "body_too_large",
            "errors": [],
        }
        content = json.dumps(body).encode()
        head = (
            "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        self.channel.transport.write(head.encode() + content)
        self.channel.loseConnection()


class LiveServer(Server):  # type: ignore[misc]  # daphne has no types
    """Serves `application` on one address. `refused` says why it could not, in a sentence."""

    def __init__(self, application: Any, *, host: str, port: int, ready: Callable[["LiveServer"], None]) -> None:
        super().__init__(
            application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            action_logger=_log,
            ready_callable=lambda: self._get_ready(ready),
            ping_interval=_PING_EVERY_S,
            ping_timeout=_PONG_WITHIN_S,
            websocket_max_message_size=MOST_BYTES,
            websocket_max_frame_size=MOST_BYTES,
            verbosity=0,
            server_name="",
        )
        self.refused = ""
        self._ports: list[Any] = []
        self._is_leaving, self._answered_at = False, 0.0

    def _get_ready(self, ready: Callable[["LiveServer"], None]) -> None:
        self.ws_factory.protocol = Socket
        self.http_factory.buildProtocol = self._http
        self.ws_factory.setProtocolOptions(
            closeHandshakeTimeout=_CLOSE_WITHIN_S,
            failByDrop=False,  # tell the client why (1009), then drop
            allowNullOrigin=True,  # origins are judged in credentials.py
        )
        ready(self)

    def _http(self, address: Any) -> Any:
        protocol = type(self.http_factory).buildProtocol(self.http_factory, address)
        protocol.requestFactory = Upload
        return protocol

    def listen_success(self, port: Any) -> None:
        """Remember where we listen, to stop it."""
        super().listen_success(port)
        self._ports.append(port)

    def listen_error(self, failure: Any) -> None:
        """Stop before anything began."""
        self.refused = str(getattr(failure.value, "socketError", failure.value))
        self.stop()

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """As daphne does; a sender of frames then waits until the client has taken most of what was sent."""
        if self._is_leaving and message["type"] == "http.response.start":
            message = self._with_goodbye(protocol, message)
        if "frames" not in message:
            await super().handle_reply(protocol, message)
        elif protocol in self.connections:
            protocol.send_frames(message["frames"])
        if message["type"] == "websocket.send" and protocol.tap is not None:
            await protocol.tap.flows()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Tell sockets' applications what we can do besides."""
        if scope["type"] == "websocket":
            scope = {**scope, "extensions": {**scope.get("extensions", {}), FRAMES: {}}}
        return super().create_application(protocol, scope)

    def kill_all_applications(self) -> Deferred[None]:
        """Before the end: no newcomers, requests are finished, sockets are told to come back (1012)."""
        return Deferred.fromFuture(asyncio.ensure_future(self._leave()))

    async def _leave(self) -> None:
        self._is_leaving, self._answered_at = True, time.monotonic()
        _leave_behind_what_hangs()
        for port in self._ports:
            port.doRead()  # who is at the door already comes in
            port.stopListening()
        sockets = self._running(are_sockets=True)
        for running in sockets:
            running.cancel()
        if sockets:
            await asyncio.wait(sockets, timeout=_CLOSE_SOCKETS_S)
        await self._until_requests_finished()
        await self._until_sockets_closed()

    def _running(self, *, are_sockets: bool) -> list[asyncio.Future[None]]:
        """The applications that still run behind sockets, or behind requests."""
        found = [
            details.get("application_instance")
            for protocol, details in self.connections.items()
            if isinstance(protocol, WebSocketProtocol) == are_sockets
        ]
        return [running for running in found if running is not None and not running.done()]

    async def _until_requests_finished(self) -> None:
        """Also those that still come by connections that a proxy keeps: they are answered, and sent elsewhere."""
        until = time.monotonic() + _FINISH_REQUESTS_S
        while time.monotonic() < until:
            if not self._running(are_sockets=False) and time.monotonic() - self._answered_at > _QUIET_S:
                return
            await asyncio.sleep(0.02)
        for running in self._running(are_sockets=False):
            running.cancel()

    def _with_goodbye(self, protocol: Any, message: dict[str, Any]) -> dict[str, Any]:
        self._answered_at = time.monotonic()
        if protocol.channel is not None:
            protocol.channel.persistent = False
        return {**message, "headers": [*message.get("headers", []), (b"connection", b"close")]}

    async def _until_sockets_closed(self) -> None:
        for _ in range(int(_CLOSE_SOCKETS_S / 0.05)):
            open_sockets = [
                protocol
                for protocol, details in self.connections.items()
                if isinstance(protocol, WebSocketProtocol) and "disconnected" not in details
            ]
            if not open_sockets:
                break
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)  # what was written last goes out


def _leave_behind_what_hangs() -> None:
    """A request's thread may wait for a database that never answers, and would keep the process for ever."""
    end = threading.Timer(_LEAVE_WITHIN_S, os._exit, [1])
    end.daemon = True
    end.start()


def _log(protocol: str, action: str, details: dict[str, Any]) -> None:
    """One line per request and socket. Never a query string: people put secrets there."""
    path = details["path"].partition("?")[0]
    line = "".join(sign if sign.isprintable() else "?" for sign in path)
    status, took = details.get("status", action), details.get("time_taken")
    access_log.info("%s %s %s %s %s", details["client"], details.get("method", protocol), line, status, took or "-")
