"""A batch costs the same number of statements whatever its size. tests/architecture counts those of a market."""

import sqlite3
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from django.db.backends.signals import connection_created

from common.errors import DomainError
from ledger.domain import Committed
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add
from ledger.tests.crowd import gathered
from ledger.tests.statements import noted
from ledger.tickets import BulkOutcome, Item, Outcome, fingerprint

SIZES = (1, 10, 100, 250)


def batch_of(runtime: Runtime, stream: UUID, size: int, mark: str) -> list[str]:
    """The statements of one batch of `size` additions to as many counters, under ids that begin with `mark`."""
    before = runtime.counters.batches
    with noted() as sent:
        calls = range(size)
        gathered(lambda: [runtime.aexecute(stream, Add(1, f"c{n}"), ANN, command_id=f"{mark}{n}") for n in calls])
    assert runtime.counters.batches - before <= 2, "the first may go ahead alone"
    return sent


def in_one_batch(runtime: Runtime, stream: UUID, size: int, mark: str) -> list[str]:
    for attempt in range(20):
        before = runtime.counters.batches
        sent = batch_of(runtime, stream, size, f"{mark}{attempt}/")
        if runtime.counters.batches == before + 1:
            return sent
    raise AssertionError("the tickets never came to one batch")


def test_a_batch_takes_as_many_statements_whatever_its_size(runtime: Runtime, stream: UUID) -> None:
    in_one_batch(runtime, stream, 1, "warm-up")
    counts = {size: len(in_one_batch(runtime, stream, size, f"{size}/")) for size in SIZES}
    assert len(set(counts.values())) == 1, counts
    assert counts[1] <= 8, counts


def test_a_batch_of_repeats_takes_as_many_statements_whatever_its_size(runtime: Runtime, stream: UUID) -> None:
    batch_of(runtime, stream, 250, "")
    counts = set()
    for size in SIZES:
        before = runtime.counters.batches
        while True:
            sent = batch_of(runtime, stream, size, "")
            if runtime.counters.batches == before + 1:
                break
            before = runtime.counters.batches
        counts.add(len(sent))
    assert len(counts) == 1, counts


def bulk(runtime: Runtime, stream: UUID, size: int, command_id: str, *, scope: str = "") -> BulkOutcome:
    commands = [Add(1, f"c{number}") for number in range(size)]
    items = [Item(cmd, f"{command_id}-{n}", scope, fingerprint(cmd)) for n, cmd in enumerate(commands)]
    return runtime.execute_bulk(stream, items, ANN, command_id=command_id)


def events_of(result: Outcome | DomainError) -> Sequence[Committed]:
    assert isinstance(result, Outcome)
    return result.events


@pytest.mark.parametrize("scope", ["", "own"])
def test_a_bulk_and_its_repeat_take_as_many_statements_whatever_their_size(
    runtime: Runtime, stream: UUID, scope: str
) -> None:
    counts, repeats = set(), set()
    for size in SIZES:
        with noted() as sent:
            first = bulk(runtime, stream, size, f"bulk {size}", scope=scope)
        counts.add(len(sent))
        with noted() as sent:
            again = bulk(runtime, stream, size, f"bulk {size}", scope=scope)
        repeats.add(len(sent))
        assert again.replayed
        assert [events_of(result) for result in again.results] == [events_of(result) for result in first.results]
    assert len(counts) == 1, counts
    assert len(repeats) == 1, repeats


def test_any_number_of_ids_is_looked_up_at_once(make_runtime: MakeRuntime) -> None:
    """SQLite limits the variables of a statement, as low as 32766 here and there: 40 bulks would be more."""

    def limit(connection: Any, **_: Any) -> None:
        if connection.vendor == "sqlite":
            connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 200)

    connection_created.connect(limit)
    try:
        runtime = make_runtime()
        stream = open_counter(runtime)
        outcome = bulk(runtime, stream, 400, "large", scope="own")
        assert len(outcome.results) == 400
        assert bulk(runtime, stream, 400, "large", scope="own").replayed
    finally:
        connection_created.disconnect(limit)
