"""The check that the database waits for the disk before it says that something is committed."""

from typing import Any

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


def careless(connection: BaseDatabaseWrapper) -> list[str]:
    """The settings with which an acknowledged command may be forgotten when the power fails."""
    found = []
    with connection.cursor() as cursor:
        for name, question in _QUESTIONS[connection.vendor].items():
            cursor.execute(question)
            if cursor.fetchone()[0] in _CARELESS:
                found.append(name)
    return found


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
