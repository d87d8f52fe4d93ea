"""The triggers that keep events as they were written: arming, disarming, and the check that they stand."""

from pathlib import Path
from typing import Any

from django.core import checks
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DatabaseError

_SQL = Path(__file__).parent / "sql"
TRIGGERS = {
    "postgresql": {"ledger_event_no_change", "ledger_event_no_truncate"},
    "sqlite": {"ledger_event_no_update", "ledger_event_no_delete", "ledger_event_no_replace"},
}


def arm(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers."""
    _run(connection, "arm.sql")


def disarm(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers. For migrations, and for tests that empty the tables; nothing else calls it."""
    _run(connection, "disarm.sql")


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """The names of the triggers that should stand and don't, or don't fire."""
    query = {
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A' AND tgrelid = to_regclass('ledger_event')",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_event'",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(query)
        return TRIGGERS[connection.vendor] - {row[0] for row in cursor.fetchall()}


def _run(connection: BaseDatabaseWrapper, name: str) -> None:
    script = (_SQL / connection.vendor / name).read_text()
    with connection.cursor() as cursor:
        for statement in script.split("\n--;\n"):
            cursor.execute(statement)


def register_check() -> None:
    """A table rebuilt by a migration loses its triggers without a word: look at every start."""

    @checks.register(checks.Tags.database)
    def triggers_stand(databases: Any = None, **_: Any) -> list[checks.CheckMessage]:
        messages: list[checks.CheckMessage] = []
        for alias in databases or []:
            connection = connections[alias]
            try:
                lost = missing(connection) if "ledger_event" in connection.introspection.table_names() else set()
            except DatabaseError:
                continue  # a database that does not answer is somebody else's message
            if lost:
                text = f"Triggers that keep the ledger append-only are missing: {', '.join(sorted(lost))}."
                messages.append(checks.Error(text, hint="Run: manage.py rearm", id="ledger.E001"))
        return messages
