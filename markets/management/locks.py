"""Locks that one process of many holds, until it lets go or dies: for what must happen in one place only."""

import contextlib
import fcntl
from pathlib import Path
from typing import IO, Any, Protocol

import psycopg
from django.db import OperationalError, connection

_FIRST_NUMBER = 0x5E5510C0
_PURPOSES = ("clock", "beat", "standby")


class Lock(Protocol):
    """Held by one process at a time. Used by one thread of it."""

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
    """In PostgreSQL, for as long as a connection of its own lives: none of the pool's, which others would inherit."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._connection: psycopg.Connection[Any] | None = None

    def take(self) -> bool:
        """Whether it is ours now. Raises OperationalError where the database does not answer."""
        try:
            own = self._connected()
            row = own.execute("SELECT pg_try_advisory_lock(%s)", [self._number]).fetchone()
        except psycopg.Error as error:
            self.release()
            raise OperationalError(str(error)) from error
        return bool(row and row[0])

    def is_held(self) -> bool:
        """A lost connection holds nothing."""
        try:
            return self._connection is not None and self._connection.execute("SELECT 1").fetchone() is not None
        except psycopg.Error:
            self.release()
            return False

    def release(self) -> None:
        own, self._connection = self._connection, None
        if own is not None:
            with contextlib.suppress(psycopg.Error):
                own.close()

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None:
            told = connection.get_connection_params()
            wanted = {name: value for name, value in told.items() if name not in _DJANGOS_OWN}
            self._connection = psycopg.connect(**{**_SHORT_SILENCE, **wanted}, autocommit=True)
        return self._connection


_DJANGOS_OWN = {"client_encoding", "context", "cursor_factory", "prepare_threshold"}
_SHORT_SILENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""Seconds after which a database that says nothing counts as lost."""


def lock_of_database(purpose: str = "clock") -> Lock:
    """The lock for `purpose` (clock, beat, standby) on the database in use."""
    if connection.vendor == "sqlite":
        return FileLock(Path(f"{connection.settings_dict['NAME']}.{purpose}"))
    return AdvisoryLock(_FIRST_NUMBER + _PURPOSES.index(purpose))
