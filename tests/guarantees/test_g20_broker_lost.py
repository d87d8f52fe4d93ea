"""G20: the broker may forget everything, or die: what is due is done within two sweeps of its return."""

import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest
import redis

from tests.guarantees.harness import LEGS, House
from tests.guarantees.sizes import chance, size
from tests.stack.floor import eventually, soon

ROUNDS, SESSIONS = size(2, 20, 100), 4
SWEEP_S, STANDBY_S, BUSY_S = 1.0, 3.0, 4.0
"""What is closed is looked for once a second; a standby ticks when the clock proper has been silent for three. What
else runs on the machine is not ours to judge."""
DUE = ("SessionStarted", "SessionClosed", "SessionSettled")
pytestmark = [pytest.mark.redis, pytest.mark.timeout(240 + 30 * ROUNDS)]


def test_all_that_is_due_is_done_once_whatever_the_broker_forgets(whole: House, tell: Callable[[str], None]) -> None:
    broker = whole.stack.redis
    assert broker is not None
    seed, dice = chance()
    took: dict[str, list[float]] = {"emptied": [], "killed": []}
    for turn in range(ROUNDS):
        due = [begin(whole, f"g20-{turn}-{number}") for number in range(SESSIONS)]
        time.sleep(max(0.0, due[-1] - 1 - time.time()) + dice.uniform(0, 0.5))
        while time.time() < due[-1] + 0.5:  # their starts, ends and settlements fall into this
            forget(whole)
            time.sleep(dice.uniform(0, 0.1))
        how = "killed" if turn % 2 else "emptied"
        if how == "killed":
            broker.stop(signal.SIGKILL)
            broker.start()
        took[how].append(eventually(lambda: all_settled(whole, turn), within=30))  # noqa: B023  called at once
    for turn in range(ROUNDS):
        for number in range(SESSIONS):
            told = Counter(event.type for event in whole.organiser.events(f"g20-{turn}-{number}"))
            assert [told[kind] for kind in DUE] == [1] * len(DUE)
    slowest = {how: max(times) for how, times in took.items()}
    tell(
        f"{ROUNDS * SESSIONS} sessions, all settled {slowest['emptied']:.1f} s after the last FLUSHALL, "
        f"{slowest['killed']:.1f} s after the broker was killed and back, seed {seed}"
    )
    assert slowest["emptied"] <= 2 * SWEEP_S + BUSY_S
    assert slowest["killed"] <= STANDBY_S + 2 * SWEEP_S + BUSY_S


def begin(market: House, session: str) -> float:
    """A session that starts and ends by itself; when it ends (Unix time, s)."""
    market.organiser.create_session(
        session, LEGS, [10, 10], start_mode="scheduled", end_mode="timed", t1=soon(2.5), t2=soon(3)
    )
    ends = time.time() + 3
    market.organiser.push_prices(session, {"AAPL": 20, "NVDA": 30})
    return ends


def forget(market: House) -> None:
    """Whatever waits for a worker is gone."""
    with redis.Redis.from_url(market.stack.environment["REDIS_URL"]) as own:
        own.flushall()


def all_settled(market: House, turn: int) -> bool:
    return all(market.organiser.session(f"g20-{turn}-{number}").status == "settled" for number in range(SESSIONS))
