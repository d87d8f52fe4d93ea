"""Bulk: 100 orders per request through the running server, against one order per request, in alternation."""

from statistics import median

from benchmarks.database import servers
from benchmarks.doors import Way
from benchmarks.http import add_row, alternate, ratios
from benchmarks.report import Report

WANTED = 30.0
_CONNECTIONS = 8


def run(*, quick: bool) -> Report:
    """Ratio: orders per second against single orders over as many connections in the same round."""
    report = Report("bulk")
    single, bulk = Way("order", _CONNECTIONS), Way("bulk", _CONNECTIONS, 100)
    others = [] if quick else [Way("bulk", 1, 100), Way("bulk", _CONNECTIONS, 1000)]
    for server in servers():
        ways = [single, bulk, *others]
        taken = alternate(server, ways, rounds=1 if quick else 5, seconds=0.5 if quick else 2.0)
        for way in ways:
            add_row(report, server, way, taken, single)
        found = median(ratios(taken, bulk, single))
        sentence = f"{server.name}: bulks of 100 do {found:.0f} x the single orders, wanted {WANTED:.0f} x"
        report.judge(sentence, passed=found >= WANTED)
    return report
