"""What every test may use: actors, sessions built by commands, and the check that rows equal the folded events."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import Style
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations
from pytest_django.plugin import DjangoDbBlocker

from ledger import append_only
from ledger.models import Stream
from ledger.runtime import runtime
from markets import seats
from tests.guarantees.sizes import FULL


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that meets no database tells the same on each of them: it runs once, with SQLite. So do most tests of
    pages, unless FULL=1: what they ask of the database, the API's and the handlers' tests ask of both.
    """
    if connection.vendor == "sqlite":
        return
    meeting = [item for item in items if _meets_a_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(meeting)])
    items[:] = meeting


_TESTS = Path(__file__).parent / "tests"
_OF_THEIR_OWN = (_TESTS / "journeys", _TESTS / "production/test_settings.py")
"""They start programs on SQLite files of their own, whatever the tier's database."""
_PAGES = tuple(_TESTS.parent / folder for folder in ("markets/web", "markets/tests/admin", "predictions/web"))
_PAGES_ON_BOTH = {"test_console.py", "test_exports.py", "test_fragments.py", "test_resolving.py"}


def _meets_a_database(item: pytest.Item) -> bool:
    if any(item.path.is_relative_to(path) for path in _OF_THEIR_OWN):
        return False
    if not FULL and any(item.path.is_relative_to(path) for path in _PAGES) and item.path.name not in _PAGES_ON_BOTH:
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    is_whole = item.path.is_relative_to(_TESTS)  # these start programs on the tier's database
    return is_whole or bool(fixtures & {"db", "transactional_db"}) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Nothing to modify; the flush below is the only liberty that tests take."""


@pytest.fixture(scope="session", autouse=True)
def _flush_past_the_triggers() -> Iterator[None]:
    """Transactional tests empty all tables: disarm the append-only triggers for that moment, and only for it."""
    execute = BaseDatabaseOperations.execute_sql_flush

    def disarmed(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        append_only.disarm(self.connection)
        try:
            execute(self, sql_list)
        finally:
            append_only.arm(self.connection)

    patch = pytest.MonkeyPatch()
    patch.setattr(BaseDatabaseOperations, "execute_sql_flush", disarmed)
    patch.setattr(flush, "sql_flush", _deletes)
    patch.setattr(flush, "emit_post_migrate_signal", lambda *_, **__: None)
    yield
    patch.undo()


def _deletes(_style: Style, database: BaseDatabaseWrapper, **_: bool) -> list[str]:
    """Of what tests wrote. What migrations wrote stays: writing it anew took longer than most tests."""
    kept = {ContentType._meta.db_table, Permission._meta.db_table}
    tables = [
        database.ops.quote_name(table)
        for table in database.introspection.django_table_names(only_existing=True, include_views=False)
        if table not in kept
    ]
    with database.cursor() as cursor:
        used = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)  # noqa: S608  no input
        cursor.execute(" UNION ALL ".join(used))
        return [f"DELETE FROM {table}" for (table,) in cursor.fetchall()]  # noqa: S608


@pytest.fixture(autouse=True)
def _fresh_runtime() -> Iterator[None]:
    """No warm state outlives the rows it was folded from, and no seat its session."""
    yield
    runtime.forget()
    seats.forget()


@pytest.fixture(scope="session", autouse=True)
def _writers_stop_at_the_end(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The writers' connections would keep the test database from being dropped; so would a socket's thread that is
    slow to give its own back.
    """
    yield
    runtime.stop()
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(_LEFT)
    connection.close()


_LEFT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def ledger(transactional_db: None) -> Iterator[None]:
    """A test that executes commands. Ends by checking that every stream's rows equal its folded events."""
    from ledger.verify import drift

    yield
    for stream in Stream.objects.filter(deleted_at=None):
        assert list(drift(stream)) == []
