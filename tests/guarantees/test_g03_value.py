"""G03: value is conserved. At every moment that anybody can see, legs add up to q and cash to what was issued."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.guarantees.harness import CASH_EACH, LEGS, PEOPLE, UNITS, House, crowd
from tests.guarantees.sizes import chance, size

LOOKS = size(60, 1000, 10_000)
pytestmark = pytest.mark.timeout(240 + LOOKS)


def test_amid_trading_and_after_settlement_everything_adds_up(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, _ = chance()
    market.open_session("g03")
    issued = {**dict.fromkeys(LEGS, Decimal(UNITS * len(PEOPLE))), "CASH": Decimal(CASH_EACH * len(PEOPLE))}
    with crowd(market, "g03", tmp_path, seed=seed) as clients:
        clients.wait_for(20)
        for _ in range(LOOKS):
            held = market.organiser.allocations("g03").allocations.values()
            assert {asset: sum(row[asset].total for row in held if asset in row) for asset in issued} == issued
        deeds = clients.end()
    market.organiser.settle("g03", prices={"AAPL": "10.37", "NVDA": "9.01"})
    settled = market.organiser.settlement("g03")
    assert sum(settled.payouts.values()) + settled.treasury.payout == UNITS * len(PEOPLE) * Decimal("19.38")
    assert sum(settled.cash.values()) + settled.treasury.cash == issued["CASH"]
    assert market.verified("g03") == []
    tell(f"{LOOKS} looks amid {len(deeds)} requests, seed {seed}")
