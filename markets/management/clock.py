"""The clock inside `manage.py serve`: Celery's own beat in a thread, its tasks on a small pool, one per database.

Who holds the lock ticks; the others wait for it, and the kernel or the database frees it when its holder dies.
"""

import contextlib
import fcntl
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Protocol

from celery import Celery
from celery.beat import Scheduler, Service
from django.db import DatabaseError, close_old_connections, connection

log = logging.getLogger("markets.clock")
_LOCK_NUMBER = 0x5E5510C0
_RETRY_S = 0.5
_LONGEST_NAP_S = 0.25


class Lock(Protocol):
    """Held by one clock at a time. Used by one thread."""

    def take(self) -> bool: ...
    def is_held(self) -> bool: ...
    def release(self) -> None: ...


class FileLock:
    """Beside an SQLite file. The kernel frees it with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self) -> bool:
        file = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def is_held(self) -> bool:
        return self._file is not None

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


class AdvisoryLock:
    """In PostgreSQL, for as long as this thread's connection lives."""

    def __init__(self) -> None:
        self._backend = 0

    def take(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s), pg_backend_pid()", [_LOCK_NUMBER])
            taken, backend = cursor.fetchone()
        self._backend = backend if taken else 0
        return bool(taken)

    def is_held(self) -> bool:
        """A new connection (the old one was lost) holds nothing."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return bool(cursor.fetchone()[0] == self._backend)

    def release(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK_NUMBER])


def lock_of_database() -> Lock:
    """The clock's lock for the database in use."""
    if connection.vendor == "sqlite":
        return FileLock(Path(f"{connection.settings_dict['NAME']}.clock"))
    return AdvisoryLock()


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

    def setup_schedule(self) -> None:
        self.merge_inplace(self.app.conf.beat_schedule)

    @property
    def producer(self) -> None:
        """There is no broker."""

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **_: Any) -> None:  # noqa: FBT001, FBT002  Celery's signature
        entry = self.reserve(entry) if advance else entry
        self.pool.offer(entry.name, self.app.tasks[entry.task])


class Clock:
    """Ticks in the background from `start` to `stop`, whenever nobody else does."""

    def __init__(self, app: Celery) -> None:
        app.loader.import_default_modules()
        self._app = app
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
        lock = lock_of_database()
        while not self._stopping.is_set():
            try:
                if lock.take():
                    self._tick_while_held(lock)
            except DatabaseError as error:
                log.warning("the clock cannot reach its lock: %s", error)
                with contextlib.suppress(DatabaseError):
                    connection.close()
            self._stopping.wait(_RETRY_S)
        connection.close()

    def _tick_while_held(self, lock: Lock) -> None:
        """Needs the lock."""
        pool = _Pool(len(self._app.conf.beat_schedule))
        beat = Service(
            self._app, max_interval=_LONGEST_NAP_S, scheduler_cls=type("Beat", (_InProcess,), {"pool": pool})
        )
        ticking = threading.Thread(target=beat.start, name="clock-beat", daemon=True)
        ticking.start()
        try:
            while not self._stopping.wait(_RETRY_S) and lock.is_held() and ticking.is_alive():
                pass
        finally:
            beat.stop()
            ticking.join()
            pool.stop()
            with contextlib.suppress(DatabaseError):
                lock.release()
