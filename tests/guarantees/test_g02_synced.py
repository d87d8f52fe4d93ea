"""G02: whatever is acknowledged was on the disk before. The kernel tells what the processes did, in which order."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.guarantees.harness import House
from tests.guarantees.sizes import ONCE, size
from tests.guarantees.trader import OK
from tests.services import Cluster

ORDERS = size(30, 300, 3000)
_CALLS = "fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,recvfrom"
_CALL = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. (?P<again>\w+) resumed>|(?P<name>\w+)\()(?P<rest>.*)")
_JOURNAL = re.compile(r"^\d+<[^>]*(?:-wal|/pg_wal/\w+)>")
_SYNCS, _WRITES = {"fsync", "fdatasync"}, {"write", "writev", "pwrite64", "pwritev"}
pytestmark = pytest.mark.timeout(240 + ORDERS)


def test_every_acknowledgement_comes_after_a_sync_of_what_was_written(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    market.open_session("g02-synced")
    told, hasty = acknowledge(market, "g02-synced", tmp_path)
    tell(f"{told} acknowledgements, {hasty} of them before their journal was on the disk")
    assert (told, hasty) == (ORDERS, 0)


@ONCE
def test_a_database_that_does_not_wait_for_the_disk_is_found_out(market: House, tmp_path: Path) -> None:
    market.open_session("g02-hasty")
    database = market.stack.database
    with hurried(database) if database else market.broken("syncs_off"):
        told, hasty = acknowledge(market, "g02-hasty", tmp_path)
    assert told == ORDERS
    assert hasty > ORDERS // 2, "a sync now and then is the clock's"


def acknowledge(market: House, session: str, folder: Path) -> tuple[int, int]:
    """Place orders one by one: (how many acknowledgements left the server, how many of them too early)."""
    report = folder / "calls"
    with market.wires("p0", 1) as (wire,), tracing(processes(market), report):
        for price in range(ORDERS):
            body = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": 1, "price": 20 + price}
            assert wire.ask("POST", f"/sessions/{session}/orders", body).outcome == OK
    return judged(report.read_text().splitlines())


def judged(lines: Iterable[str]) -> tuple[int, int]:
    """(acknowledgements, those to which no write and sync of the journal belong) of strace's report."""
    told = hasty = 0
    is_written = is_synced = False
    syncing = set[str]()
    for found in filter(None, map(_CALL.match, lines)):
        pid, name, rest = found["pid"], found["name"] or found["again"], found["rest"]
        if name == "recvfrom" and '"POST /api/' in rest:
            is_written = is_synced = False
        elif name in _WRITES and _JOURNAL.match(rest):
            is_written = True
        elif name in _SYNCS and _JOURNAL.match(rest) and "unfinished" in rest:
            syncing.add(pid)
        elif name in _SYNCS and (_JOURNAL.match(rest) or pid in syncing):
            syncing.discard(pid)
            is_synced |= is_written and rest.endswith("= 0")
        elif '"HTTP/1.1 201' in rest:
            told += 1
            hasty += not is_synced
    return told, hasty


def processes(market: House) -> list[int]:
    """The server, and those of PostgreSQL."""
    database = market.stack.database
    if database is None:
        return [market.web.pid]
    assert database.pid
    backends = Path(f"/proc/{database.pid}/task/{database.pid}/children").read_text().split()
    return [market.web.pid, database.pid, *map(int, backends)]


@contextmanager
def tracing(pids: Iterable[int], report: Path) -> Iterator[None]:
    """What the processes ask of the kernel goes to `report`. Skips where we may not look."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("There is no strace here (Debian: apt-get install strace).")
    watched = [part for pid in pids for part in ("-p", str(pid))]
    command = [program, "-f", "-y", "-s", "32", "-e", f"trace={_CALLS}", "-o", str(report), *watched]
    looking = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert looking.stderr
        said = looking.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"strace may not look: {said.strip()}")
        time.sleep(0.5)  # for the others
        yield
    finally:
        looking.terminate()
        looking.communicate(timeout=30)


@contextmanager
def hurried(database: Cluster) -> Iterator[None]:
    """For the length of a block PostgreSQL acknowledges commits before they are on the disk."""
    with psycopg.connect(database.url, autocommit=True) as own:
        own.execute("ALTER SYSTEM SET synchronous_commit = off")
        own.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            own.execute("ALTER SYSTEM RESET synchronous_commit")
            own.execute("SELECT pg_reload_conf()")
