"""Rows are written as they are on both databases, whatever their texts and numbers look like."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.db import Row, Table, Write, insert, upsert, write
from ledger.models import Snapshot, Stream
from ledger.tests.counter import CounterRow

pytestmark = pytest.mark.usefixtures("counters")
COUNTERS, STREAMS, SNAPSHOTS = Table(CounterRow), Table(Stream), Table(Snapshot)
NASTY = [
    "", " ", "NULL", "null", "{}", "{", "}", ",", '"', '""', "\\", '\\"', "\\\\", "'", "%s", "%", "%%", "\n", "\r\t",
    "ä€𝄞", "a,b", '{"a":1}', "\x7f\x1b", "$1", "--", ";", "''", "\u2028", "NaN", "0", "\\N", "\\x41", "(a,b)",
]  # fmt: skip
NUMBERS = [0, 1, -1, (1 << 63) - 1, -(1 << 63)]


def stored(stream: UUID) -> list[tuple[str, int]]:
    return sorted(CounterRow.objects.filter(stream_id=stream).values_list("name", "value"))


def test_any_text_comes_back_as_it_was() -> None:
    stream = uuid4()
    rows = [(stream, name, NUMBERS[number % 5]) for number, name in enumerate(NASTY)]
    insert(connection, COUNTERS, rows)
    assert stored(stream) == sorted((name, value) for _, name, value in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=32),
        st.integers(-(1 << 63), (1 << 63) - 1),
        min_size=1,
        max_size=20,
    )
)
def test_random_texts_and_numbers_come_back_as_they_were(cells: dict[str, int]) -> None:
    stream = uuid4()
    insert(connection, COUNTERS, [(stream, *cell) for cell in cells.items()])
    assert dict(stored(stream)) == cells


def test_nothing_and_a_missing_value_are_told_apart() -> None:
    rows: list[Row] = [
        (uuid4(), "counter", "null", 0, "h", 0, 0, 0, 1, None, None, None),
        (uuid4(), "counter", "NULL", 0, "h", 0, 0, 0, 2, 5, 0, 7),
    ]
    insert(connection, STREAMS, rows)
    found = Stream.objects.order_by("created_at").values_list(*[field.attname for field in Stream._meta.fields])
    assert [tuple(row) for row in found] == rows
    Stream.objects.all().delete()


def test_an_upsert_replaces_every_other_column_and_leaves_other_rows_alone() -> None:
    stream, other = uuid4(), uuid4()
    insert(connection, COUNTERS, [(stream, "a", 1), (stream, "b", 2), (other, "a", 3)])
    upsert(connection, COUNTERS, [(stream, "a", 10), (stream, "c", 30)])
    assert stored(stream) == [("a", 10), ("b", 2), ("c", 30)]
    assert stored(other) == [("a", 3)]


def test_an_insert_of_a_key_that_is_there_is_refused_and_writes_nothing_of_its_statement() -> None:
    stream = uuid4()
    insert(connection, COUNTERS, [(stream, "b", 2)])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(connection, COUNTERS, [(stream, "a", 1), (stream, "b", 3)])
    assert stored(stream) == [("b", 2)]


def test_several_tables_and_a_last_word_are_written_together() -> None:
    stream = uuid4()
    last = ("UPDATE ledger_tests_counter SET value = %s WHERE name = %s", [77, "elsewhere"])
    insert(connection, COUNTERS, [(uuid4(), "elsewhere", 1)])
    writes = [
        Write(COUNTERS, [(stream, "a", 1)], replaces=True),
        Write(SNAPSHOTS, []),
        Write(STREAMS, [(stream, "counter", "x", 0, "", 0, 0, 0, 0, 1, 1, None)]),
    ]
    with transaction.atomic():
        write(connection, writes, last)
    assert stored(stream) == [("a", 1)]
    assert Stream.objects.get().id == stream
    assert CounterRow.objects.get(name="elsewhere").value == 77
    Stream.objects.all().delete()


def test_nothing_to_write_is_no_statement() -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a statement")

    with connection.execute_wrapper(refuse):
        write(connection, [])
        write(connection, [Write(COUNTERS, [])])


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ["\0", "a\0b", "\0\0"])
def test_a_nul_is_refused_and_never_splits_a_text_in_two(name: str) -> None:
    for names in ([name], ["a", name], [name, "b", "c"]):
        with pytest.raises((ValueError, IntegrityError)):
            insert(connection, COUNTERS, [(uuid4(), each, 1) for each in names])
    assert not CounterRow.objects.exists()
