"""Profile: where the time of a command goes, from the ticket to the answer. It explains `runtime`; no targets."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks import callers, check, session
from benchmarks.callers import Load
from benchmarks.database import servers
from benchmarks.report import Report, Row
from benchmarks.worker import worker
from ledger import batch, chain, runtime, store
from markets.domain import SESSIONS

_LOADS = (Load("coroutine", 64), Load("bulk", 1, 1000))
_PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "decide": ((SESSIONS, "decide"),),
    "evolve": ((SESSIONS, "evolve"),),
    "invariants": ((SESSIONS, "check"),),
    "encode, hash": ((batch, "canonical"), (chain, "link")),
    "limits": ((batch.Batch, "_prepare_till"), (batch.Batch, "_pay")),
    "rows": ((SESSIONS, "take_writes"),),
    "statements": ((store, "lock"), (store, "write_batch"), (store, "known_commands")),
    "answers": ((runtime, "deliver"),),
    "else": ((runtime.Runtime, "_drain"),),
}


class _Clock:
    """The processor time of one thread by part, each without the parts inside it."""

    def __init__(self) -> None:
        self.took = dict.fromkeys(_PARTS, 0)
        self.calls = dict.fromkeys(_PARTS, 0)
        self._inside = [0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its time noted."""

        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time_ns()
            self.calls[part] += 1
            self._inside.append(0)
            try:
                return function(*args, **kwargs)
            finally:
                whole = time.thread_time_ns() - start
                self.took[part] += whole - self._inside.pop()
                self._inside[-1] += whole

        return run


def run(*, quick: bool) -> Report:
    """`us_each`: processor time per command. `waiting`: what is left of its share of the wall clock."""
    report = Report("profile")
    for server in servers():
        with worker(server.create()) as child:
            child.call(session.open_session, "profile")
            for load in _LOADS:
                report.rows += [
                    {"database": server.name, "how": load.how, "callers": load.callers, "batch": load.batch, **row}
                    for row in child.call(measure, "profile", load, 0.3 if quick else 2.0)
                ]
            check.require_correct(child)
    return report


def measure(name: str, load: Load, seconds: float) -> list[Row]:
    """A row for each part; the clock itself costs each timed call about half a microsecond."""
    callers.measure(name, load, seconds / 4)
    clock = _Clock()
    with _instrumented(clock):
        sample = callers.measure(name, load, seconds)
    commands = clock.calls["decide"]
    parts = {part: took / 1e3 / commands for part, took in clock.took.items()}
    parts["callers"] = 1e6 * sample.callers_cpu / sample.per_second
    parts["waiting"] = max(0.0, 1e6 / sample.per_second - sum(parts.values()))
    whole = sum(parts.values())
    return [{"what": part, "us_each": took, "share": took / whole} for part, took in parts.items()]


@contextmanager
def _instrumented(clock: _Clock) -> Iterator[None]:
    with ExitStack() as undo:
        for part, functions in _PARTS.items():
            for owner, name in functions:
                original = getattr(owner, name)
                setattr(owner, name, clock.timed(part, original))
                undo.callback(setattr, owner, name, original)
        yield
