"""The database itself refuses to change, remove or replace an event, whoever asks and however."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, IntegrityError, connection, transaction

from common.db import upsert
from ledger import append_only, store
from ledger.models import Event, Stream
from ledger.runtime import Runtime
from ledger.tests.counter import ANN, Add
from ledger.tests.meddling import disarmed, rows, sql

COLUMNS = ("stream_id", "seq", "type", "version", "payload", "actor", "command_id", "at", "hash")
NAMES = ", ".join(COLUMNS)
ALL = "SELECT * FROM ledger_event ORDER BY stream_id, seq"


@pytest.fixture
def history(runtime: Runtime, stream: UUID) -> UUID:
    """A stream with three events."""
    for _ in range(2):
        runtime.execute(stream, Add(1), ANN)
    return stream


@contextmanager
def refused() -> Iterator[None]:
    """What happens inside is refused by the database, and leaves every event as it was."""
    before = rows(ALL)
    with pytest.raises(DatabaseError, match=r"append-only|permission denied"), transaction.atomic():
        yield
    assert rows(ALL) == before
    assert len(before) == 3


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_is_updated(history: UUID, column: str) -> None:
    with refused():
        sql(f"UPDATE ledger_event SET {column} = {column}")
    with refused():
        sql(f"UPDATE ledger_event SET {column} = {column} WHERE stream_id = %s AND seq = 2", history)


def insert(*, how: str = "", tail: str = "", **changes: str) -> str:
    """Event 2 once more, with other values in some columns."""
    values = ", ".join(changes.get(name, name) for name in COLUMNS)
    return f"INSERT {how} INTO ledger_event ({NAMES}) SELECT {values} FROM ledger_event WHERE seq = 2 {tail}"


def first_event() -> Event:
    return Event.objects.order_by("seq")[0]


def change_by_save() -> None:
    event = first_event()
    event.payload = "{}"
    event.save()


def change_by_bulk_update() -> None:
    event = first_event()
    event.payload = "{}"
    Event.objects.bulk_update([event], ["payload"])


def upsert_by_bulk_create() -> None:
    event = first_event()
    event.payload = "{}"
    Event.objects.bulk_create(
        [event], update_conflicts=True, update_fields=["payload"], unique_fields=["stream_id", "seq"]
    )


def upsert_as_projections_do() -> None:
    event = first_event()
    row = tuple("{}" if name == "payload" else getattr(event, name) for name in store.EVENTS.columns)
    upsert(connection, store.EVENTS, [row])


UPDATE = "ON CONFLICT (stream_id, seq) DO UPDATE SET payload = excluded.payload"
WAYS: dict[str, Callable[[], Any]] = {
    "delete all": lambda: sql("DELETE FROM ledger_event"),
    "delete one": lambda: sql("DELETE FROM ledger_event WHERE seq = 2"),
    "delete by subquery": lambda: sql("DELETE FROM ledger_event WHERE seq IN (SELECT max(seq) FROM ledger_event)"),
    "upsert": lambda: sql(insert(tail=f"AND true {UPDATE}", payload="'{}'")),
    "orm update": lambda: Event.objects.update(payload="{}"),
    "orm filtered update": lambda: Event.objects.filter(seq=2).update(actor="eve"),
    "orm delete": lambda: Event.objects.all().delete(),
    "orm filtered delete": lambda: Event.objects.filter(seq=3).delete(),
    "orm raw delete": lambda: Event.objects.filter(seq=3)._raw_delete("default"),
    "instance delete": lambda: first_event().delete(),
    "instance save": change_by_save,
    "bulk_update": change_by_bulk_update,
    "bulk_create with update_conflicts": upsert_by_bulk_create,
    "common.db.upsert": upsert_as_projections_do,
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_around(history: UUID, way: str) -> None:
    with refused():
        WAYS[way]()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own words")
@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        insert(how="OR REPLACE"),
        insert().replace("INSERT", "REPLACE", 1),
        insert(how="OR IGNORE"),
        "UPDATE OR REPLACE ledger_event SET seq = 2 WHERE seq = 1",
        "UPDATE OR IGNORE ledger_event SET seq = 2 WHERE seq = 1",
    ],
)
def test_sqlite_replaces_nothing(history: UUID, statement: str, recursive_triggers: str) -> None:
    """REPLACE deletes without a word from the delete trigger unless recursive_triggers is on."""
    sql(f"PRAGMA recursive_triggers = {recursive_triggers}")
    try:
        with refused():
            sql(statement)
    finally:
        sql("PRAGMA recursive_triggers = ON")


MERGE = (
    "MERGE INTO ledger_event e USING (SELECT 2 AS seq) n ON e.seq = n.seq WHEN MATCHED THEN UPDATE SET payload = '{}'"
)


@pytest.mark.postgresql
@pytest.mark.parametrize("role", ["origin", "replica", "local"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_event SET payload = '{}'",
        "DELETE FROM ledger_event",
        "WITH gone AS (DELETE FROM ledger_event RETURNING *) SELECT count(*) FROM gone",
        "TRUNCATE ledger_event",
        "TRUNCATE ledger_event CASCADE",
        "TRUNCATE ledger_stream, ledger_event",
        MERGE,
    ],
)
def test_postgresql_refuses_even_a_superuser_in_any_replication_role(
    history: UUID, statement: str, role: str
) -> None:
    with refused():
        sql(f"SET LOCAL session_replication_role = {role}")
        sql(statement)


@contextmanager
def meddler(*grants: str) -> Iterator[None]:
    """As a role that owns nothing and was granted these."""
    sql("DROP ROLE IF EXISTS meddler")
    sql("CREATE ROLE meddler")
    sql("GRANT USAGE ON SCHEMA public TO meddler")
    sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO meddler")
    for grant in grants:
        sql(f"GRANT {grant} TO meddler")
    try:
        with transaction.atomic():
            sql("SET LOCAL ROLE meddler")
            yield
    finally:
        sql("DROP OWNED BY meddler")
        sql("DROP ROLE meddler")


GRANT = "{} ON ledger_event"


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("grant", "statement"),
    [
        ("DELETE", "DELETE FROM ledger_event"),
        ("UPDATE", "UPDATE ledger_event SET payload = '{}'"),
        ("TRUNCATE", "TRUNCATE ledger_event"),
        ("ALL", "ALTER TABLE ledger_event DISABLE TRIGGER ALL"),
        ("ALL", "DROP TRIGGER ledger_event_no_change ON ledger_event"),
    ],
)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_a_role_that_does_not_own_the_table_changes_nothing_whatever_it_was_granted(
    history: UUID, grant: str, statement: str, *, is_deleted: bool
) -> None:
    if is_deleted:
        Stream.objects.update(deleted_at=5)
    before = rows(ALL)
    refusal = pytest.raises(DatabaseError, match=r"append-only|permission denied|must be owner")
    with refusal, meddler(GRANT.format(grant)):
        sql(statement)
    assert rows(ALL) == before
    Stream.objects.update(deleted_at=None)


@pytest.mark.postgresql
def test_a_role_that_brings_its_own_functions_and_tables_changes_nothing(history: UUID) -> None:
    """The trigger must not look for pg_has_role, or for the stream, along the path that a meddler chose."""
    sql("CREATE SCHEMA evil")
    try:
        sql("CREATE FUNCTION evil.pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        sql("CREATE TABLE evil.ledger_stream AS SELECT id, 5::bigint AS deleted_at FROM ledger_stream")
        before = rows(ALL)
        grants = (GRANT.format("DELETE"), "USAGE ON SCHEMA evil", "SELECT ON evil.ledger_stream")
        with meddler(*grants):
            sql("SET LOCAL search_path = evil, pg_catalog, public")
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                sql("DELETE FROM public.ledger_event")
        assert rows(ALL) == before
    finally:
        sql("DROP SCHEMA evil CASCADE")


def test_an_event_twice_is_refused(history: UUID) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        sql(insert())
    assert Event.objects.count() == 3


def test_a_seq_below_one_is_refused(history: UUID) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        sql(insert(seq="0"))
    assert Event.objects.count() == 3


# Triggers that got lost

LOSSES = {
    "sqlite": {name: f"DROP TRIGGER {name}" for name in sorted(append_only.TRIGGERS["sqlite"])},
    "postgresql": {
        **{name: f"DROP TRIGGER {name} ON ledger_event" for name in sorted(append_only.TRIGGERS["postgresql"])},
        "disabled": "ALTER TABLE ledger_event DISABLE TRIGGER ALL",
        "one disabled": "ALTER TABLE ledger_event DISABLE TRIGGER ledger_event_no_change",
        "not always": "ALTER TABLE ledger_event ENABLE TRIGGER ledger_event_no_change",
        "on replicas": "ALTER TABLE ledger_event ENABLE REPLICA TRIGGER ledger_event_no_truncate",
        "function gone": "DROP FUNCTION ledger_event_forbid CASCADE",
    },
}


@pytest.mark.parametrize("how", LOSSES[connection.vendor])
def test_a_trigger_that_got_lost_is_reported_by_check_and_verify_and_mended_by_rearm(
    history: UUID, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    with disarmed():
        append_only.arm(connection)
        call_command("check", databases=["default"])
        sql(LOSSES[connection.vendor][how])
        with pytest.raises(SystemCheckError, match=r"ledger\.E001"):
            call_command("check", databases=["default"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            call_command("verify")
        assert left.value.code == 1
        assert "triggers" in capsys.readouterr().err
        call_command("rearm")
        assert "Rearmed: ledger_event_no" in capsys.readouterr().out
        call_command("check", databases=["default"])
        call_command("verify")
        with refused():
            sql("DELETE FROM ledger_event")
        with refused():
            sql("UPDATE ledger_event SET actor = 'eve'")
    call_command("rearm")
    assert "All triggers stand." in capsys.readouterr().out


SWAPPED = {
    "sqlite": [
        "CREATE TRIGGER ledger_event_no_update BEFORE UPDATE ON ledger_event BEGIN SELECT 1; END",
        (
            "CREATE TRIGGER ledger_event_no_update BEFORE UPDATE OF actor ON ledger_event"
            " BEGIN SELECT RAISE(ABORT, 'ledger events are append-only'); END"
        ),
    ],
    "postgresql": [
        (
            "CREATE OR REPLACE FUNCTION ledger_event_forbid() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN NEW; END $$"
        ),
        (
            "CREATE OR REPLACE TRIGGER ledger_event_no_change BEFORE UPDATE OF actor ON ledger_event"
            " FOR EACH ROW EXECUTE FUNCTION ledger_event_forbid();"
            "ALTER TABLE ledger_event ENABLE ALWAYS TRIGGER ledger_event_no_change"
        ),
        (
            "CREATE OR REPLACE TRIGGER ledger_event_no_change BEFORE UPDATE OR DELETE ON ledger_event"
            " FOR EACH ROW WHEN (false) EXECUTE FUNCTION ledger_event_forbid();"
            "ALTER TABLE ledger_event ENABLE ALWAYS TRIGGER ledger_event_no_change"
        ),
    ],
}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_does_something_else_under_the_same_name_is_missing(number: int) -> None:
    statements = SWAPPED[connection.vendor]
    statement = statements[number % len(statements)]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER ledger_event_no_update")
        cursor.execute(statement)
    try:
        assert append_only.missing(connection)
        call_command("rearm")
        assert append_only.missing(connection) == set()
    finally:
        append_only.disarm(connection)
        append_only.arm(connection)
