"""Sockets that say that something moved, to pages that fetch what they show: /ws/lobby, for dashboards and consoles
of signed-in browsers, hears of every session; /ws/projector/TOKEN, for a room's screen, of its own.

One look a second for all of them, by whichever process: the events and ticks that there are, counted. A browser that
reads slowly hears of the newest change only.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import DatabaseError

from accounts.handshake import is_from_here
from common.clock import now_us
from common.live.connection import NOT_SIGNED_IN, RESTART
from common.live.threads import in_thread
from markets.ws import credentials, reading

log = logging.getLogger("markets.ws")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Look = Callable[[int], str | None]
"""moved → a mark that is another after every change of what the guest sees; None: they may not look. In a thread."""
_LOOK_S, _HEARTBEAT_S = 1.0, 5.0
_SAID = (
    '<span id="head" hx-swap-oob="true" data-seq="{moved}" hidden></span>'
    '<span id="heartbeat" hx-swap-oob="true" data-server-now="{now}" hidden></span>'
)


class Board:
    """When something last moved, in ms: looked at while somebody waits to hear it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._found: tuple[int, int, int] | None = None
        self._changed = asyncio.Condition()
        self._watching: asyncio.Task[None] | None = None
        self._guests = 0
        self.moved = now_us() // 1000

    @property
    def is_mine(self) -> bool:
        """Whether it lives on the running loop."""
        return self._loop is asyncio.get_running_loop()

    @contextlib.asynccontextmanager
    async def watched(self) -> Any:
        """Look while anybody is here."""
        self._guests += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            self._guests -= 1

    async def wait(self, seen: int) -> None:
        """Until something moved after `seen`; for a heartbeat's time at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEARTBEAT_S), self._changed:
                await self._changed.wait_for(lambda: self.moved > seen)

    async def _watch(self) -> None:
        while self._guests:
            began = time.monotonic()
            try:
                found = await in_thread(reading.everywhere)
            except DatabaseError as error:
                log.warning("the dashboards hear nothing: %s", error)
            else:
                if found != self._found:
                    self._found, self.moved = found, max(now_us() // 1000, self.moved + 1)
                    async with self._changed:
                        self._changed.notify_all()
            await asyncio.sleep(max(_LOOK_S, 20 * (time.monotonic() - began)))


_board: Board | None = None


def board() -> Board:
    """This loop's board, made when first needed."""
    global _board  # one per process; a test's new loop makes a new one
    if _board is None or not _board.is_mine:
        _board = Board()
    return _board


async def lobby(scope: Scope, receive: Receive, send: Send) -> None:
    """One dashboard, from handshake to close. Only a browser's cookie opens it."""
    shown = credentials.shown(scope)

    def look(moved: int) -> str | None:
        return str(moved) if shown is not None and credentials.is_signed_in(shown) else None

    await _serve(look, receive, send)


async def projector(scope: Scope, receive: Receive, send: Send) -> None:
    """One room's screen, from handshake to close. Its address opens it, until it is revoked."""
    token = scope["url_route"]["kwargs"]["token"]

    def look(moved: int) -> str | None:
        return reading.screen(token)

    await _serve(look if is_from_here(scope) else lambda moved: None, receive, send)


async def _serve(look: Look, receive: Receive, send: Send) -> None:
    await receive()
    if await in_thread(look, 0) is None:
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    async with board().watched() as here:
        listening, telling = asyncio.create_task(_gone(receive)), asyncio.create_task(_tell(here, look, send))
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
            code = None if listening.done() else telling.result()
        except asyncio.CancelledError:
            code = RESTART  # the server stops
        finally:
            for task in (listening, telling):
                task.cancel()
            await asyncio.gather(listening, telling, return_exceptions=True)
    if code is not None:
        await send({"type": "websocket.close", "code": code})


async def _gone(receive: Receive) -> None:
    """Until the browser goes. It has nothing to say."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def _tell(here: Board, look: Look, send: Send) -> int:
    """Say what moved, and the time, for as long as the guest may look."""
    while True:
        seen = here.moved
        mark = await in_thread(look, seen)
        if mark is None:
            return NOT_SIGNED_IN
        await send({"type": "websocket.send", "text": _SAID.format(moved=mark, now=now_us() // 1000)})
        await here.wait(seen)
