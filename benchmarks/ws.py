"""ws: orders over the WebSocket, one server process, against the same orders over the API, in alternation."""

from statistics import median

from benchmarks.database import servers
from benchmarks.doors import Way
from benchmarks.http import add_row, alternate, ratios
from benchmarks.report import Report

WANTED = 8.0
_CONNECTIONS, _WINDOW = 16, 32


def run(*, quick: bool) -> Report:
    """Ratio: orders per second against one order per request over as many connections in the same round.

    `batch` is how many commands are on their way on each connection.
    """
    report = Report("ws")
    single, pipelined = Way("order", _CONNECTIONS), Way("socket", _CONNECTIONS, _WINDOW)
    others = [] if quick else [Way("socket", _CONNECTIONS), Way("socket", 1, _WINDOW)]
    for server in servers():
        ways = [single, pipelined, *others]
        rounds, seconds = (1, 0.5) if quick else (5, 2.0)
        taken = alternate(server, ways, rounds=rounds, seconds=seconds, participants=_CONNECTIONS)
        for way in ways:
            add_row(report, server, way, taken, single)
        found = median(ratios(taken, pipelined, single))
        sentence = f"{server.name}: orders over the socket do {found:.1f} x those over the API, wanted {WANTED:.0f} x"
        report.judge(sentence, passed=found >= WANTED)
    return report
