"""Many callers at once: threads with a connection each, coroutines on one loop; and a clock that tests turn."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from common.ids import CLOCK
from ledger.runtime import Runtime
from ledger.tests.counter import ANN, Add
from ledger.tests.statements import noted

T = TypeVar("T")


class Dial:
    """A clock that stands until it is turned."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def together(count: int, work: Callable[[int], T]) -> list[T | Exception]:
    """work(0) .. work(count-1) at once, each in its thread; what each answered or raised."""
    answers: list[T | Exception] = [RuntimeError("it never ran")] * count
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            gate.wait(timeout=20)
            answers[number] = work(number)
        except Exception as error:
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads), "a caller hangs"
    return answers


def gathered(calls: Callable[[], list[Awaitable[T]]]) -> list[T | BaseException]:
    """The coroutines that `calls` makes, at once on a loop of their own; what each answered or raised."""

    async def main() -> list[T | BaseException]:
        return await asyncio.wait_for(asyncio.gather(*calls(), return_exceptions=True), 20)

    return asyncio.run(main())


class Gate:
    """Holds a runtime inside its next transaction, just before COMMIT, until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self._open.wait(30), "nobody opened the gate"

    def open(self) -> None:
        self._open.set()


@contextmanager
def held(runtime: Runtime) -> Iterator[Gate]:
    """While this lasts, the runtime's next batch waits before COMMIT; at the end everything goes on."""
    gate = runtime.before_commit = Gate()
    try:
        yield gate
    finally:
        runtime.before_commit = None
        gate.open()


def wait_for_tickets(runtime: Runtime, stream: UUID, count: int) -> None:
    """Until so many wait in the stream's mailbox."""
    for _ in range(1000):
        with runtime._mutex:
            mailbox = runtime._mailboxes.get(stream)
            if mailbox and len(mailbox.tickets) >= count:
                return
        time.sleep(0.005)
    raise AssertionError(f"{count} tickets never came")


def in_one_batch(
    runtime: Runtime, stream: UUID, first: Any, calls: Callable[[], list[Awaitable[T]]]
) -> tuple[list[T | BaseException], list[str]]:
    """What the coroutines answered, and the statements of the one batch that they formed.

    They are collected while `first`, a command that CLOCK may give, is held before its COMMIT.
    """

    async def main(gate: Gate) -> tuple[list[T | BaseException], list[str]]:
        opening = asyncio.ensure_future(runtime.aexecute(stream, first, CLOCK))
        assert await asyncio.to_thread(gate.reached.wait, 10)
        waiting = [asyncio.ensure_future(call) for call in calls()]
        await asyncio.to_thread(wait_for_tickets, runtime, stream, len(waiting))
        before = runtime.counters.batches
        with noted() as sent:
            gate.open()
            await opening
            answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20)
        assert runtime.counters.batches == before + 2
        return answers, sent

    with held(runtime) as gate:
        return asyncio.run(main(gate))


@contextmanager
def written_meanwhile(runtime: Runtime, stream: UUID) -> Iterator[Callable[[], bool]]:
    """Two threads add to a stream of counters while this lasts. Yields whether they have done enough."""
    is_over, done = threading.Event(), [0, 0]

    def write(number: int) -> None:
        while not is_over.is_set():
            runtime.execute(stream, Add(1, f"c{done[number] % 5}"), ANN)
            done[number] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: min(done) >= 30
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
