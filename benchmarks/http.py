"""HTTP: single orders through the running server, against a DRF view that does nothing, in alternation."""

from collections.abc import Sequence
from statistics import median

from benchmarks import check, doors
from benchmarks.check import WrongRun
from benchmarks.database import Server, servers
from benchmarks.doors import Sample, Way
from benchmarks.report import Report, spread
from benchmarks.serving import Serving, serving
from benchmarks.worker import Worker, worker

_NAME = "http"
WANTED_SHARE, WANTED_KEY_SHARE = 0.4, 0.1
Taken = dict[Way, list[tuple[Sample, float]]]
"""Per way and round: what the load generator saw, and the server's share of one core meanwhile."""


def run(*, quick: bool) -> Report:
    """Ratio: requests per second against the no-op of the same round with as many connections."""
    report = Report("http")
    counts = (16,) if quick else (1, 16)
    ways = [Way(what, count) for count in counts for what in ("nothing", "nothing-with-key", "order")]
    for server in servers():
        taken = alternate(server, ways, rounds=1 if quick else 5, seconds=0.5 if quick else 2.0)
        for way in ways:
            add_row(report, server, way, taken, Way("nothing", way.connections))
        _judge(report, server, taken)
    return report


def alternate(server: Server, ways: Sequence[Way], *, rounds: int, seconds: float, participants: int = 20) -> Taken:
    """Every way in every round, on one server with one session; then the whole ledger is checked."""
    taken: Taken = {way: [] for way in ways}
    with worker(server.create()) as child:
        child.call(doors.open_session, _NAME, participants=participants)
        with serving(child.url) as running:
            for way in ways:
                child.call(doors.warm_up, _NAME, running.port, way)
            for _ in range(rounds):
                for way in ways:
                    taken[way].append(_slice(child, running, way, seconds))
        check.require_correct(child)
        if wrong := child.call(doors.strays, _NAME):
            raise WrongRun("\n".join(wrong))
    return taken


def _slice(child: Worker, running: Serving, way: Way, seconds: float) -> tuple[Sample, float]:
    before = running.cpu_seconds()
    sample = child.call(doors.measure, _NAME, running.port, way, seconds)
    return sample, (running.cpu_seconds() - before) / sample.seconds


def add_row(report: Report, server: Server, way: Way, taken: Taken, against: Way) -> None:
    """One way's row; `against`: what its ratios are made with."""
    samples = [sample for sample, _ in taken[way]]
    report.rows.append(
        {
            "database": server.name,
            "what": way.what,
            "connections": way.connections,
            "batch": way.batch,
            **spread("per_second", [sample.per_second for sample in samples]),
            "p50_ms": median(sample.p50_ms for sample in samples),
            "p99_ms": median(sample.p99_ms for sample in samples),
            **spread("ratio", ratios(taken, way, against)),
            "server_cpu": median(cpu for _, cpu in taken[way]),
            "load_cpu": median(sample.load_cpu for sample in samples),
        }
    )


def ratios(taken: Taken, way: Way, against: Way) -> list[float]:
    """Per round: how many times as much `way` got done."""
    pairs = zip(taken[way], taken[against], strict=True)
    return [own.per_second / other.per_second for (own, _), (other, _) in pairs]


def _judge(report: Report, server: Server, taken: Taken) -> None:
    nothing, with_key, order = (Way(what, 16) for what in ("nothing", "nothing-with-key", "order"))
    share = median(ratios(taken, order, with_key))
    sentence = f"{server.name}: one order per request gets {share:.0%} of the no-op's rate, wanted {WANTED_SHARE:.0%}"
    report.judge(sentence, passed=share >= WANTED_SHARE)
    cost = median(1 / ratio - 1 for ratio in ratios(taken, with_key, nothing))
    sentence = f"{server.name}: checking the key adds {cost:.1%} to the no-op, wanted under {WANTED_KEY_SHARE:.0%}"
    report.judge(sentence, passed=cost < WANTED_KEY_SHARE)
