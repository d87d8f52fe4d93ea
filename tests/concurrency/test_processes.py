"""Four real processes of eight threads trade in one session on PostgreSQL: nothing is lost, doubled or out of order.

Without the lock the same run takes the same seq twice, which the primary key refuses; without that as well, money is
spent twice.
"""

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.models import F, Sum

from ledger.models import Command, Event, Stream
from ledger.verify import verify_all
from markets.engine.state import CASH
from markets.models import Holding, Trade
from markets.queries import SessionInfo
from markets.tests.floor import open_session
from tests.concurrency.processes import Told, drivers, python, run, scratch, told

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(120)]
PEOPLE = [f"p{number}" for number in range(8)]
UNITS = 10_000


@pytest.fixture
def session(ledger: None) -> SessionInfo:
    return open_session(people=PEOPLE, cash_per_participant="200", q=[160, 160])


def plans(session: SessionInfo, count: int = 4, **more: Any) -> list[dict[str, Any]]:
    return [{"stream": str(session.stream), "process": number, **more} for number in range(count)]


def check(session: SessionInfo, answers: list[Told], *, all_told: bool = True, has_lock: bool = True) -> int:
    """Every promise that a crowd must not break. Answers how many events there are."""
    rows = list(Event.objects.filter(stream_id=session.stream).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1)), "gap-free"
    assert Stream.objects.get(id=session.stream).seq == len(rows)
    placed = {f"order:{name}": seq for answer in answers for name, seq in answer.placed.items()}
    cancelled = {name for answer in answers for name in answer.cancelled}
    for command_id, seq in placed.items():
        row = rows[seq - 1]
        assert (row.type, row.command_id) == ("OrderPlaced", command_id), "what was acknowledged is there"
    named = [row.command_id for row in rows if row.type == "OrderPlaced"]
    assert len(named) == len(set(named)), "once each"
    stored = set(Command.objects.filter(stream_id=session.stream).values_list("command_id", flat=True))
    assert placed.keys() | cancelled <= stored
    if all_told:
        assert set(named) == placed.keys(), "and nothing that was not acknowledged"
    held = Holding.objects.filter(stream_id=session.stream)
    assert not held.filter(reserved__lt=0).exists()
    assert not held.filter(total__lt=F("reserved")).exists()
    sums = dict(held.values_list("asset").annotate(Sum("total")))
    assert sums == {"AAPL": 160 * UNITS, "NVDA": 160 * UNITS, CASH: 8 * 200 * UNITS * UNITS}
    found = [finding.text for finding in verify_all()]
    lost = ["table ledger_command has outcomes more or less than there were"]  # two wrote the sum of seals at once
    assert found == [] or (not has_lock and found == lost)
    return len(rows)


def test_four_processes_of_eight_threads_lose_nothing_and_double_nothing(
    session: SessionInfo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = run(plans(session), tmp_path)
    events = check(session, answers)
    assert [answer.conflicts for answer in answers] == [0] * 4, "the row lock orders them"
    assert [answer.counters["cold_starts"] for answer in answers] == [1] * 4, "each caught up with the others"
    assert [answer.counters["reruns"] for answer in answers] == [0] * 4
    done = sum(len(answer.placed) + len(answer.cancelled) for answer in answers)
    refused = sum(len(answer.refused) for answer in answers)
    assert done + refused == 4 * 8 * 25
    assert done > 400
    assert Trade.objects.filter(stream_id=session.stream).exists()
    batches = sum(answer.counters["batches"] for answer in answers)
    with capsys.disabled():
        print(f" [{done} done, {refused} refused, {events} events, {batches} batches]", end="")  # noqa: T201


def test_a_process_that_is_killed_takes_nothing_along_that_it_had_acknowledged(
    session: SessionInfo, tmp_path: Path
) -> None:
    with drivers(plans(session, turns=60), tmp_path) as started:
        while len(told(tmp_path, 0).placed) < 40:
            assert started[0].poll() is None
            time.sleep(0.02)
        started[0].kill()
        assert [process.wait(timeout=60) for process in started[1:]] == [0] * 3
    answers = [told(tmp_path, number) for number in range(4)]
    assert answers[0].counters == {}, "it never came to its end"
    check(session, answers, all_told=False)


def test_without_the_lock_the_same_run_takes_the_same_seq_twice_and_the_key_refuses_it(
    session: SessionInfo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meeting = tmp_path / "meeting"  # so that all four begin with the same row of the stream
    meeting.mkdir()
    answers = run(plans(session, has_lock=False, turns=12, rendezvous=str(meeting), processes=4), tmp_path)
    check(session, answers, has_lock=False)
    conflicts = sum(answer.conflicts for answer in answers)
    with capsys.disabled():
        print(f" [{conflicts} conflicts without the lock]", end="")  # noqa: T201
    assert conflicts > 0


PREPARE = """
from django.core.management import call_command
from django.db import connection
from ledger.runtime import runtime
from markets.tests.floor import open_session, place
call_command("migrate", verbosity=0)
with connection.cursor() as cursor:
    if not {has_key}:
        cursor.execute("ALTER TABLE ledger_event DROP CONSTRAINT ledger_event_pkey")
session = open_session(cash_per_participant="1000", q=[100, 60])  # alice and bob have 50 AAPL each
place(session, "bob", "buy", 100, 1)
runtime.stop()
print(session.stream)
"""


def sell_twice(folder: Path, *, has_lock: bool, has_key: bool) -> tuple[list[Told], int]:
    """Two processes each sell all that alice has, at one moment. What they were told, and how much was sold."""
    with scratch("double_spend") as database:
        stream = python(PREPARE.format(has_key=has_key), database, folder)
        meeting = folder / "meeting"
        meeting.mkdir()
        plan = {"stream": stream, "has_lock": has_lock, "sells_all": True, "rendezvous": str(meeting)}
        answers = run([{**plan, "process": number} for number in range(2)], folder, database=database)
        with psycopg.connect(database) as own:
            payloads = own.execute("SELECT payload FROM ledger_event WHERE type = 'OrderMatched'").fetchall()
    return answers, sum(json.loads(payload)["quantity"] for (payload,) in payloads)


@pytest.mark.parametrize(
    ("has_lock", "has_key", "sold"),
    [
        pytest.param(False, False, 100, id="without lock and key it is sold twice"),
        pytest.param(False, True, 50, id="without the lock the key saves it"),
        pytest.param(True, False, 50, id="with the lock alone it is sold once"),
    ],
)
def test_what_somebody_has_is_sold_once(
    transactional_db: None, tmp_path: Path, *, has_lock: bool, has_key: bool, sold: int
) -> None:
    answers, units = sell_twice(tmp_path, has_lock=has_lock, has_key=has_key)
    assert units == sold * UNITS
    assert sum(len(answer.placed) for answer in answers) == sold // 50
    assert sorted(code for answer in answers for code in answer.refused) == ["insufficient_units"] * (2 - sold // 50)
