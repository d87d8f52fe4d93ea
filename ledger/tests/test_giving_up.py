"""Callers that give up, mailboxes that are full, loops that close: what is told, and what still happens."""

import asyncio
import gc
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import pytest

from common.errors import Unavailable
from ledger.models import Event
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, CounterRow
from ledger.tests.crowd import held, together, wait_for_tickets


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(16)


def test_a_full_mailbox_is_busy_and_says_when_to_come_again(
    make_runtime: MakeRuntime, pool: ThreadPoolExecutor
) -> None:
    runtime = make_runtime(mailbox_limit=4)
    stream = open_counter(runtime)
    with held(runtime) as gate:
        calls = [pool.submit(runtime.execute, stream, Add(1), ANN)]
        assert gate.reached.wait(10)
        calls += [pool.submit(runtime.execute, stream, Add(1), ANN) for _ in range(4)]
        wait_for_tickets(runtime, stream, 4)
        with pytest.raises(Unavailable) as told:
            runtime.execute(stream, Add(1), ANN)
        assert (told.value.code, told.value.retry_after) == ("busy", 1)
        with pytest.raises(Unavailable):
            asyncio.run(runtime.aexecute(stream, Add(1), ANN))
    assert sorted(call.result(10).last_seq for call in calls) == [2, 3, 4, 5, 6]
    assert runtime.execute(stream, Add(1), ANN).last_seq == 7


def test_a_caller_that_gave_up_while_waiting_is_skipped(
    runtime: Runtime, stream: UUID, pool: ThreadPoolExecutor
) -> None:
    with held(runtime) as gate:
        first = pool.submit(runtime.execute, stream, Add(1), ANN)
        assert gate.reached.wait(10)
        with pytest.raises(Unavailable) as told:
            runtime.execute(stream, Add(100), ANN, timeout=0.05)
        assert told.value.code == "busy"
    assert first.result(10).last_seq == 2
    assert runtime.execute(stream, Add(1), ANN).last_seq == 3
    assert CounterRow.objects.get().value == 2


def test_a_coroutine_cancelled_while_waiting_is_skipped(
    runtime: Runtime, stream: UUID, pool: ThreadPoolExecutor
) -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0.05):
            await runtime.aexecute(stream, Add(100), ANN)

    with held(runtime) as gate:
        first = pool.submit(runtime.execute, stream, Add(1), ANN)
        assert gate.reached.wait(10)
        with pytest.raises(TimeoutError):
            asyncio.run(impatient())
    assert first.result(10).last_seq == 2
    assert runtime.execute(stream, Add(1), ANN).last_seq == 3
    assert CounterRow.objects.get().value == 2


def test_giving_up_during_the_commit_leaves_the_outcome_unknown_and_a_repeat_tells(
    runtime: Runtime, stream: UUID
) -> None:
    with held(runtime), pytest.raises(Unavailable) as told:
        runtime.execute(stream, Add(1), ANN, command_id="mine", timeout=0.1)
    assert (told.value.code, told.value.command_id) == ("outcome_unknown", "mine")
    assert runtime.execute(stream, Add(1), ANN, command_id="mine").replayed
    assert CounterRow.objects.get().value == 1


def test_a_coroutine_cancelled_during_the_commit_happened_and_a_repeat_tells(runtime: Runtime, stream: UUID) -> None:
    async def impatient() -> None:
        async with asyncio.timeout(0.1):
            await runtime.aexecute(stream, Add(1), ANN, command_id="mine")

    with held(runtime) as gate:
        with pytest.raises(TimeoutError):
            asyncio.run(impatient())
        assert gate.reached.is_set()
    assert runtime.execute(stream, Add(1), ANN, command_id="mine").replayed
    assert CounterRow.objects.get().value == 1


def test_an_answer_that_comes_in_the_last_moment_is_not_lost(
    runtime: Runtime, stream: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The future is done between the time-out and the look at it."""
    result = Future.result

    def late(self: Future[object], timeout: float | None = None) -> object:
        if timeout != 7.5:
            return result(self, timeout)
        result(self, 10)
        raise TimeoutError

    monkeypatch.setattr(Future, "result", late)
    assert runtime.execute(stream, Add(1), ANN, timeout=7.5).last_seq == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_loop_that_closed_meanwhile_harms_nobody_else(
    runtime: Runtime, stream: UUID, pool: ThreadPoolExecutor
) -> None:
    """A loop is closed with a coroutine of its own still in the batch; a thread in the same batch is answered."""

    def doomed() -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # it would say that a task was destroyed, which it was
        call = loop.create_task(runtime.aexecute(stream, Add(1), ANN, command_id="doomed"))
        loop.run_until_complete(asyncio.wait([call], timeout=0.01))
        loop.close()

    with held(runtime) as gate:
        first = pool.submit(runtime.execute, stream, Add(1), ANN)
        assert gate.reached.wait(10)
        pool.submit(doomed).result(10)
        after = pool.submit(runtime.execute, stream, Add(1), ANN)
        wait_for_tickets(runtime, stream, 2)
    assert first.result(10).last_seq == 2
    assert after.result(10).last_seq == 4
    gc.collect()
    assert runtime.execute(stream, Add(1), ANN, command_id="doomed").replayed


def test_callers_that_come_and_go_at_random_lose_nothing(runtime: Runtime, stream: UUID) -> None:
    """Half of them give up after a millisecond or so; whatever was acknowledged is there, and nothing twice."""

    async def client(number: int) -> list[str]:
        acknowledged = []
        for turn in range(8):
            own = f"{number}/{turn}"
            try:
                async with asyncio.timeout(0.001 * (turn + 1) if number % 2 else None):
                    await runtime.aexecute(stream, Add(1), ANN, command_id=own)
            except TimeoutError:
                continue
            acknowledged.append(own)
        return acknowledged

    async def main() -> list[list[str]]:
        return await asyncio.gather(*[client(number) for number in range(48)])

    acknowledged = [own for part in asyncio.run(main()) for own in part]
    runtime.execute(stream, Add(1), ANN, command_id="last")
    stored = list(Event.objects.filter(stream_id=stream, seq__gt=1).values_list("command_id", flat=True))
    assert len(stored) == len(set(stored)) == CounterRow.objects.get().value
    assert set(acknowledged) <= set(stored)
    assert len(acknowledged) >= 24 * 8


def test_stopping_in_the_midst_of_it_loses_nothing_and_leaves_nobody_waiting(runtime: Runtime, stream: UUID) -> None:
    """The next ticket starts the writers again, whenever it comes."""

    def work(number: int) -> int:
        if number == 0:
            for _ in range(15):
                runtime.stop()
            return 0
        return sum(runtime.execute(stream, Add(1), ANN, timeout=10).events != [] for _ in range(25))

    assert together(9, work) == [0] + [25] * 8
    assert CounterRow.objects.get().value == 200
