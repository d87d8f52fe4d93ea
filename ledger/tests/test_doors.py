"""execute and aexecute: they own the transaction, and nobody hears anything before COMMIT."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, transaction

from common.errors import DomainError
from common.events import Event
from ledger import runtime as module
from ledger import store
from ledger.models import Command, Stream
from ledger.models import Event as EventRow
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime
from ledger.tests.counter import ANN, BOB, COUNTERS, Add, Added, CounterRow, Nothing, Open
from ledger.tests.crowd import Gate, held, together, wait_for_tickets
from ledger.tickets import Opens


def test_an_outcome_tells_what_happened(runtime: Runtime, stream: UUID) -> None:
    outcome = runtime.execute(stream, Add(3), ANN, command_id="mine")
    assert (outcome.stream, outcome.command_id) == (stream, "mine")
    assert (outcome.first_seq, outcome.last_seq, outcome.replayed) == (2, 2, False)
    [committed] = outcome.events
    assert (committed.seq, committed.type, committed.actor) == (2, "Added", "ann")
    assert committed.event == Added(3, "a")
    assert list(store.read(COUNTERS, stream, 1)) == [committed]


def test_a_command_may_be_accepted_and_change_nothing(runtime: Runtime, stream: UUID) -> None:
    outcome = runtime.execute(stream, Nothing(), ANN, command_id="mine")
    assert (outcome.first_seq, outcome.last_seq, outcome.events) == (2, 1, [])
    assert runtime.execute(stream, Nothing(), ANN, command_id="mine") == outcome._replace(replayed=True)


def test_an_unknown_stream_is_not_found(runtime: Runtime) -> None:
    with pytest.raises(DomainError) as refused:
        runtime.execute(uuid4(), Add(1), ANN)
    assert refused.value.code == "not_found"


def test_a_refused_opening_leaves_no_stream(runtime: Runtime) -> None:
    stream = uuid4()
    with pytest.raises(DomainError):
        runtime.execute_on(stream, Opens("counter", str(stream)), Add(-1), ANN)
    assert not Stream.objects.exists()
    assert not Command.objects.exists()


def test_a_name_is_free_for_one_live_stream_only(runtime: Runtime) -> None:
    opened = runtime.open(Opens("counter", "x"), Nothing(), ANN, command_id="1")
    assert runtime.open(Opens("counter", "x"), Nothing(), ANN, command_id="1").replayed
    with pytest.raises(DomainError) as refused:
        runtime.open(Opens("counter", "x"), Nothing(), BOB, command_id="1")
    assert refused.value.code == "name_taken"
    assert [row.id for row in Stream.objects.all()] == [opened.stream]


def test_a_name_wanted_by_many_at_once_goes_to_one(make_runtime: MakeRuntime) -> None:
    runtimes = [make_runtime(writers=4), make_runtime(writers=4)]
    answers = together(12, lambda n: runtimes[n % 2].open(Opens("counter", "x"), Open("x"), ANN))
    codes = sorted(getattr(answer, "code", type(answer).__name__) for answer in answers)
    assert codes == ["Outcome"] + ["name_taken"] * 11


def test_a_stream_opened_by_many_at_once_is_opened_once(make_runtime: MakeRuntime) -> None:
    """The platform stream, say, whose id everybody knows before it exists."""
    stream, runtimes = uuid4(), [make_runtime() for _ in range(4)]
    opens = Opens("counter", str(stream))
    answers = together(8, lambda n: runtimes[n % 4].execute_on(stream, opens, Open(str(stream)), ANN))
    codes = sorted(getattr(answer, "code", type(answer).__name__) for answer in answers)
    assert codes == ["Outcome"] + ["open"] * 7


def test_execute_refuses_to_run_inside_a_transaction(runtime: Runtime, stream: UUID) -> None:
    doors: list[Callable[[], object]] = [
        lambda: runtime.execute(stream, Add(1), ANN),
        lambda: runtime.execute_bulk(stream, [], ANN),
        lambda: runtime.open(Opens("counter", "x"), Open("x"), ANN),
    ]
    for door in doors:
        with transaction.atomic(), pytest.raises(RuntimeError, match="owns the transaction"):
            door()
    assert Stream.objects.get().seq == 1
    assert runtime.execute(stream, Add(1), ANN).first_seq == 2


def test_a_coroutine_cannot_be_inside_a_transaction(runtime: Runtime, stream: UUID) -> None:
    """Django sees to that, so `aexecute` needs no more than the same look at the connection."""

    async def inside() -> None:
        with transaction.atomic():
            await runtime.aexecute(stream, Add(1), ANN)

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(inside())
    assert Stream.objects.get().seq == 1


def test_a_domain_that_calls_the_runtime_in_its_transaction_is_refused(
    runtime: Runtime, stream: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def within(events: Sequence[Event], now: int) -> None:
        runtime.execute(stream, Add(1), ANN)

    with monkeypatch.context() as patch:
        patch.setattr(COUNTERS, "within", within)
        with pytest.raises(RuntimeError, match="owns the transaction"):
            runtime.execute(stream, Add(1), ANN)
    assert runtime.execute(stream, Add(1), ANN).first_seq == 2


def test_what_within_writes_is_written_in_the_same_transaction(
    runtime: Runtime, stream: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def within(events: Sequence[Event], now: int) -> None:
        assert connection.in_atomic_block
        assert events == [Added(1, "a")]
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(COUNTERS, "within", within)
        with pytest.raises(ZeroDivisionError):
            runtime.execute(stream, Add(1), ANN)
    assert EventRow.objects.count() == 1
    assert not CounterRow.objects.exists()


def is_invisible(runtime: Runtime, stream: UUID) -> bool:
    """Whether no door shows event 2: the ring, the tables, the queries."""
    return (
        not runtime.committed.after(stream, 1)
        and not module.committed_events(stream, 1)
        and not EventRow.objects.filter(seq__gt=1).exists()
        and not CounterRow.objects.exists()
        and not Command.objects.filter(command_id__startswith="held").exists()
        and Stream.objects.get(id=stream).seq == 1
    )


def test_no_door_shows_what_is_not_committed(runtime: Runtime, stream: UUID) -> None:
    """A batch of a success and a refusal, by a thread and a coroutine, is held just before COMMIT."""
    with ThreadPoolExecutor(3) as pool, held(runtime) as gate:
        pool.submit(runtime.execute, stream, Nothing(), ANN)
        assert gate.reached.wait(10)
        calls = [
            pool.submit(runtime.execute, stream, Add(1), ANN, command_id="held 1"),
            pool.submit(lambda: asyncio.run(runtime.aexecute(stream, Add(-9), ANN, command_id="held 2"))),
        ]
        wait_for_tickets(runtime, stream, 2)
        second = runtime.before_commit = Gate()
        gate.open()
        assert second.reached.wait(10)
        assert is_invisible(runtime, stream)
        for call in calls:
            with pytest.raises(FutureTimeout):
                call.result(timeout=0.1)
        assert is_invisible(runtime, stream)
        second.open()
        assert calls[0].result(10).last_seq == 2
        with pytest.raises(DomainError):
            calls[1].result(10)
    assert [event.seq for event in runtime.committed.after(stream, 1) or []] == [2]
    assert [event.seq for event in module.committed_events(stream, 1)] == [2]
    assert CounterRow.objects.get().value == 1
    assert Command.objects.filter(command_id__startswith="held").count() == 1


def test_a_committed_batch_is_seen_by_its_caller_at_once(runtime: Runtime, stream: UUID) -> None:
    def work(_: int) -> bool:
        outcome = runtime.execute(stream, Add(1), ANN)
        events = runtime.committed.after(stream, outcome.last_seq - 1) or []
        row = EventRow.objects.get(stream_id=stream, seq=outcome.last_seq)
        return bool(events) and events[0].hash == row.hash

    assert together(8, lambda n: all(work(n) for _ in range(10))) == [True] * 8
