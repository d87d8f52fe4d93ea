"""Deleting a stream: a tombstone, then nothing but its events; then purge, of tombstoned streams alone."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from common.errors import DomainError
from ledger import platform
from ledger.models import Command, Event, Snapshot, Stream
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, BOB, Add, CounterRow, Open
from ledger.tests.crowd import together
from ledger.tests.meddling import sql
from ledger.tickets import Opens
from ledger.verify import verify_all


def delete(stream: UUID, *, command_id: str = "") -> None:
    platform.delete_stream(stream, ANN, name=str(stream), reason="a test", command_id=command_id)


@pytest.fixture
def history(make_runtime: MakeRuntime) -> UUID:
    runtime = make_runtime(snapshot_every=2)
    stream = open_counter(runtime)
    for _ in range(4):
        runtime.execute(stream, Add(1), ANN)
    return stream


def test_a_deleted_stream_leaves_its_events_and_no_rows(history: UUID) -> None:
    delete(history)
    row = Stream.objects.get(id=history)
    assert row.deleted_at == platform.tombstone(history)
    assert Event.objects.filter(stream_id=history).count() == 5
    assert not CounterRow.objects.exists()
    assert list(verify_all()) == []


def test_a_deleted_stream_takes_no_commands_and_answers_no_repeats(runtime: Runtime, stream: UUID) -> None:
    runtime.execute(stream, Add(1), ANN, command_id="mine")
    delete(stream)
    for command_id in ("", "mine"):
        with pytest.raises(DomainError) as refused:
            runtime.execute(stream, Add(1), ANN, command_id=command_id)
        assert refused.value.code == "deleted"


def test_deleting_twice_is_refused_and_repeating_is_not(history: UUID) -> None:
    delete(history, command_id="mine")
    delete(history, command_id="mine")
    with pytest.raises(DomainError) as refused:
        delete(history)
    assert refused.value.code == "deleted"
    assert Event.objects.filter(type="StreamDeleted").count() == 1


def test_a_name_is_free_again_after_deletion_for_a_fresh_stream(runtime: Runtime) -> None:
    first = runtime.open(Opens("counter", "x"), Open("x"), ANN).stream
    with pytest.raises(DomainError):
        runtime.open(Opens("counter", "x"), Open("x"), ANN)
    delete(first)
    assert runtime.open(Opens("counter", "x"), Open("x"), ANN).stream != first


def test_deleting_and_writing_at_once_end_in_one_order(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime()
    stream = open_counter(runtime)

    def work(number: int) -> int:
        if number == 0:
            delete(stream)
            return 0
        for done in range(50):
            try:
                runtime.execute(stream, Add(1), BOB)
            except DomainError:
                return done
        return 50

    answers = together(6, work)
    assert Event.objects.filter(stream_id=stream).count() == 1 + sum(n for n in answers if isinstance(n, int))
    assert not CounterRow.objects.exists(), "nobody wrote a row after the deletion"
    assert list(verify_all()) == []


# purge


def counts(stream: UUID) -> list[int]:
    return [model._default_manager.filter(stream_id=stream).count() for model in (Event, Command, Snapshot)]


def test_purge_removes_what_is_left_of_deleted_streams_and_of_no_others(
    history: UUID, runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    live = open_counter(runtime)
    delete(history)
    call_command("purge", "--dry-run")
    said = capsys.readouterr().out
    assert f"counter {history} ({history}): 5 events would go" in said
    assert "5 events of 1 deleted streams found." in said
    assert counts(history) == [5, 5, 2]
    call_command("purge")
    assert "5 events of 1 deleted streams purged." in capsys.readouterr().out
    assert counts(history) == [0, 0, 0]
    assert counts(live)[0] == 1
    assert Stream.objects.get(id=history).purged_at
    assert list(verify_all()) == []
    call_command("purge")
    assert "0 events of 0 deleted streams purged." in capsys.readouterr().out


def test_purge_keeps_the_tombstones(history: UUID) -> None:
    delete(history)
    call_command("purge")
    assert platform.tombstone(history)


def test_a_stream_marked_as_deleted_without_a_tombstone_is_not_purged(history: UUID) -> None:
    Stream.objects.filter(id=history).update(deleted_at=5)
    with pytest.raises(CommandError, match="has no tombstone"):
        call_command("purge")
    assert counts(history) == [5, 5, 2]
    assert "field deleted_at says 5" in str(next(verify_all()))
    Stream.objects.filter(id=history).update(deleted_at=None)


def test_the_triggers_refuse_the_events_of_a_live_stream_beside_a_deleted_one(
    history: UUID, runtime: Runtime
) -> None:
    live = open_counter(runtime)
    delete(history)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql("DELETE FROM ledger_event WHERE stream_id IN (%s, %s)", history, live)
    assert (counts(history)[0], counts(live)[0]) == (5, 1)


def test_a_deleted_streams_events_are_still_never_changed(history: UUID) -> None:
    delete(history)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql("UPDATE ledger_event SET actor = 'eve' WHERE stream_id = %s", history)


def test_a_first_deletion_by_several_at_once_opens_one_platform_stream(runtime: Runtime) -> None:
    streams = [open_counter(runtime) for _ in range(6)]
    actions: list[Callable[[], None]] = [lambda stream=stream: delete(stream) for stream in streams]  # type: ignore[misc]
    assert together(6, lambda number: actions[number]()) == [None] * 6
    assert Stream.objects.get(domain="platform").seq == 6
