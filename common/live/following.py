"""Followers, each of which tells its connections what happens in one stream, and the hub of all of a process."""

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from django.db import DatabaseError

from common.live.connection import NOT_SIGNED_IN, Connection
from common.live.threads import in_thread

log = logging.getLogger("live")
_PAUSE_S, _ANSWERS_FIRST_S = 0.08, 0.005
_POLL_S, _HEARTBEAT_S, _GUARD_S, _LINGER_S = 0.25, 5.0, 1.5, 60.0
_FAILED = 1011

Client = TypeVar("Client", bound=Connection[Any])
Followed = TypeVar("Followed", bound="Follower[Any]")


class Follower(ABC, Generic[Client]):
    """Use it on the event loop that made it."""

    def __init__(self, stream: UUID) -> None:
        self.stream = stream
        self.connections: set[Client] = set()
        self.deserted_since = time.monotonic()
        self._moved = asyncio.Event()
        self._tasks = [asyncio.create_task(self._follow())]

    @property
    def is_broken(self) -> bool:
        """Whether it has stopped following: a new one must be made."""
        return self._tasks[0].done()

    def poke(self) -> None:
        """Something was committed: look."""
        self._moved.set()

    def leave(self, connection: Client) -> None:
        """It wants to hear nothing more."""
        self.connections.discard(connection)
        self.deserted_since = time.monotonic()

    def stop(self) -> None:
        """Follow no more."""
        for task in self._tasks:
            task.cancel()

    @abstractmethod
    def beat(self) -> None:
        """Tell everybody that the feed lives, and the time."""

    @abstractmethod
    async def _catch_up(self) -> None:
        """Fold what was committed, and hand out what it says."""

    async def _follow(self) -> None:
        """Look whenever poked, at most a dozen times a second and never for more than a fifth of the time."""
        while True:
            await self._moved.wait()
            await asyncio.sleep(_ANSWERS_FIRST_S)
            self._moved.clear()
            began = time.monotonic()
            try:
                await self._catch_up()
            except Exception:
                log.exception("the feed of stream %s stopped; its clients will come back", self.stream)
                self._close_all(_FAILED)
                return
            took = time.monotonic() - began
            await asyncio.sleep(max(_PAUSE_S - _ANSWERS_FIRST_S - took, 4 * took))

    def _close_all(self, code: int) -> None:
        for connection in self.connections:
            connection.close(code)


class Hub(ABC, Generic[Followed]):
    """One follower for each stream that is watched, one poll for all, and the guard at the door.

    Made on the event loop where the sockets are. A poke makes a follower look at once; the poll, if all pokes fail.
    """

    _current: ClassVar["Hub[Any] | None"] = None

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._followed: dict[UUID, Followed] = {}
        self._making: dict[UUID, asyncio.Lock] = {}
        self._tasks = [asyncio.create_task(job) for job in (self._poll(), self._beat(), self._guard())]

    @classmethod
    def current(cls) -> Self:
        """This loop's hub, made when first needed: one per process; a test's new loop makes a new one."""
        found = cls._current
        if not isinstance(found, cls) or found._loop is not asyncio.get_running_loop():
            if found is not None:
                found.stop()
            found = cls._current = cls()
        return found

    def stop(self) -> None:
        """Follow nothing more. From any loop."""
        if not self._loop.is_closed():
            for task in self._tasks:
                task.cancel()
            for follower in self._followed.values():
                follower.stop()

    async def follower(self, stream: UUID) -> Followed | None:
        """The stream's follower, made when first asked for; None where there is no such stream."""
        async with self._making.setdefault(stream, asyncio.Lock()):
            found = self._followed.get(stream)
            if found is None:
                found = await self._make(stream)
                if found is None:
                    self._making.pop(stream, None)
                    return None
                self._followed[stream] = found
            found.deserted_since = time.monotonic()
            return found

    def committed(self, stream: UUID) -> None:
        """After every commit, on a writer's thread: nothing may wait here."""
        self._soon(self._poked, stream)

    @abstractmethod
    async def _make(self, stream: UUID) -> Followed | None:
        """A follower that stands where the stream stands; None where it is deleted or was never there."""

    @abstractmethod
    async def _look(self) -> None:
        """Have followers hear what pokes did not say: others' events, deletions. Raises DatabaseError."""

    @abstractmethod
    def _gone(self, guests: set[Any]) -> set[Any]:
        """Those whose credentials are worth nothing any more. On a thread. Raises DatabaseError."""

    async def _rest(self) -> None:
        """Between two looks."""
        await asyncio.sleep(_POLL_S)

    async def _note(self) -> None:
        """After each beat. Raises DatabaseError."""

    def _poked(self, stream: UUID) -> None:
        if follower := self._followed.get(stream):
            follower.poke()

    def _soon(self, call: Callable[..., None], *arguments: object) -> None:
        """On our loop, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(call, *arguments)

    async def _poll(self) -> None:
        while True:
            await self._rest()
            self._close_deserted()
            if not self._followed:
                continue
            try:
                await self._look()
            except DatabaseError as error:
                log.warning("the live feed cannot read: %s", error)
                await asyncio.sleep(1)

    def _close_deserted(self) -> None:
        now = time.monotonic()
        for stream, follower in list(self._followed.items()):
            if follower.is_broken or (not follower.connections and now - follower.deserted_since > _LINGER_S):
                follower.stop()
                del self._followed[stream]
                self._making.pop(stream, None)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            for follower in self._followed.values():
                follower.beat()
            try:
                await self._note()
            except DatabaseError as error:
                log.warning("nobody learns who is connected: %s", error)

    async def _guard(self) -> None:
        """Whose key was revoked, or who signed out, is shown the door."""
        while True:
            await asyncio.sleep(_GUARD_S)
            connections = [one for follower in self._followed.values() for one in follower.connections]
            guests = {connection.guest for connection in connections}
            if not guests:
                continue
            try:
                gone = await in_thread(self._gone, guests)
            except DatabaseError as error:
                log.warning("the live feed cannot check its guests: %s", error)
                continue
            for connection in connections:
                if connection.guest in gone:
                    connection.close(NOT_SIGNED_IN)
