"""G02: no acknowledged order or cancel is lost when the database dies; SQLite's files are whole at any instant."""

import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from tests.guarantees import journal
from tests.guarantees.harness import House, crowd
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import OK, UNKNOWN

CRASHES, COPIES, VERIFIED = size(2, 20, 50), size(10, 100, 200), size(1, 20, 200)
pytestmark = pytest.mark.timeout(240 + 20 * CRASHES + 10 * VERIFIED)


@pytest.mark.postgresql
def test_what_was_acknowledged_is_there_once_whenever_postgresql_crashed(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    database = market.stack.database
    assert database is not None
    seed, dice = chance()
    market.open_session("g02")
    with crowd(market, "g02", tmp_path, seed=seed) as clients:
        for _ in range(CRASHES):
            clients.wait_for(20)
            time.sleep(dice.uniform(0, 0.15))
            database.stop(immediate=True)
            database.start()
        clients.wait_for(20)
        deeds = clients.end()
    outcomes = [deed.outcome for deed in deeds]
    tell(f"{CRASHES} crashes, {outcomes.count(OK)} acknowledged, {outcomes.count(UNKNOWN)} unknown, seed {seed}")
    assert market.lies("g02", deeds) == []
    assert market.verified("g02") == []
    assert any(deed.attempts > 1 or deed.outcome != OK for deed in deeds), "no crash met a request"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's files")
def test_a_copy_of_the_files_at_any_instant_is_whole_and_has_what_was_acknowledged(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    market.open_session("g02")
    acknowledged = 0
    with crowd(market, "g02", tmp_path / "journals", seed=seed) as clients:
        for number in range(COPIES):
            clients.wait_for(5)
            time.sleep(dice.uniform(0, 0.15))
            copy, names = crash_image(market, tmp_path, number)
            acknowledged = len(names)
            with closing(sqlite3.connect(copy)) as database:
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                done = {name.partition(":")[2] for (name,) in database.execute("SELECT command_id FROM ledger_event")}
            assert names <= done, f"copy {number}, seed {seed}"
            if number >= COPIES - VERIFIED:
                assert market.verified("g02", DATABASE_URL=f"sqlite:///{copy}") == []
            copy.unlink()
        clients.end()
    tell(f"{COPIES} copies, {VERIFIED} of them verified, the last with {acknowledged} acknowledged, seed {seed}")


def crash_image(market: House, folder: Path, number: int) -> tuple[Path, set[str]]:
    """The files as a crash at this instant would leave them, and what had been acknowledged by then."""
    original = Path(market.stack.environment["DATABASE_URL"].removeprefix("sqlite:///"))
    copy = folder / f"copy-{number}.sqlite3"
    market.web.send(signal.SIGSTOP)
    while Path(f"/proc/{market.web.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)
    try:
        names = {deed.name for deed in journal.read(folder / "journals") if deed.outcome == OK}
        for suffix in ("", "-wal"):
            shutil.copy(f"{original}{suffix}", f"{copy}{suffix}")
    finally:
        market.web.send(signal.SIGCONT)
    return copy, names
