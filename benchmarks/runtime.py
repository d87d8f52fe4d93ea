"""Commands through ledger.runtime on both databases, in alternation with the ORM baseline."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks import baseline_orm, callers, check, raw, session, statements
from benchmarks.callers import Load, Sample
from benchmarks.database import Server, servers
from benchmarks.report import Report, Row, spread
from benchmarks.worker import Worker, worker
from benchmarks.workload import MIXES

FLOOR = 0.03
"""The share of the raw driver's commits that the baseline must reach to count."""
_HEADLINE, _ALONE, _LARGEST = Load("coroutine", 64), Load("thread", 1), Load("bulk", 1, 1000)
WANTED = {_HEADLINE: ("64 callers", 100.0), _ALONE: ("one caller", 6.0), _LARGEST: ("bulks of 1000", 200.0)}
"""How many times the baseline, on PostgreSQL."""
WANTED_P99_MS = 10.0
_SIZES = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Scale:
    """How much of it: rounds, seconds of each slice, which loads on which mix."""

    rounds: int
    seconds: float
    loads: dict[str, tuple[Load, ...]]


_SOME = (_ALONE, _HEADLINE, Load("bulk", 1, 100))
FULL = Scale(
    rounds=3,
    seconds=1.0,
    loads={
        "orders": (
            _ALONE,
            Load("thread", 8),
            Load("coroutine", 1),
            Load("coroutine", 8),
            _HEADLINE,
            Load("bulk", 1, 10),
            Load("bulk", 1, 100),
            _LARGEST,
        ),
        "cancels": _SOME,
        "rfq": _SOME,
    },
)
QUICK = Scale(rounds=1, seconds=0.2, loads={mix: (_HEADLINE, Load("bulk", 1, 100)) for mix in MIXES})


class BaselineTooSlow(Exception):
    """The baseline is no fair opponent here."""


def run(*, quick: bool) -> Report:
    """Every load on every database; verdicts on the headline and on the statements per batch."""
    report, scale = Report("runtime"), QUICK if quick else FULL
    for server in servers():
        with worker(server.create()) as ours, worker(server.create()) as theirs:
            _measure(report, server, scale, ours, theirs)
            _count_statements(report, server, ours)
            check.require_correct(ours)
            check.require_correct(theirs)
    return report


def _measure(report: Report, server: Server, scale: Scale, ours: Worker, theirs: Worker) -> None:
    theirs.call(baseline_orm.prepare)
    for mix in scale.loads:
        ours.call(session.open_session, mix, mix=mix)
        theirs.call(session.open_session, mix, mix=mix)
        theirs.call(baseline_orm.measure, mix, scale.seconds)
    raws: list[float] = []
    pairs: dict[tuple[str, Load], list[tuple[Sample, Sample]]] = {}
    for _ in range(scale.rounds):
        raws.append(theirs.call(raw.commits_per_second, scale.seconds))
        for mix, loads in scale.loads.items():
            for load in loads:
                base = theirs.call(baseline_orm.measure, mix, scale.seconds)
                own = ours.call(callers.measure, mix, load, scale.seconds)
                pairs.setdefault((mix, load), []).append((base, own))
    bases = {mix: [base for (of, _), each in pairs.items() if of == mix for base, _ in each] for mix in scale.loads}
    share = median(base.per_second for base in bases["orders"]) / median(raws)
    if share < FLOOR:
        raise BaselineTooSlow(
            f"{server.name}: the baseline reached {share:.1%} of the raw commits, below {FLOOR:.0%}"
        )
    report.rows.append({"database": server.name, "mix": "-", "how": "raw commits", **_many(raws)})
    for mix, samples in bases.items():
        report.rows.append(_row(server, mix, "orm baseline", 1, 1, samples) | {"ratio": 1.0})
    for (mix, load), each in pairs.items():
        ratios = [own.per_second / base.per_second for base, own in each]
        samples = [own for _, own in each]
        report.rows.append(_row(server, mix, load.how, load.callers, load.batch, samples) | spread("ratio", ratios))
        if load in WANTED and mix == "orders" and server.name == "postgresql":
            who, wanted = WANTED[load]
            sentence = f"{who} on PostgreSQL: {median(ratios):.0f} x the baseline, wanted {wanted:.0f} x"
            report.judge(sentence, passed=median(ratios) >= wanted)
        if load == _HEADLINE and mix == "orders":
            p99 = median(sample.p99_ms for sample in samples)
            sentence = f"64 callers on {server.name}: p99 {p99:.1f} ms, wanted under {WANTED_P99_MS:.0f} ms"
            report.judge(sentence, passed=p99 < WANTED_P99_MS)


def _many(values: list[float]) -> Row:
    return {"callers": 1, "batch": 1, **spread("per_second", values)}


def row_of(server: Server, mix: str, load: Load, samples: Iterable[Sample]) -> Row:
    """A row of the table: what a load gave on a database."""
    return _row(server, mix, load.how, load.callers, load.batch, samples)


def _row(server: Server, mix: str, how: str, count: int, batch: int, samples: Iterable[Sample]) -> Row:
    each = list(samples)
    return {
        "database": server.name,
        "mix": mix,
        "how": how,
        "callers": count,
        "batch": batch,
        **spread("per_second", [sample.per_second for sample in each]),
        "p50_ms": median(sample.p50_ms for sample in each),
        "p99_ms": median(sample.p99_ms for sample in each),
        "mean_batch": median(sample.mean_batch for sample in each),
        "callers_cpu": median(sample.callers_cpu for sample in each),
        "refused": sum(sample.refused for sample in each),
    }


def _count_statements(report: Report, server: Server, ours: Worker) -> None:
    ours.call(session.open_session, "counted")
    counts = ours.call(statements.per_batch, "counted", _SIZES)
    for size, most in counts.items():
        report.rows.append(
            {"database": server.name, "mix": "orders", "how": "bulk", "callers": 1, "batch": size, "statements": most}
        )
    shown = ", ".join(f"{most} at {size}" for size, most in counts.items())
    report.judge(f"statements per batch on {server.name}: {shown}", passed=len(set(counts.values())) == 1)
