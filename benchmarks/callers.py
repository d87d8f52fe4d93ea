"""The load generator: callers in threads, as coroutines or with bulks, and how long each of their calls took."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from benchmarks import session as sessions
from benchmarks.session import Session
from benchmarks.workload import Step
from common.errors import DomainError
from ledger.runtime import runtime

_WARM_UP = 300


class Load(NamedTuple):
    """How commands are sent: `how` is thread, coroutine or bulk; `batch` commands to a bulk."""

    how: str
    callers: int
    batch: int = 1


class Sample(NamedTuple):
    """What one timed run gave. `callers_cpu` is the callers' share of one core, `mean_batch` per transaction."""

    per_second: float
    p50_ms: float
    p99_ms: float
    mean_batch: float
    callers_cpu: float
    refused: int


class Tally:
    """Latencies and refusals, as the callers note them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.refused = 0


def measure(name: str, load: Load, seconds: float) -> Sample:
    """Send the session's next commands for about `seconds`; the first time, some to warm up before."""
    session = sessions.session(name)
    rate = session.rates.get(load)
    if rate is None:
        rate = _run(session, load, max(_WARM_UP, 3 * load.batch)).per_second
    sample = _run(session, load, max(int(rate * seconds), 2 * load.batch * load.callers))
    session.rates[load] = sample.per_second
    return sample


def measure_side_by_side(names: Sequence[str], callers: int, seconds: float) -> Sample:
    """The same with `callers` coroutines spread over several sessions of this process."""
    own = [sessions.session(name) for name in names]
    load = Load("coroutine", callers)
    rate = own[0].rates.get(len(own), 2_000.0)
    planned = [session.workload.take(max(64, int(rate * seconds / len(own)))) for session in own]
    share = max(1, callers // len(own))

    async def all_of_them(tally: Tally) -> None:
        streams = [(session.stream, iter(steps)) for session, steps in zip(own, planned, strict=True)]
        tasks = [_coroutine(stream, steps, tally) for stream, steps in streams for _ in range(share)]
        await asyncio.gather(*tasks)

    sample = _timed(load, sum(map(len, planned)), lambda tally: asyncio.run(all_of_them(tally)))
    own[0].rates[len(own)] = sample.per_second
    return sample


def _run(session: Session, load: Load, count: int) -> Sample:
    steps = session.workload.take(count)
    if load.how == "thread" and load.callers > 1:
        session.in_order = False
    return _timed(load, len(steps), lambda tally: _SENDERS[load.how](session, steps, load, tally))


def _timed(load: Load, count: int, run: Callable[[Tally], None]) -> Sample:
    tally, counters = Tally(), runtime.counters
    gc.collect()
    gc.freeze()  # the planned commands are not the runtime's to look through
    batches, cpu, start = counters.batches, time.thread_time(), time.perf_counter()
    run(tally)
    seconds, cpu = time.perf_counter() - start, time.thread_time() - cpu
    gc.unfreeze()
    ordered = sorted(tally.seconds)
    return Sample(
        per_second=count / seconds,
        p50_ms=1e3 * ordered[len(ordered) // 2],
        p99_ms=1e3 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        mean_batch=count / max(1, counters.batches - batches),
        callers_cpu=cpu / seconds,
        refused=tally.refused,
    )


def _threads(session: Session, steps: Sequence[Step], load: Load, tally: Tally) -> None:
    waiting = iter(steps)  # a list's iterator hands out each step once, whichever thread asks
    if load.callers == 1:
        _thread(session, waiting, tally)
        return
    threads = [
        threading.Thread(target=_thread, args=(session, waiting, tally), name=f"caller-{number}")
        for number in range(load.callers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _thread(session: Session, steps: Iterator[Step], tally: Tally) -> None:
    for step in steps:
        start = time.perf_counter()
        try:
            runtime.execute(session.stream, step.command, step.actor)
        except DomainError:
            tally.refused += 1
        tally.seconds.append(time.perf_counter() - start)


def _coroutines(session: Session, steps: Sequence[Step], load: Load, tally: Tally) -> None:
    waiting = iter(steps)

    async def all_of_them() -> None:
        await asyncio.gather(*[_coroutine(session.stream, waiting, tally) for _ in range(load.callers)])

    asyncio.run(all_of_them())


async def _coroutine(stream: UUID, steps: Iterator[Step], tally: Tally) -> None:
    for step in steps:
        start = time.perf_counter()
        try:
            await runtime.aexecute(stream, step.command, step.actor)
        except DomainError:
            tally.refused += 1
        tally.seconds.append(time.perf_counter() - start)


def _bulks(session: Session, steps: Sequence[Step], load: Load, tally: Tally) -> None:
    for first in range(0, len(steps), load.batch):
        start = time.perf_counter()
        tally.refused += sessions.send(session.stream, steps[first : first + load.batch])
        tally.seconds.append(time.perf_counter() - start)


_SENDERS = {"thread": _threads, "coroutine": _coroutines, "bulk": _bulks}
