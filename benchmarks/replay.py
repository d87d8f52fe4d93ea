"""Replay: events read and folded per second, and how long a process needs to serve a stream that it doesn't know."""

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from benchmarks import check, history
from benchmarks.database import Server, servers
from benchmarks.report import Report
from benchmarks.session import session, stream_of
from benchmarks.worker import Worker, worker
from ledger import store
from ledger.models import Event
from ledger.warm import Warm, dump, load
from markets.domain import SESSIONS

LENGTHS = (1_000, 100_000, 1_000_000)
QUICK = (1_000, 5_000)
WANTED_RATE = 400_000
_NAME = "replay"
_ORM_SAMPLE = 20_000
_SNAPSHOT_LAG = 10_000  # half of what the runtime lets pass between two snapshots: what a cold start meets on average


class Took(NamedTuple):
    """Seconds that each way took; `orm_events` were read by the slow one."""

    read: float
    cold: float
    snapshot: float
    orm: float
    orm_events: int


def run(*, quick: bool) -> Report:
    """One stream that grows, measured at each length; ratio: events per second against ORM instances."""
    report = Report("replay")
    for server in servers():
        with worker(server.create()) as child:
            child.call(history.begin, _NAME)
            for length in QUICK if quick else LENGTHS:
                lag = min(length // 2, _SNAPSHOT_LAG)
                child.call(history.grow, _NAME, length - lag)
                child.call(snapshot, _NAME)
                child.call(history.grow, _NAME, length)
                _report(report, server, child, length)
            check.require_correct(child)
    return report


def _report(report: Report, server: Server, child: Worker, length: int) -> None:
    took: Took = child.call(measure, _NAME, 1 if length > 500_000 else 3)
    orm = took.orm_events / took.orm
    for what, is_snapshot, seconds, events in (
        ("read as ORM instances", False, took.orm, took.orm_events),
        ("read", False, took.read, length),
        ("cold start: read, fold", False, took.cold, length),
        ("cold start", True, took.snapshot, length),
    ):
        row = {"database": server.name, "events": length, "what": what, "snapshot": "yes" if is_snapshot else "no"}
        rate = events / seconds
        report.rows.append(row | {"seconds": seconds, "per_second": rate, "ratio": rate / orm})
    if length == LENGTHS[-1]:
        report.judge(
            f"cold start from a snapshot at 1 M events on {server.name}: {took.snapshot:.2f} s, wanted under 1 s",
            passed=took.snapshot < 1,
        )
        rate = length / took.cold
        sentence = f"{server.name}: {rate:,.0f} events/s read and folded, wanted {WANTED_RATE:,}"
        report.judge(sentence, passed=rate >= WANTED_RATE)


def snapshot(name: str) -> None:
    """Take one here and now."""
    warm = _cold(name, use_snapshot=True)
    store.save_snapshot(warm.stream, warm.seq, SESSIONS.engine_version, dump(warm))


def measure(name: str, times: int) -> Took:
    """The seconds of each way, the median of `times`."""
    stream, count = stream_of(name), min(session(name).workload.state.facts.seq, _ORM_SAMPLE)
    return Took(
        _seconds(lambda: [None for _ in store.read_for_fold(stream, 0)], times),
        _seconds(lambda: _cold(name, use_snapshot=False), times),
        _seconds(lambda: _cold(name, use_snapshot=True), max(3, times)),
        _seconds(lambda: list(Event.objects.filter(stream_id=stream).order_by("seq")[:count]), times),
        count,
    )


def _cold(name: str, *, use_snapshot: bool) -> Warm:
    end = session(name).workload.state.facts.seq
    return load(SESSIONS, stream_of(name), upto=end, use_snapshot=use_snapshot)


def _seconds(way: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        way()
        took.append(time.perf_counter() - start)
    return median(took)
