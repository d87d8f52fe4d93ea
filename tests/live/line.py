"""The socket's application in this very process, without a server: for tests of what is said, not of the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from markets.ws.live import live
from tests.live.floor import Ear, Session


class Line:
    """What a client holds of a connection, as `websockets` has it."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self._up: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._down: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._up.put_nowait({"type": "websocket.connect"})

    async def send(self, text: str) -> None:
        self._up.put_nowait({"type": "websocket.receive", "text": text})

    async def recv(self) -> str:
        frame = await self._down.get()
        if frame["type"] == "websocket.close":
            self.close_code = frame.get("code", 403)
            raise ConnectionClosedError(Close(frame.get("code", 1000), ""), None)
        text: str = frame["text"]
        return text

    async def run(self, scope: dict[str, Any]) -> None:
        await live(scope, self._up.get, self._hear)

    def hang_up(self) -> None:
        self._up.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def _hear(self, frame: dict[str, Any]) -> None:
        if frame["type"] != "websocket.accept":
            self._down.put_nowait(frame)


@asynccontextmanager
async def dialed(session: Session, who: str | None, *, secret: str = "", query: str = "") -> AsyncIterator[Ear]:
    """A client with the key of `who`, or with `secret`; without a `query` it has heard its snapshot."""
    line = Line()
    bearer = f"Bearer {secret or session.secrets[who or 'boss']}".encode()
    scope = {
        "type": "websocket",
        "headers": [(b"host", b"localhost"), (b"authorization", bearer)],
        "query_string": query.encode(),
        "url_route": {"kwargs": {"session_id": session.session_id}},
    }
    running = asyncio.create_task(line.run(scope))
    ear = Ear(line, who)
    try:
        if not query:
            await ear.hear()
        yield ear
    finally:
        line.hang_up()
        await running
