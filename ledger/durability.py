"""What we ask of the database's disk: that commits wait for it, and that it has room."""

import sqlite3
import time
from typing import Any

import psycopg
from django.core import checks
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DatabaseError

_QUESTIONS = {
    "postgresql": {name: f"SHOW {name}" for name in ("fsync", "synchronous_commit", "full_page_writes")},
    "sqlite": {"synchronous": "PRAGMA synchronous"},
}
_CARELESS = {"off", 0, 1}
"""SQLite's OFF and NORMAL: with a journal written ahead, NORMAL may forget the last commits when the power fails."""
NO_ROOM = "The database's disk is full; nothing was changed."
_LATELY_NS = 3_000_000_000


def careless(connection: BaseDatabaseWrapper) -> list[str]:
    """The settings with which an acknowledged command may be forgotten when the power fails."""
    found = []
    with connection.cursor() as cursor:
        for name, question in _QUESTIONS[connection.vendor].items():
            cursor.execute(question)
            if cursor.fetchone()[0] in _CARELESS:
                found.append(name)
    return found


class Room:
    """Whether the database had room for what this process wrote lately. Any thread may tell and ask."""

    def __init__(self) -> None:
        self._lacking_until = 0

    def refused(self, error: BaseException) -> bool:
        """Whether this error says that the disk is full; then nothing of the transaction is there, even at COMMIT."""
        cause = error.__cause__
        is_full = isinstance(cause, psycopg.errors.DiskFull) or (
            isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        )
        if is_full:
            self._lacking_until = time.monotonic_ns() + _LATELY_NS
        return is_full

    @property
    def is_lacking(self) -> bool:
        """Whether a write was refused in the last seconds."""
        return time.monotonic_ns() < self._lacking_until


room = Room()


def register_check() -> None:
    """Look at every start of a server."""

    @checks.register(checks.Tags.database)
    def waits_for_the_disk(databases: Any = None, **_: Any) -> list[checks.CheckMessage]:
        messages: list[checks.CheckMessage] = []
        for alias in databases or []:
            try:
                found = careless(connections[alias])
            except DatabaseError:
                continue  # a database that does not answer is somebody else's message
            if found:
                text = f"The database does not wait for the disk ({', '.join(found)}): commits may be lost."
                messages.append(checks.Warning(text, hint="Switch it on, but for tests.", id="ledger.W001"))
        return messages
