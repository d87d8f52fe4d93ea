"""The pure engine: what deciding, evolving, checking, encoding and projecting a command cost without a database."""

import gc
import time
from collections.abc import Callable, Sequence
from itertools import count
from statistics import median
from typing import NamedTuple
from uuid import UUID

from benchmarks.report import Report, spread
from benchmarks.workload import MIXES, Step, Workload
from common.events import Event
from ledger.chain import GENESIS, link
from ledger.codec import canonical
from markets.domain import SESSIONS
from markets.engine.state import SessionState

_STREAM = UUID(int=1)
_BATCH = 64  # commands between two writes of what changed


class Pass(NamedTuple):
    """One run through the commands."""

    per_second: float
    events_per_second: float
    p50_ms: float
    p99_ms: float


class Hasher:
    """What the batch does to each event besides: canonical text, link of the chain."""

    def __init__(self) -> None:
        self.head, self._seq = GENESIS, count(1)

    def __call__(self, state: SessionState, decided: Sequence[Event]) -> None:
        for event in decided:
            name = type(event).__name__
            self.head = link(self.head, _STREAM, next(self._seq), name, 1, canonical(event), "user", "command", 0)


Extra = Callable[[SessionState, Sequence[Event]], None]


def run(*, quick: bool) -> Report:
    """Each mix, with more and more of what the runtime does to a command; ratio: against decide and evolve alone."""
    report, commands, rounds = Report("engine"), 2_000 if quick else 50_000, 2 if quick else 5
    for mix in MIXES:
        workload = Workload(mix=mix)
        before = [workload.opening(), *workload.seeding()]
        steps = workload.take(commands)
        found: dict[str, list[Pass]] = {}
        for _ in range(rounds):
            for name, extras in _variants().items():
                found.setdefault(name, []).append(_pass(before, steps, extras))
        base = [each.per_second for each in found["decide, evolve"]]
        for name, passes in found.items():
            rates = [each.per_second for each in passes]
            report.rows.append(
                {"mix": mix, "what": name, **spread("per_second", rates)}
                | {"events_per_second": median(each.events_per_second for each in passes)}
                | {"us_each": 1e6 / median(rates), "p50_ms": median(each.p50_ms for each in passes)}
                | {"p99_ms": median(each.p99_ms for each in passes)}
                | spread("ratio", [rate / own for rate, own in zip(rates, base, strict=True)])
            )
    return report


def _variants() -> dict[str, list[Extra]]:
    """What is done to a command, each more than the one before."""
    every: dict[str, Extra] = {
        "check": lambda state, _: SESSIONS.check(state),
        "encode, hash": Hasher(),
        "rows": _Rows(),
    }
    variants: dict[str, list[Extra]] = {"decide, evolve": [_forget]}
    for size in range(1, len(every) + 1):
        name = ", ".join(["decide, evolve", *list(every)[:size]])
        variants[name] = [*list(every.values())[:size], *([] if size == len(every) else [_forget])]
    return variants


def _forget(state: SessionState, decided: Sequence[Event]) -> None:
    if not state.facts.seq % _BATCH:
        SESSIONS.drop_changes(state)


class _Rows:
    """The rows that a batch would write."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, state: SessionState, decided: Sequence[Event]) -> None:
        self._count += 1
        if not self._count % _BATCH:
            SESSIONS.take_writes(state)


def _pass(before: Sequence[Step], steps: Sequence[Step], extras: Sequence[Extra]) -> Pass:
    state = SessionState(_STREAM)
    for step in before:
        _do(state, step, ())
    gc.collect()
    took, events, start = [], state.facts.seq, time.perf_counter()
    for step in steps:
        began = time.perf_counter()
        _do(state, step, extras)
        took.append(time.perf_counter() - began)
    seconds = time.perf_counter() - start
    took.sort()
    made = state.facts.seq - events
    return Pass(len(steps) / seconds, made / seconds, 1e3 * took[len(took) // 2], 1e3 * took[len(took) * 99 // 100])


def _do(state: SessionState, step: Step, extras: Sequence[Extra]) -> None:
    decided = SESSIONS.decide(state, step.command, step.actor, 0)
    for event in decided:
        SESSIONS.evolve(state, event, 0)
    for extra in extras:
        extra(state, decided)
