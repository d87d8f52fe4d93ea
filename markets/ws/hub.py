"""The watched sessions of this process: one tailer each, one poll for all, and the guard at the door."""

import asyncio
import contextlib
import logging
import time
from uuid import UUID

from django.db import DatabaseError

from common.errors import DomainError
from common.live.connection import NOT_SIGNED_IN, RESTART
from common.live.threads import in_thread
from ledger.runtime import runtime
from markets import presence
from markets.handlers import countdowns
from markets.ws import credentials, reading
from markets.ws.pokes import Pokes
from markets.ws.tailer import Tailer
from oracle import facade as oracle

log = logging.getLogger("markets.ws")
_TICKS_S, _TICKS_REST_S = 0.25, 0.02
_HEARTBEAT_S = 5.0
_GUARD_S = 1.5
_LINGER_S = 60.0


class Hub:
    """Made on the event loop where the sockets are. A poke makes it look at once; the poll, should all pokes fail."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tailers: dict[UUID, Tailer] = {}
        self._making: dict[UUID, asyncio.Lock] = {}
        self._pokes = Pokes(self._poked)
        self._published = asyncio.Event()
        runtime.after_commit.append(self._committed)
        oracle.after_publish.append(self._ticked)
        jobs = (self._poll(), self._beat(), self._guard(), self._pokes.listen(), self._pokes.announce())
        self._tasks = [asyncio.create_task(job) for job in jobs]

    @property
    def is_mine(self) -> bool:
        """Whether it lives on the running loop."""
        return self._loop is asyncio.get_running_loop()

    def stop(self) -> None:
        """Follow nothing more. From any loop: tests make one hub per loop."""
        runtime.after_commit.remove(self._committed)
        oracle.after_publish.remove(self._ticked)
        if not self._loop.is_closed():
            for task in self._tasks:
                task.cancel()
            for tailer in self._tailers.values():
                tailer.stop()

    async def tailer(self, stream: UUID) -> Tailer:
        """The session's tailer, made when first asked for. Raises DomainError `not_found` when it is deleted."""
        async with self._making.setdefault(stream, asyncio.Lock()):
            found = self._tailers.get(stream)
            if found is None:
                mirror = await in_thread(reading.mirror_of, stream)
                if mirror is None:
                    raise DomainError("not_found", "There is no such session.")
                found = self._tailers[stream] = Tailer(mirror, stream)
            found.deserted_since = time.monotonic()
            return found

    def _committed(self, stream: UUID) -> None:
        """After every commit, on a writer's thread: nothing may wait here."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._moved, stream)

    def _ticked(self, feed: str) -> None:
        """After new prices of this process are committed, on whatever thread published them."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._published.set)

    def _moved(self, stream: UUID) -> None:
        self._poked(stream)
        self._pokes.spread(stream)

    def _poked(self, stream: UUID) -> None:
        tailer = self._tailers.get(stream)
        if tailer is not None:
            tailer.poke()

    async def _poll(self) -> None:
        """What pokes did not say: new prices (at once where this process made them), others' events, deletions."""
        while True:
            await asyncio.sleep(_TICKS_REST_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._published.wait(), _TICKS_S - _TICKS_REST_S)
            self._published.clear()
            self._close_deserted()
            watched = [tailer.watch for tailer in self._tailers.values()]
            if not watched:
                continue
            try:
                found = await in_thread(reading.news, watched)
            except DatabaseError as error:
                log.warning("the live feed cannot read: %s", error)
                await asyncio.sleep(1)
                continue
            for stream, news in found.items():
                if stream in self._tailers:
                    self._tailers[stream].hear(news)

    def _close_deserted(self) -> None:
        now = time.monotonic()
        for stream, tailer in list(self._tailers.items()):
            if tailer.is_broken or (not tailer.connections and now - tailer.deserted_since > _LINGER_S):
                tailer.stop()
                del self._tailers[stream]
                self._making.pop(stream, None)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            for tailer in self._tailers.values():
                tailer.beat()
            connected = {stream: tailer.present for stream, tailer in self._tailers.items()}
            try:
                await in_thread(presence.write_down, connected)
                await self._keep_holding()
            except DatabaseError as error:
                log.warning("nobody learns who is connected: %s", error)

    async def _keep_holding(self) -> None:
        """Who stood still for so long that orders were cancelled meanwhile must come back and see."""
        connections = [one for tailer in self._tailers.values() for one in tailer.connections if one.holds]
        lost = await in_thread(countdowns.keep, {one.name for one in connections}) if connections else set()
        for connection in connections:
            if connection.name in lost and connection.holds:
                connection.close(RESTART)

    async def _guard(self) -> None:
        """Whose key was revoked, or who signed out, is shown the door."""
        while True:
            await asyncio.sleep(_GUARD_S)
            connections = [one for tailer in self._tailers.values() for one in tailer.connections]
            guests = {connection.guest for connection in connections}
            try:
                standing = await in_thread(lambda all_of=guests: {g for g in all_of if credentials.still_stands(g)})
            except DatabaseError as error:
                log.warning("the live feed cannot check its guests: %s", error)
                continue
            for connection in connections:
                if connection.guest in guests - standing:
                    connection.close(NOT_SIGNED_IN)


_hub: Hub | None = None


def current() -> Hub:
    """This loop's hub, made when first needed."""
    global _hub  # one per process; a test's new loop makes a new one
    if _hub is None or not _hub.is_mine:
        if _hub is not None:
            _hub.stop()
        _hub = Hub()
    return _hub
