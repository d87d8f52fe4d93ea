"""Group commit: whoever waits is taken along, in order, and nobody waits for a batch to fill."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from common.errors import DomainError
from ledger.runtime import Runtime
from ledger.tests.conftest import MakeRuntime, open_counter
from ledger.tests.counter import ANN, Add, CounterRow
from ledger.tests.crowd import gathered, held, together, wait_for_tickets
from ledger.tickets import Outcome

ROUNDS = 10


def mean_batch(runtime: Runtime) -> float:
    return runtime.counters.tickets / runtime.counters.batches


def test_64_coroutines_form_batches(runtime: Runtime, stream: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    async def client() -> None:
        for _ in range(ROUNDS):
            await runtime.aexecute(stream, Add(1), ANN)

    start = time.perf_counter()
    assert gathered(lambda: [client() for _ in range(64)]) == [None] * 64
    rate = 64 * ROUNDS / (time.perf_counter() - start)
    with capsys.disabled():
        print(f" [64 coroutines: {mean_batch(runtime):.1f} a batch, {rate:.0f} a second]", end="")  # noqa: T201
    assert mean_batch(runtime) > 8
    assert CounterRow.objects.get().value == 64 * ROUNDS


def test_64_threads_form_batches(runtime: Runtime, stream: UUID, capsys: pytest.CaptureFixture[str]) -> None:
    def client(_: int) -> None:
        for _ in range(ROUNDS):
            runtime.execute(stream, Add(1), ANN)

    start = time.perf_counter()
    assert together(64, client) == [None] * 64
    rate = 64 * ROUNDS / (time.perf_counter() - start)
    with capsys.disabled():
        print(f" [64 threads: {mean_batch(runtime):.1f} a batch, {rate:.0f} a second]", end="")  # noqa: T201
    assert mean_batch(runtime) > 8
    assert CounterRow.objects.get().value == 64 * ROUNDS


def test_a_single_caller_does_not_wait_for_others(runtime: Runtime, stream: UUID) -> None:
    start = time.perf_counter()
    for _ in range(20):
        runtime.execute(stream, Add(1), ANN)
    assert (time.perf_counter() - start) / 20 < 0.1
    assert runtime.counters.tickets == runtime.counters.batches == 21


def test_what_waits_goes_in_one_batch_of_at_most_the_limit(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(batch_limit=40)
    stream = open_counter(runtime)
    with held(runtime) as gate, ThreadPoolExecutor(1) as pool:
        first = pool.submit(runtime.execute, stream, Add(1), ANN)
        assert gate.reached.wait(10)
        before = runtime.counters.batches
        crowd = threading.Thread(target=together, args=(100, lambda _: runtime.execute(stream, Add(1), ANN)))
        crowd.start()
        wait_for_tickets(runtime, stream, 100)
        gate.open()
        crowd.join()
        assert first.result().last_seq == 2
    assert runtime.counters.batches - before == 1 + 3
    assert CounterRow.objects.get().value == 101


def test_a_batch_is_decided_in_order_each_on_what_the_one_before_left(runtime: Runtime, stream: UUID) -> None:
    amounts = [5, -3, -3, 1, -3, 10, -10, -1]
    answers = gathered(lambda: [runtime.aexecute(stream, Add(amount), ANN) for amount in amounts])
    fates = [answer.last_seq if isinstance(answer, Outcome) else str(answer) for answer in answers]
    no = "a would be negative."
    assert fates == [2, 3, no, 4, 5, 6, 7, no]
    assert isinstance(answers[2], DomainError)


@pytest.mark.postgresql
def test_streams_do_not_wait_for_each_other(make_runtime: MakeRuntime) -> None:
    """One is held before COMMIT. On SQLite that holds the only write lock there is."""
    runtime = make_runtime(writers=2)
    one, other = open_counter(runtime), open_counter(runtime)
    with held(runtime) as gate, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(runtime.execute, one, Add(1), ANN)
        assert gate.reached.wait(10)
        runtime.before_commit = None
        assert runtime.execute(other, Add(1), ANN, timeout=5).last_seq == 2
        assert not waiting.done()
        gate.open()
        assert waiting.result(10).last_seq == 2


def test_a_busy_stream_lets_others_in_between(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(writers=1, batch_limit=1)
    busy, quiet = open_counter(runtime), open_counter(runtime)

    async def main() -> int:
        crowd = [asyncio.ensure_future(runtime.aexecute(busy, Add(1), ANN)) for _ in range(100)]
        await crowd[0]
        await runtime.aexecute(quiet, Add(1), ANN)
        left = sum(not call.done() for call in crowd)
        await asyncio.gather(*crowd)
        return left

    assert asyncio.run(main()) > 50


def test_no_mailbox_is_left_when_nobody_waits(runtime: Runtime, stream: UUID) -> None:
    together(8, lambda _: [runtime.execute(stream, Add(1), ANN) for _ in range(10)])
    for _ in range(200):
        if not runtime._mailboxes:
            break
        time.sleep(0.01)
    assert runtime._mailboxes == {}
