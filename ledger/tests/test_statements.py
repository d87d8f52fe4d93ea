"""A batch costs the same number of statements whatever its size. tests/architecture counts those of a market."""

import sqlite3
from collections.abc import Awaitable, Sequence
from typing import Any
from uuid import UUID

import pytest
from django.db.backends.signals import connection_created

from common.errors import DomainError
from ledger.domain import Committed
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, Nothing
from ledger.tests.crowd import in_one_batch
from ledger.tests.statements import noted
from ledger.tickets import BulkOutcome, Item, Outcome, fingerprint

SIZES = (1, 10, 100, 250)


def batch_of(runtime: Runtime, stream: UUID, size: int, mark: str) -> list[str]:
    """The statements of one batch of `size` additions to as many counters, under ids that begin with `mark`."""

    def calls() -> list[Awaitable[Outcome]]:
        return [runtime.aexecute(stream, Add(1, f"c{n}"), ANN, command_id=f"{mark}{n}") for n in range(size)]

    answers, sent = in_one_batch(runtime, stream, Nothing(), calls)
    assert all(isinstance(answer, Outcome) for answer in answers)
    return sent


def test_a_batch_takes_as_many_statements_whatever_its_size(runtime: Runtime, stream: UUID) -> None:
    counts = {size: len(batch_of(runtime, stream, size, f"{size}/")) for size in SIZES}
    assert len(set(counts.values())) == 1, counts
    assert counts[1] <= 8, counts


def test_a_batch_of_repeats_takes_as_many_statements_whatever_its_size(runtime: Runtime, stream: UUID) -> None:
    batch_of(runtime, stream, 250, "")
    counts = {size: len(batch_of(runtime, stream, size, "")) for size in SIZES}
    assert len(set(counts.values())) == 1, counts


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
