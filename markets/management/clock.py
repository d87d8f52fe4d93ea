"""The clock inside `manage.py serve`: Celery's own beat in a thread, its tasks on a small pool, one per database.

Who holds the lock ticks; the others wait for it, and the kernel or the database frees it when its holder dies. Where
beat and a worker are the clock, it stands by for the time when they, or the broker between them, are away.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import Celery
from celery.beat import Scheduler, Service
from django.db import DatabaseError, close_old_connections, connection

from common.clock import SECOND, now_us
from markets import queries
from markets.management.locks import Lock, lock_of_database

log = logging.getLogger("markets.clock")
HEART = "note-clock"
"""The entry of the schedule by which the clock shows that it lives."""
_STALE_US = 3 * SECOND
_RETRY_S = 0.5
_LONGEST_NAP_S = 0.25


class _Pool:
    """As many threads as there are tasks, for a task never runs beside itself: a late one is skipped."""

    def __init__(self, size: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=size, thread_name_prefix="clock")
        self._busy: set[str] = set()
        self._mutex = threading.Lock()

    def offer(self, name: str, job: Callable[[], object]) -> None:
        with self._mutex:
            if name in self._busy:
                return
            self._busy.add(name)
        self._threads.submit(self._run, name, job)

    def _run(self, name: str, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            log.exception("the task %s failed; it will be called again", name)
        finally:
            close_old_connections()
            with self._mutex:
                self._busy.discard(name)

    def stop(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)


class _InProcess(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Beat's own timing; what it would send goes to the pool."""

    pool: _Pool
    entries: Mapping[str, Any]

    def setup_schedule(self) -> None:
        self.merge_inplace(self.entries)

    @property
    def producer(self) -> None:
        """There is no broker."""

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """Sleep as long as it takes: Celery's own wakes 10 ms early and asks again and again until then."""
        return n

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **_: Any) -> None:  # noqa: FBT001, FBT002  Celery's signature
        entry = self.reserve(entry) if advance else entry
        self.pool.offer(entry.name, self.app.tasks[entry.task])


class Clock:
    """Ticks in the background from `start` to `stop`, whenever nobody else does.

    `standby`: only while the clock proper (beat and worker, by way of a broker) shows no sign of life.
    """

    def __init__(self, app: Celery, *, standby: bool = False) -> None:
        app.loader.import_default_modules()
        self._app, self._standby = app, standby
        self._stopping = threading.Event()
        self._guard = threading.Thread(target=self._run, name="clock-guard", daemon=True)

    def start(self) -> None:
        self._guard.start()

    def stop(self) -> None:
        """Let what runs finish, and free the lock. A clock that never started has nothing to stop."""
        self._stopping.set()
        if self._guard.ident is not None:
            self._guard.join(timeout=5)

    def _run(self) -> None:
        lock = lock_of_database("standby" if self._standby else "clock")
        while not self._stopping.is_set():
            try:
                if self._is_wanted() and lock.take():
                    try:
                        self._tick_while_held(lock)
                    finally:
                        lock.release()
            except DatabaseError as error:
                log.warning("the clock cannot reach the database: %s", error)
            close_old_connections()
            self._stopping.wait(_RETRY_S)
        lock.release()
        connection.close()

    def _is_wanted(self) -> bool:
        return not self._standby or now_us() - queries.clock_noted_at() > _STALE_US

    def _tick_while_held(self, lock: Lock) -> None:
        """Needs the lock."""
        entries = {name: entry for name, entry in self._app.conf.beat_schedule.items() if self._does(name)}
        pool = _Pool(len(entries))
        kind = type("Beat", (_InProcess,), {"pool": pool, "entries": entries})
        beat = Service(self._app, max_interval=_LONGEST_NAP_S, scheduler_cls=kind)
        ticking = threading.Thread(target=beat.start, name="clock-beat", daemon=True)
        if self._standby:
            log.warning("beat or worker is away: this process holds the clock until they are back")
        ticking.start()
        try:
            while not self._stopping.wait(_RETRY_S) and lock.is_held() and ticking.is_alive() and self._is_wanted():
                pass
        finally:
            beat.stop()
            ticking.join()
            pool.stop()

    def _does(self, name: str) -> bool:
        """A standby leaves the sign of life to the clock proper: so it hears of its return."""
        return not (self._standby and name == HEART)
