"""G05: a session has one order of events, whatever process takes a request: seqs without gaps, in order of time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees.harness import House, crowd
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import OK

REQUESTS = size(300, 5_000, 50_000)
pytestmark = pytest.mark.timeout(240 + REQUESTS // 20)


def test_seqs_have_no_gap_and_follow_the_order_of_time(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, _ = chance()
    market.open_session("g05")
    with crowd(market, "g05", tmp_path, seed=seed) as clients:
        clients.wait_for(REQUESTS, within=60 + REQUESTS / 20)
        deeds = clients.end()
    assert market.lies("g05", deeds) == []
    assert all(deed.outcome == OK or 400 <= deed.answers[-1]["status"] < 500 for deed in deeds)
    tell(f"{len(deeds)} requests over {len(market.stack.webs)} servers, seed {seed}")
