"""The database server crashes in the midst of trading and comes back: what was acknowledged is there, once."""

import time
from pathlib import Path

import psycopg
import pytest

from tests.concurrency.processes import drivers, manage, python, told
from tests.services import cluster

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(120)]
PREPARE = """
from django.core.management import call_command
from ledger.runtime import runtime
from markets.tests.floor import open_session
call_command("migrate", verbosity=0)
session = open_session(people=[f"p{n}" for n in range(8)], cash_per_participant="200", q=[160, 160])
runtime.stop()
print(session.stream)
"""


def test_a_crash_of_the_database_loses_nothing_that_was_acknowledged_and_repeats_tell_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster(durable=True) as own:
        stream = python(PREPARE, own.url, tmp_path)
        plans = [{"stream": stream, "process": number, "turns": 80} for number in range(2)]
        with drivers(plans, tmp_path, database=own.url) as started:
            wait_for(tmp_path, 60)
            own.stop(immediate=True)
            time.sleep(0.5)
            before = sum(len(told(tmp_path, number).placed) for number in range(2))
            own.start()
            assert [process.wait(timeout=60) for process in started] == [0, 0]
        answers = [told(tmp_path, number) for number in range(2)]
        placed = {f"order:{name}": seq for answer in answers for name, seq in answer.placed.items()}
        cancelled = {name for answer in answers for name in answer.cancelled}
        assert len(placed) > before, "they went on after the crash"
        with psycopg.connect(own.url) as reader:
            rows = reader.execute("SELECT seq, type, command_id FROM ledger_event ORDER BY seq").fetchall()
        assert [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1))
        assert {name: seq for seq, kind, name in rows if kind == "OrderPlaced"} == placed
        done = [name for _, kind, name in rows if kind == "OrderCancelled" and not name.startswith("order:")]
        assert sorted(done) == sorted(cancelled)
        verified = manage(own.url, tmp_path, "verify")
        assert verified.returncode == 0, verified.stderr
    unknown = sum(answer.counters["unknown_commits"] for answer in answers)
    with capsys.disabled():
        print(f" [{before} placed before the crash, {len(placed)} in all, {unknown} unknown commits]", end="")  # noqa: T201


def wait_for(folder: Path, count: int) -> None:
    """Until the drivers have placed so many orders."""
    deadline = time.monotonic() + 30
    while sum(len(told(folder, number).placed) for number in range(2)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
