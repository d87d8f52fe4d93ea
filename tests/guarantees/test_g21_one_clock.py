"""G21: one of three servers holds the clock; killed, another takes it within 5 s, and no tick comes twice."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.guarantees.harness import LEGS, PEOPLE, House, house
from tests.guarantees.sizes import chance, size
from tests.stack.floor import eventually, replay

KILLS = size(2, 20, 100)
ROWS, TICK_MS, TAKEN_WITHIN_S = 10, 200, 5.0
_HOLDER = "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory'"
pytestmark = pytest.mark.timeout(240 + 60 * KILLS)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("three"), webs=3) as running:
        yield running


def test_another_server_takes_the_clock_of_one_that_is_killed_and_no_tick_comes_twice(
    market: House, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    programs = {web.name: web for web in market.stack.webs}
    took: list[float] = []
    for turn in range(KILLS):
        for url, web in zip(market.stack.web_urls, market.stack.webs, strict=True):
            market.stack.wait_for(url, web)
        session = f"g21-{turn}"
        market.open_session(session, PEOPLE[:2])
        market.organiser.create_feed("replay", session_id=session, csv=replay(ROWS), settings={"tick_ms": TICK_MS})
        time.sleep(dice.uniform(0, ROWS * TICK_MS / 1000))
        (old,) = holders(market)
        programs[old].stop(signal.SIGKILL)
        took.append(eventually(lambda: holders(market) not in ([], [old]), within=30))  # noqa: B023  called at once
        programs[old].start()
    for turn in range(KILLS):
        eventually(lambda: len(prices(market, turn)) >= ROWS, within=30)  # noqa: B023  called at once
        assert prices(market, turn) == [100 + row for row in range(ROWS)]
    tell(f"{KILLS} clocks killed, taken over after {max(took):.1f} s at most, {KILLS * ROWS} ticks, seed {seed}")
    assert max(took) <= TAKEN_WITHIN_S


def prices(market: House, turn: int) -> list[object]:
    """The first leg's, tick by tick, whose numbers have no gap."""
    ticks = list(market.organiser.ticks(f"g21-{turn}"))
    assert [tick.feed_seq for tick in ticks] == list(range(1, len(ticks) + 1))
    return [tick.prices[LEGS[0]] for tick in ticks]


def holders(market: House) -> list[str]:
    """The servers that hold the clock's lock now: one at most."""
    url = market.stack.environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        inode = str(Path(f"{url.removeprefix('sqlite:///')}.clock").stat().st_ino)
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        pids = {int(lock[4]) for lock in locks if lock[1] == "FLOCK" and lock[5].endswith(f":{inode}")}
        found = [web.name for web in market.stack.webs if web.pid in pids]
    else:
        with psycopg.connect(url) as own:
            found = [name for (name,) in own.execute(_HOLDER.encode())]
    assert len(found) <= 1
    return found
