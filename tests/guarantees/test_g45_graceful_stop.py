"""G45: a server that is told to stop finishes what it took, acknowledges nothing that it did not do, and goes."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees import checker
from tests.guarantees.harness import House, crowd
from tests.guarantees.sizes import ONCE, chance, size
from tests.guarantees.trader import OK, UNKNOWN

STOPS = size(1, 20, 50)
pytestmark = [ONCE, pytest.mark.timeout(240 + 20 * STOPS)]


def test_nothing_that_was_done_goes_unanswered_when_a_server_is_told_to_stop(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    market.open_session("g45")
    longest = 0.0
    with crowd(market, "g45", tmp_path, seed=seed) as clients:
        for _ in range(STOPS):
            clients.wait_for(20)
            time.sleep(dice.uniform(0, 0.15))
            began = time.monotonic()
            assert market.web.stop(signal.SIGTERM) == 0
            longest = max(longest, time.monotonic() - began)
            market.web.start()
            market.stack.wait_for(market.url, market.web)
        clients.wait_for(20)
        deeds = clients.end()
    assert market.lies("g45", deeds) == []
    events = checker.pages(market.organiser, "/sessions/g45/events")
    done = {event["command_id"].partition(":")[2] for event in events if event["command_id"]}
    unanswered = [deed.name for deed in deeds if deed.outcome == UNKNOWN and deed.name in done]
    acknowledged = sum(deed.outcome == OK for deed in deeds)
    tell(f"{STOPS} stops, {longest:.1f} s at most, {acknowledged} acknowledged, seed {seed}")
    assert unanswered == []
    assert longest < 10
