"""G47: a full disk acknowledges nothing that is not there; reading goes on, and room is all that recovery needs."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.guarantees import journal
from tests.guarantees.disk import Disk, small_disk
from tests.guarantees.harness import House, crowd, house
from tests.guarantees.journal import Deed
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import OK, UNKNOWN, Wire
from tests.services import Cluster, ServiceMissing
from tests.stack.floor import eventually, readiness

ROUNDS, REFUSALS = size(1, 10, 50), size(20, 200, 200)
pytestmark = pytest.mark.timeout(240 + 60 * ROUNDS)


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    try:
        with small_disk(256) as found:
            yield found
    except ServiceMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def market(disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("full"), disk=disk.folder) as running:
        yield running


def test_a_full_disk_is_a_sentence_and_room_is_all_it_takes(
    market: House, disk: Disk, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    market.open_session("g47")
    with crowd(market, "g47", tmp_path, seed=seed) as clients, market.wires("p0", 1) as (reader,):
        for _ in range(ROUNDS):
            clients.wait_for(20)
            time.sleep(dice.uniform(0, 0.15))
            wanted = refusals(tmp_path) + REFUSALS
            with disk.full():
                eventually(lambda: refusals(tmp_path) >= wanted, within=60)  # noqa: B023  called at once
                status, body = readiness(market.url)
                assert (status, body["status"], body["checks"]["database"]) == (503, "down", "ok")
                assert "The disk has" in body["detail"]
                read_on(reader, "g47")
            clients.wait_for(20)
        deeds = clients.end()
    eventually(lambda: readiness(market.url)[0] == 200, within=20)
    tell(f"{ROUNDS} times full, {summary(deeds)}, {refusals(tmp_path)} answers of a full disk, seed {seed}")
    assert market.lies("g47", deeds) == []
    assert market.verified("g47") == []


@pytest.mark.postgresql
def test_postgresql_that_ends_for_want_of_room_is_found_again(
    market: House, disk: Disk, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    database = market.stack.database
    assert database is not None
    seed, dice = chance()
    market.open_session("g47-log")
    with crowd(market, "g47-log", tmp_path, seed=seed) as clients:
        for _ in range(ROUNDS):
            clients.wait_for(20)
            time.sleep(dice.uniform(0, 0.15))
            with disk.full():
                exhaust_log(database)
                eventually(lambda: readiness(market.url)[0] == 503, within=20)
            revive(database)
            clients.wait_for(20, within=60)
        deeds = clients.end()
    eventually(lambda: readiness(market.url)[0] == 200, within=20)
    tell(f"{ROUNDS} times without room for the log, {summary(deeds)}, seed {seed}")
    assert market.lies("g47-log", deeds) == []
    assert market.verified("g47-log") == []


def refusals(folder: Path) -> int:
    """How often clients were told that the disk is full, and that nothing was changed."""
    answers = [answer for deed in journal.read(folder) for answer in deed.answers]
    return sum((answer["status"], answer["code"]) == (503, "unavailable") for answer in answers)


def read_on(reader: Wire, session: str) -> None:
    """Whatever cannot be written, this can be read."""
    for path in ("", "/orderbook/AAPL", "/orders", "/trades", "/portfolio"):
        assert reader.ask("GET", f"/sessions/{session}{path}").status == 200, path


def exhaust_log(database: Cluster) -> None:
    """Write to PostgreSQL's log until it ends in a panic."""
    with suppress(psycopg.OperationalError), psycopg.connect(database.url, autocommit=True) as own:
        for _ in range(256):
            own.execute("SELECT pg_logical_emit_message(false, '', repeat('x', 1000000))")
        pytest.fail("the log found room")


def revive(database: Cluster) -> None:
    """PostgreSQL may have come back by itself, or have given up: then whoever runs it starts it."""

    def answers() -> bool:
        if database.pid is None:
            database.start()
        with suppress(psycopg.OperationalError), psycopg.connect(database.url, connect_timeout=2):
            return True
        return False

    eventually(answers, within=60)


def summary(deeds: list[Deed]) -> str:
    outcomes = [deed.outcome for deed in deeds]
    return f"{outcomes.count(OK)} acknowledged, {outcomes.count(UNKNOWN)} unknown"
