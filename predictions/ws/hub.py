"""The watched exchanges of this process: one feed each, one poll for all, and the guard at the door."""

import asyncio
import contextlib
import logging
import time
from uuid import UUID

from django.db import DatabaseError

from accounts import handshake
from common.live.connection import NOT_SIGNED_IN
from common.live.threads import in_thread
from ledger.models import Stream
from ledger.runtime import runtime
from predictions.ws.feed import Feed, Guest, mirror_of

log = logging.getLogger("predictions.ws")
_POLL_S, _HEARTBEAT_S, _GUARD_S, _LINGER_S = 0.25, 5.0, 1.5, 60.0


class Hub:
    """Made on the event loop where the sockets are. It looks at once after a commit here; the poll finds others'."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[UUID, Feed] = {}
        self._making: dict[UUID, asyncio.Lock] = {}
        runtime.after_commit.append(self._committed)
        self._tasks = [asyncio.create_task(job) for job in (self._poll(), self._beat(), self._guard())]

    @property
    def is_mine(self) -> bool:
        """Whether it lives on the running loop."""
        return self._loop is asyncio.get_running_loop()

    def stop(self) -> None:
        """Follow nothing more. From any loop: tests make one hub per loop."""
        runtime.after_commit.remove(self._committed)
        if not self._loop.is_closed():
            for task in self._tasks:
                task.cancel()
            for feed in self._feeds.values():
                feed.stop()

    async def feed(self, stream: UUID) -> Feed | None:
        """The exchange's feed, made when first asked for; None where there is no such exchange."""
        async with self._making.setdefault(stream, asyncio.Lock()):
            found = self._feeds.get(stream)
            if found is None:
                mirror = await in_thread(mirror_of, stream)
                if mirror is None:
                    self._making.pop(stream, None)
                    return None
                found = self._feeds[stream] = Feed(mirror, stream)
            found.deserted_since = time.monotonic()
            return found

    def _committed(self, stream: UUID) -> None:
        """After every commit, on a writer's thread: nothing may wait here."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._poked, stream)

    def _poked(self, stream: UUID) -> None:
        feed = self._feeds.get(stream)
        if feed is not None:
            feed.poke()

    async def _poll(self) -> None:
        """What other processes committed, and what was deleted: one query for all."""
        while True:
            await asyncio.sleep(_POLL_S)
            self._close_deserted()
            if not self._feeds:
                continue
            try:
                seqs = await in_thread(_seqs_of, list(self._feeds))
            except DatabaseError as error:
                log.warning("the live feed cannot read: %s", error)
                await asyncio.sleep(1)
                continue
            for stream, feed in list(self._feeds.items()):
                feed.hear(seqs.get(stream, 0))

    def _close_deserted(self) -> None:
        now = time.monotonic()
        for stream, feed in list(self._feeds.items()):
            if feed.is_broken or (not feed.watchers and now - feed.deserted_since > _LINGER_S):
                feed.stop()
                del self._feeds[stream]
                self._making.pop(stream, None)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            for feed in self._feeds.values():
                feed.beat()

    async def _guard(self) -> None:
        """Whose key was revoked, or who signed out, is shown the door; who came without stays."""
        while True:
            await asyncio.sleep(_GUARD_S)
            watchers = [one for feed in self._feeds.values() for one in feed.watchers if one.guest.credentials]
            guests = {watcher.guest for watcher in watchers}
            if not guests:
                continue
            try:
                gone = await in_thread(_gone_of, guests)
            except DatabaseError as error:
                log.warning("the live feed cannot check its guests: %s", error)
                continue
            for watcher in watchers:
                if watcher.guest in gone:
                    watcher.close(NOT_SIGNED_IN)


def _seqs_of(streams: list[UUID]) -> dict[UUID, int]:
    """stream → its last committed event; deleted ones are absent."""
    return dict(Stream.objects.filter(id__in=streams, deleted_at=None).values_list("id", "seq"))


def _gone_of(guests: set[Guest]) -> set[Guest]:
    """The guests whose credentials are worth nothing any more."""
    return {guest for guest in guests if user_of(guest) != guest.user}


def user_of(guest: Guest) -> str:
    """The opaque id of who bears a guest's credentials; "" for nobody."""
    shown = guest.credentials
    if shown is None:
        return ""
    found = handshake.user_of_key(shown.secret, guest.stream) if shown.secret else handshake.signed_in(shown.cookie)
    return found.uid if found else ""


_hub: Hub | None = None


def current() -> Hub:
    """This loop's hub, made when first needed."""
    global _hub  # one per process; a test's new loop makes a new one
    if _hub is None or not _hub.is_mine:
        if _hub is not None:
            _hub.stop()
        _hub = Hub()
    return _hub
