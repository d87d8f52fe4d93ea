"""fanout: what everybody at a session's live feed hears, how soon, and what it costs those who trade."""

from statistics import median

from benchmarks import check, doors, listeners
from benchmarks.check import WrongRun
from benchmarks.database import Server, servers
from benchmarks.listeners import Crowd, Heard
from benchmarks.report import Report
from benchmarks.serving import serving
from benchmarks.worker import worker

_NAME = "fanout"
_PER_SECOND, _PAGES_PER_SECOND = 10.0, 5.0
WANTED_BURST, WANTED_P99_MS, WANTED_SLOWER, WANTED_PAGES_P99_MS = 50_000.0, 100.0, 1.1, 500.0
_NOBODY, _ALL, _PAGES = Crowd("messages", 0), Crowd("messages", 500), Crowd("fragments", 200)


def run(*, quick: bool) -> Report:
    """Orders at a steady pace and in bursts, with a growing crowd. `acks_slower`: against nobody there."""
    report = Report("fanout")
    crowds = [_NOBODY, Crowd("messages", 10), Crowd("messages", 100), _ALL, _PAGES]
    if quick:
        crowds = [_NOBODY, Crowd("messages", 10), Crowd("fragments", 10)]
    for server in servers():
        _measure(report, server, crowds, rounds=1 if quick else 3, seconds=2.0 if quick else 5.0)
        if not quick:
            _judge(report, server)
    return report


def _measure(report: Report, server: Server, crowds: list[Crowd], *, rounds: int, seconds: float) -> None:
    with worker(server.create()) as child:
        child.call(doors.open_session, _NAME)
        with serving(child.url) as running:
            usual = 0.0
            for crowd in crowds:
                child.call(listeners.gather, _NAME, running.port, crowd)
                per_second = _PAGES_PER_SECOND if crowd.what == "fragments" else _PER_SECOND
                child.call(listeners.burst, crowd, 20)
                before = running.cpu_seconds()
                paced = [child.call(listeners.pace, crowd, per_second, seconds) for _ in range(rounds)]
                cpu = (running.cpu_seconds() - before) / sum(one.seconds for one in paced)
                bursts = [child.call(listeners.burst, crowd, 100) for _ in range(rounds)]
                child.call(listeners.dismiss, _NAME, crowd)
                usual = usual or median(one.ack_p50_ms for one in paced)
                report.rows.append(_row(server, crowd, per_second, paced, bursts, usual) | {"server_cpu": cpu})
        check.require_correct(child)
        if wrong := child.call(doors.strays, _NAME):
            raise WrongRun("\n".join(wrong))


def _row(
    server: Server, crowd: Crowd, per_second: float, paced: list[Heard], bursts: list[Heard], usual: float
) -> dict[str, object]:
    return {
        "database": server.name,
        "what": crowd.what,
        "clients": crowd.clients,
        "pace": per_second,
        "p50_ms": median(one.p50_ms for one in paced),
        "p99_ms": median(one.p99_ms for one in paced),
        "ack_p50_ms": median(one.ack_p50_ms for one in paced),
        "ack_p99_ms": median(one.ack_p99_ms for one in paced),
        "acks_slower": median(one.ack_p50_ms for one in paced) / usual,
        "load_cpu": median(one.load_cpu for one in paced),
        "burst_per_second": median(one.per_second for one in bursts),
        "burst_load_cpu": median(one.load_cpu for one in bursts),
    }


def _judge(report: Report, server: Server) -> None:
    rows = {(row["what"], row["clients"]): row for row in report.rows if row["database"] == server.name}
    crowd, pages = rows[_ALL], rows[_PAGES]
    wanted = (
        (crowd["burst_per_second"], WANTED_BURST, f"hear {crowd['burst_per_second']:,.0f} messages/s in a burst"),
        (WANTED_P99_MS, crowd["p99_ms"], f"hear 99 % of it within {crowd['p99_ms']:.0f} ms at 10 orders/s"),
        (WANTED_SLOWER, crowd["acks_slower"], f"slow an order's answer {crowd['acks_slower']:.2f} x"),
    )
    limits = ("50,000", "100 ms", "1.1 x")
    for (more, less, said), limit in zip(wanted, limits, strict=True):
        report.judge(f"{server.name}: 500 clients {said}, wanted {limit}", passed=more >= less)
    sentence = f"{server.name}: 200 pages get 99 % of it within {pages['p99_ms']:.0f} ms at 5 orders/s, wanted 500 ms"
    report.judge(sentence, passed=pages["p99_ms"] < WANTED_PAGES_P99_MS)
