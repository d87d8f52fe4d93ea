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
    """The names of the triggers that should stand and don't, don't fire, or do something else than ours."""
    script = (_SQL / connection.vendor / "arm.sql").read_text()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            body = script.split("$$")[1]
            cursor.execute(_STANDING, [body])
            standing = {name for (name,) in cursor.fetchall()}
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_event'")
            standing = {name for name, text in cursor.fetchall() if text in script}
    return TRIGGERS[connection.vendor] - standing


# BEFORE UPDATE OR DELETE of any column of each row, BEFORE TRUNCATE; always, unconditionally, with our function
_STANDING = """
    SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE t.tgrelid = to_regclass('ledger_event') AND t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr = ''
       AND t.tgtype = CASE t.tgname WHEN 'ledger_event_no_change' THEN 27 WHEN 'ledger_event_no_truncate' THEN 34 END
       AND p.proname = 'ledger_event_forbid' AND p.prosrc = %s
"""


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
