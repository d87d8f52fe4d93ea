"""G01: no acknowledged order or cancel is lost when the web process dies."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees.harness import House, crowd
from tests.guarantees.sizes import ONCE, chance, size
from tests.guarantees.trader import OK, UNKNOWN

KILLS = size(3, 50, 200)
pytestmark = pytest.mark.timeout(240 + 20 * KILLS)


def test_what_was_acknowledged_is_there_once_whenever_the_server_was_killed(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    market.open_session("g01")
    starts = []
    with crowd(market, "g01", tmp_path, seed=seed) as clients:
        for _ in range(KILLS):
            clients.wait_for(20)
            time.sleep(dice.uniform(0, 0.15))
            starts.append(market.restart())
        clients.wait_for(20)
        deeds = clients.end()
    outcomes = [deed.outcome for deed in deeds]
    replayed = sum(deed.is_replayed for deed in deeds)
    tell(
        f"{KILLS} kills, {outcomes.count(OK)} acknowledged, {outcomes.count(UNKNOWN)} unknown, {replayed} replayed, "
        f"start {max(starts):.1f} s of processor, seed {seed}"
    )
    assert market.lies("g01", deeds) == []
    assert market.verified("g01") == []
    assert any(deed.attempts > 1 or deed.outcome == UNKNOWN for deed in deeds), "no kill met a request"
    assert max(starts) < 5


@ONCE
def test_a_server_that_acknowledges_before_it_commits_is_found_out(market: House, tmp_path: Path) -> None:
    seed, _ = chance()
    market.open_session("g01-broken")
    with crowd(market, "g01-broken", tmp_path, seed=seed) as clients:
        with market.broken("ack_before_commit"):
            clients.wait_for(1)
        deeds = clients.end()
    found = market.lies("g01-broken", deeds)
    assert any("was acknowledged and is there 0 times" in lie for lie in found), f"seed {seed}: {found}"
