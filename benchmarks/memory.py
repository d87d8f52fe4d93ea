"""Memory: of a server that nobody asks anything, and of one that holds a session with a deep book."""

from benchmarks import check, doors
from benchmarks.database import Server, servers
from benchmarks.doors import Way
from benchmarks.report import Report
from benchmarks.serving import serving
from benchmarks.worker import worker

_NAME = "memory"
WANTED_IDLE_MB, WANTED_MORE_MB = 200, 300
_DEPTH, _QUICK_DEPTH = 100_000, 2_000
_FEW = Way("order", 1)


def run(*, quick: bool) -> Report:
    """`idle_mb`: after its start; `more_mb`: once orders were placed in a session with so many that rest."""
    report = Report("memory")
    for server in servers():
        _measure(report, server, _QUICK_DEPTH if quick else _DEPTH)
    return report


def _measure(report: Report, server: Server, depth: int) -> None:
    with worker(server.create()) as child:
        child.call(doors.open_session, _NAME, depth=depth)
        with serving(child.url) as running:
            idle = running.memory_mb()
            child.call(doors.warm_up, _NAME, running.port, _FEW)
            more = running.memory_mb() - idle
        check.require_correct(child)
    report.rows.append({"database": server.name, "size": depth, "idle_mb": idle, "more_mb": more})
    sentence = f"{server.name}: an idle server takes {idle:.0f} MB, wanted under {WANTED_IDLE_MB} MB"
    report.judge(sentence, passed=idle < WANTED_IDLE_MB)
    sentence = f"{server.name}: a session of {depth:,} resting orders takes {more:.0f} MB more, wanted under 300 MB"
    report.judge(sentence, passed=more < WANTED_MORE_MB)
