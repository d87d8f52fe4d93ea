"""G22: a settlement happens whole or not at all, once, whenever the server dies amid it."""

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.guarantees.harness import CASH_EACH, PEOPLE, UNITS, House
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import FAIL, OK, UNKNOWN, Answer

KILLS = size(3, 40, 100)
MOMENTS = {"commit": False, "committed": True, "": None, "write": False}
"""When the server dies → whether the settlement is there afterwards; "" is any time from the question on."""
PRICES = {"AAPL": "10.37", "NVDA": "9.01"}
pytestmark = pytest.mark.timeout(240 + 20 * KILLS)


def test_a_settlement_is_whole_or_not_there_and_can_be_asked_for_again(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    told = tmp_path / "moment"
    there = dict.fromkeys((False, True), 0)
    with market.broken("dies_in_settlement", SABOTAGE_MOMENT=str(told)):
        for turn in range(KILLS):
            session, moment = f"g22-{turn}", list(MOMENTS)[turn % len(MOMENTS)]
            market.open_session(session)
            trade(market, session)
            if moment:
                told.write_text(moment)
            first = settle_and_die(market, session, 0 if moment else dice.uniform(0, 0.15))
            assert not told.exists(), "nobody died"
            happened = market.organiser.session(session).status == "settled"
            there[happened] += 1
            assert MOMENTS[moment] in {None, happened}, f"killed at {moment}, seed {seed}"
            assert first.outcome in ({OK, UNKNOWN} if happened else {FAIL, UNKNOWN}), f"seed {seed}"
            events = len(list(market.organiser.events(session)))
            again = settle(market, session)
            assert again.status in {200, 201}, again
            assert again.replayed == happened
            whole(market, session)
            if happened:
                assert len(list(market.organiser.events(session))) == events, "asking again changed something"
    tell(f"{KILLS} kills, {there[False]} before the commit, {there[True]} after it, seed {seed}")
    assert all(there.values())
    assert market.verified(f"g22-{KILLS - 1}") == []


def trade(market: House, session: str) -> None:
    """Everybody offers a share, and half of them are met: there are trades, and orders that still bind something."""
    for number, who in enumerate(PEOPLE[:6]):
        body = {"asset": "AAPL", "side": "sell" if number % 2 else "buy", "order_type": "limit", "quantity": 3}
        with market.wires(who, 1) as (wire,):
            answer = wire.ask("POST", f"/sessions/{session}/orders", {**body, "price": 10 + number // 2})
            assert answer.outcome == OK, answer


def settle(market: House, session: str) -> Answer:
    with market.wires("organiser", 1) as wires:
        return wires[0].ask("POST", f"/sessions/{session}/settle", {"prices": PRICES}, key="the one")


def settle_and_die(market: House, session: str, offset: float) -> Answer:
    """Ask for the settlement while the server dies, by itself or after so many seconds; what was answered, if any."""
    told: list[Answer] = []
    asking = threading.Thread(target=lambda: told.append(settle(market, session)))
    asking.start()
    if offset:
        time.sleep(offset)
    else:
        asking.join()
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
