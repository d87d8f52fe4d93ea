"""The watched sessions of this process, the pokes of other processes, and who is connected."""

import asyncio
import contextlib
from uuid import UUID

from common.live.connection import RESTART
from common.live.following import Hub
from common.live.threads import in_thread
from ledger.runtime import runtime
from markets import presence
from markets.handlers import countdowns
from markets.ws import credentials, reading
from markets.ws.credentials import Guest
from markets.ws.pokes import Pokes
from markets.ws.tailer import Tailer
from oracle import facade as oracle

_TICKS_S, _TICKS_REST_S = 0.25, 0.02


class SessionHub(Hub[Tailer]):
    """New prices are told at once where this process made them; the poll finds those of others."""

    def __init__(self) -> None:
        super().__init__()
        self._pokes = Pokes(self._poked)
        self._published = asyncio.Event()
        runtime.after_commit.append(self.committed)
        oracle.after_publish.append(self._ticked)
        self._tasks += [asyncio.create_task(job) for job in (self._pokes.listen(), self._pokes.announce())]

    def stop(self) -> None:
        runtime.after_commit.remove(self.committed)
        oracle.after_publish.remove(self._ticked)
        super().stop()

    def committed(self, stream: UUID) -> None:
        super().committed(stream)
        self._soon(self._pokes.spread, stream)

    def _ticked(self, feed: str) -> None:
        """After new prices of this process are committed, on whatever thread published them."""
        self._soon(self._published.set)

    async def _make(self, stream: UUID) -> Tailer | None:
        mirror = await in_thread(reading.mirror_of, stream)
        return Tailer(mirror, stream) if mirror else None

    async def _rest(self) -> None:
        await asyncio.sleep(_TICKS_REST_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._published.wait(), _TICKS_S - _TICKS_REST_S)
        self._published.clear()

    async def _look(self) -> None:
        watched = [tailer.watch for tailer in self._followed.values()]
        for stream, news in (await in_thread(reading.news, watched)).items():
            if tailer := self._followed.get(stream):
                tailer.hear(news)

    def _gone(self, guests: set[Guest]) -> set[Guest]:
        return {guest for guest in guests if not credentials.still_stands(guest)}

    async def _note(self) -> None:
        """Who is connected. Who stood still for so long that orders were cancelled must come back and see."""
        connected = {stream: tailer.present for stream, tailer in self._followed.items()}
        await in_thread(presence.write_down, connected)
        holding = [one for tailer in self._followed.values() for one in tailer.connections if one.holds]
        lost = await in_thread(countdowns.keep, {one.name for one in holding}) if holding else set()
        for connection in holding:
            if connection.name in lost and connection.holds:
                connection.close(RESTART)
