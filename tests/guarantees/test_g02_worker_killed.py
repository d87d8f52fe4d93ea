"""G02: nothing that was acknowledged, and nothing that was due, is lost when a worker or a beat dies."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.guarantees.harness import LEGS, PEOPLE, House, crowd
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import OK, UNKNOWN
from tests.stack.floor import eventually, replay, soon

KILLS = size(3, 30, 100)
ROWS, TICK_MS = 8, 250
DUE = ("SessionStarted", "SessionClosed", "SessionSettled")
pytestmark = [pytest.mark.redis, pytest.mark.timeout(240 + 30 * KILLS)]


def test_what_is_acknowledged_and_what_is_due_happens_once_whenever_workers_and_beats_are_killed(
    whole: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    parts = [*whole.stack.workers, *whole.stack.workers, *whole.stack.beats]
    killed: Counter[str] = Counter()
    whole.open_session("g02")
    with crowd(whole, "g02", tmp_path, seed=seed, pause=0.2) as clients:
        for turn in range(KILLS):
            eventually(lambda: is_listening(whole), within=60)
            begin(whole, turn)
            clients.wait_for(5)
            time.sleep(dice.uniform(0, 2.5))
            dying = parts[turn % len(parts)]
            dying.stop(signal.SIGKILL)
            dying.start()
            killed[dying.name.partition("-")[0]] += 1
        for turn in range(KILLS):
            eventually(lambda: is_done(whole, turn), within=60)  # noqa: B023  called at once
        deeds = clients.end()
    outcomes = [deed.outcome for deed in deeds]
    tell(
        f"{killed['worker']} workers and {killed['beat']} beats killed, {KILLS * ROWS} ticks, "
        f"{KILLS * len(DUE)} phases, {outcomes.count(OK)} acknowledged, seed {seed}"
    )
    assert outcomes.count(UNKNOWN) == 0, "no server died"
    assert whole.lies("g02", deeds) == []
    for turn in range(KILLS):
        ticks = list(whole.organiser.ticks(f"ticking-{turn}"))
        assert [tick.prices[LEGS[0]] for tick in ticks] == [100 + row for row in range(ROWS)]
        assert [tick.feed_seq for tick in ticks] == list(range(1, ROWS + 1))
        told = Counter(event.type for event in whole.organiser.events(f"due-{turn}"))
        assert [told[kind] for kind in DUE] == [1] * len(DUE)
    assert whole.verified("g02") == []


def begin(market: House, turn: int) -> None:
    """A session with a replay of eight ticks in two seconds, and one that starts and ends by itself meanwhile."""
    market.open_session(f"ticking-{turn}", PEOPLE[:2])
    market.organiser.create_feed(
        "replay", session_id=f"ticking-{turn}", csv=replay(ROWS), settings={"tick_ms": TICK_MS}
    )
    due = f"due-{turn}"
    market.organiser.create_session(
        due, LEGS, [10, 10], start_mode="scheduled", end_mode="timed", t1=soon(2), t2=soon(3)
    )
    market.organiser.push_prices(due, {"AAPL": 20, "NVDA": 30})


def is_listening(market: House) -> bool:
    """Whether a worker waits for its next task."""
    with redis.Redis.from_url(market.stack.environment["REDIS_URL"]) as broker:
        return any(client["cmd"] == "brpop" for client in broker.client_list())


def is_done(market: House, turn: int) -> bool:
    """Whether all of a turn's ticks and phases have come."""
    is_settled = market.organiser.session(f"due-{turn}").status == "settled"
    return is_settled and len(list(market.organiser.ticks(f"ticking-{turn}"))) >= ROWS
