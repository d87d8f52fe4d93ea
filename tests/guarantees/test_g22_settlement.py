"""G22: a settlement happens whole or not at all, once, whenever the server dies amid it."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.guarantees.harness import CASH_EACH, PEOPLE, UNITS, House, crowd
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import OK, Answer

KILLS = size(2, 30, 100)
PRICES = {"AAPL": "10.37", "NVDA": "9.01"}
pytestmark = pytest.mark.timeout(240 + 20 * KILLS)


def test_a_settlement_is_whole_or_not_there_and_can_be_asked_for_again(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    before = 0
    for turn in range(KILLS):
        session = f"g22-{turn}"
        market.open_session(session)
        with crowd(market, session, tmp_path / session, seed=seed, most=3) as clients:
            clients.wait_for(20)
            clients.end()
        first = settle_and_die(market, session, dice.uniform(0, 0.15))
        happened = market.organiser.session(session).status == "settled"
        before += happened
        assert first.outcome != OK or happened, f"seed {seed}"
        events = len(list(market.organiser.events(session)))
        again = settle(market, session)
        assert again.status in {200, 201}, again
        assert again.replayed == happened
        whole(market, session)
        if happened:
            assert len(list(market.organiser.events(session))) == events, "asking again changed something"
    assert market.verified(f"g22-{KILLS - 1}") == []
    tell(f"{KILLS} kills, {before} after the commit, seed {seed}")


def settle(market: House, session: str) -> Answer:
    with market.wires("organiser", 1) as wires:
        return wires[0].ask("POST", f"/sessions/{session}/settle", {"prices": PRICES}, key="the one")


def settle_and_die(market: House, session: str, offset: float) -> Answer:
    """Ask for the settlement, and kill the server so many seconds later; what was answered, if anything."""
    told: list[Answer] = []
    asking = threading.Thread(target=lambda: told.append(settle(market, session)))
    asking.start()
    time.sleep(offset)
    market.restart()
    asking.join()
    return told[0]


def whole(market: House, session: str) -> None:
    """Everybody is paid what they hold, and all of it adds up."""
    settled = market.organiser.settlement(session)
    assert sorted(settled.payouts) == sorted(PEOPLE)
    worth = UNITS * len(PEOPLE) * sum(Decimal(price) for price in PRICES.values())
    assert sum(settled.payouts.values()) + settled.treasury.payout == worth
    assert sum(settled.cash.values()) + settled.treasury.cash == CASH_EACH * len(PEOPLE)
    assert sum(event.type == "SessionSettled" for event in market.organiser.events(session)) == 1
