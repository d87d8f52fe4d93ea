"""Growth: what an order costs as the book, the room, the ledger, the sessions and the processes grow."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks import callers, check, history, session
from benchmarks.callers import Load, Sample
from benchmarks.database import Server, servers
from benchmarks.report import Report, spread
from benchmarks.worker import Worker, worker

WANTED = 1.3
_SINGLES, _BULKS = Load("coroutine", 64), Load("bulk", 1, 100)
_LOADS = (_SINGLES, _BULKS)
Slice = Callable[[], Sample]


@dataclass(frozen=True)
class Scale:
    """How far each thing grows, and how long each slice is."""

    rounds: int
    seconds: float
    depths: tuple[int, ...]
    participants: tuple[int, ...]
    events: tuple[int, ...]
    sessions: tuple[int, ...]


FULL = Scale(4, 1.0, (10, 1_000, 100_000), (20, 2_000), (1_000, 1_000_000), (1, 4, 16))
QUICK = Scale(1, 0.15, (10, 1_000), (20, 200), (1_000, 4_000), (1, 4))


def run(*, quick: bool) -> Report:
    """Sizes of one thing alternate within each round; ratio: the cost per order against the smallest size."""
    report, scale = Report("growth"), QUICK if quick else FULL
    for server in servers():
        _depths_and_people(report, server, scale)
        _ledgers(report, server, scale)
        _sessions(report, server, scale)
        _processes(report, server, scale)
    return report


def _depths_and_people(report: Report, server: Server, scale: Scale) -> None:
    for what, sizes in (("depth", scale.depths), ("participants", scale.participants)):
        with worker(server.create()) as child:
            for size in sizes:
                depth, people = (size, 20) if what == "depth" else (200, size)
                child.call(session.open_session, f"{what}{size}", depth=depth, participants=people)
            for load in _LOADS:
                slices = {size: _slice(child, f"{what}{size}", load, scale) for size in sizes}
                costs = _alternate(report, server, what, load, slices, scale.rounds)
                if what == "depth":
                    _judge(report, server, what, load, costs)
            check.require_correct(child)


def _judge(report: Report, server: Server, what: str, load: Load, costs: dict[int, float]) -> None:
    smallest, largest = min(costs), max(costs)
    sentence = (
        f"{server.name}, {load.how}: an order costs {costs[largest]:.2f} x at {largest:,} ({what})"
        f" what it costs at {smallest:,}, wanted within {WANTED} x"
    )
    report.judge(sentence, passed=costs[largest] <= WANTED)


def _ledgers(report: Report, server: Server, scale: Scale) -> None:
    """Each length in a database of its own, so that the tables are as long as the stream."""
    with ExitStack() as stack:
        children: dict[int, Worker] = {}
        for events in scale.events:
            child = children[events] = stack.enter_context(worker(server.create()))
            child.call(history.begin, "ledger")
            child.call(history.grow, "ledger", events)
        for load in _LOADS:
            slices = {events: _slice(child, "ledger", load, scale) for events, child in children.items()}
            costs = _alternate(report, server, "ledger events", load, slices, scale.rounds)
            _judge(report, server, "ledger events", load, costs)
        for child in children.values():
            check.require_correct(child)


def _sessions(report: Report, server: Server, scale: Scale) -> None:
    """The same 64 callers spread over more sessions in one process: orders of all sessions together."""
    with worker(server.create()) as child:
        names = [f"session{number}" for number in range(max(scale.sessions))]
        for name in names:
            child.call(session.open_session, name)
        slices: dict[int, Slice] = {
            size: partial(child.call, callers.measure_side_by_side, names[:size], 64, scale.seconds)
            for size in scale.sessions
        }
        _alternate(report, server, "sessions", _SINGLES, slices, scale.rounds)
        check.require_correct(child)


def _processes(report: Report, server: Server, scale: Scale) -> None:
    """Two processes with a session each, then both on one session: orders of both together."""
    url = server.create()
    with worker(url) as first, worker(url) as second:
        first.call(session.open_session, "first")
        second.call(session.open_session, "second", seed=2)
        second.call(session.join_session, "first", first.call(session.stream_of, "first"), seed=3)
        for what, other in (("processes, a session each", "second"), ("processes, one session", "first")):
            if other == "first":
                first.call(session.race, "first")
            slices: dict[int, Slice] = {
                1: _slice(first, "first", _SINGLES, scale),
                2: partial(_both, (first, "first"), (second, other), scale.seconds),
            }
            _alternate(report, server, what, _SINGLES, slices, scale.rounds)
        check.require_correct(first)


def _slice(child: Worker, name: str, load: Load, scale: Scale) -> Slice:
    return partial(child.call, callers.measure, name, load, scale.seconds)


def _both(one: tuple[Worker, str], two: tuple[Worker, str], seconds: float) -> Sample:
    pairs = (one, two)
    for child, name in pairs:
        child.start(callers.measure, name, _SINGLES, seconds)
    samples: list[Sample] = [child.finish() for child, _ in pairs]
    return samples[0]._replace(
        per_second=sum(sample.per_second for sample in samples),
        p99_ms=max(sample.p99_ms for sample in samples),
        refused=sum(sample.refused for sample in samples),
    )


def _alternate(
    report: Report, server: Server, what: str, load: Load, slices: dict[int, Slice], rounds: int
) -> dict[int, float]:
    """Measure every size once per round, add a row for each; the cost of each against the smallest."""
    found: dict[int, list[Sample]] = {size: [] for size in slices}
    warm_ups = min(1, rounds - 1)
    for number in range(rounds + warm_ups):
        for size, measure in slices.items():
            sample = measure()
            if number >= warm_ups:
                found[size].append(sample)
    smallest = next(iter(found))
    costs: dict[int, float] = {}
    for size, samples in found.items():
        ratios = [a.per_second / b.per_second for a, b in zip(found[smallest], samples, strict=True)]
        costs[size] = median(ratios)
        report.rows.append(
            {"database": server.name, "what": what, "size": size, "how": load.how}
            | {"callers": load.callers, "batch": load.batch}
            | spread("per_second", [sample.per_second for sample in samples])
            | {"p50_ms": median(sample.p50_ms for sample in samples)}
            | {"p99_ms": median(sample.p99_ms for sample in samples)}
            | {"mean_batch": median(sample.mean_batch for sample in samples), **spread("ratio", ratios)}
        )
    return costs
