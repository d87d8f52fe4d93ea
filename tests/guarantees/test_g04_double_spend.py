"""G04: 64 callers spend one balance at one moment, and exactly as much is accepted as it covers."""

from collections.abc import Callable
from decimal import Decimal
from random import Random

import pytest

from tests.guarantees.harness import House, post_at_once
from tests.guarantees.sizes import ONCE, chance, size

CALLERS, ROUNDS = 64, size(4, 50, 500)
CASH = 1000
pytestmark = pytest.mark.timeout(240 + 10 * ROUNDS)


def overspent(market: House, session: str, rounds: int, dice: Random) -> list[str]:
    """Play so many rounds, each at a price of its own; where more or less was accepted than there was."""
    found = []
    with market.client("p0", patience=10) as owner, market.wires("p0", CALLERS) as wires:
        for _ in range(rounds):
            price = dice.randint(CASH // CALLERS + 1, 400)
            order = {"asset": "AAPL", "side": "buy", "order_type": "limit", "quantity": 1, "price": price}
            answers = post_at_once(wires, f"/sessions/{session}/orders", order)
            accepted = sum(answer.status == 201 for answer in answers)
            if accepted != CASH // price:
                found.append(f"at {price} each {accepted} were accepted")
            refused = {(answer.status, answer.code) for answer in answers if answer.status != 201}
            if refused - {(422, "insufficient_cash")}:
                found.append(f"refused with {refused}")
            held = owner.portfolio(session).holdings["CASH"]
            if held.total != CASH or held.reserved != accepted * price or held.available < 0:
                found.append(f"after {accepted} at {price}: {held}")
            owner.cancel_orders(session)
    return found


def test_64_callers_spend_one_balance_exactly_once(market: House, tell: Callable[[str], None]) -> None:
    seed, dice = chance()
    market.open_session("g04", people=["p0", "p1"], cash_per_participant=CASH)
    assert overspent(market, "g04", ROUNDS, dice) == []
    with market.client("p0") as owner:
        assert owner.portfolio("g04").holdings["CASH"].available == Decimal(CASH)
    assert market.verified("g04") == []
    tell(f"{ROUNDS} rounds of {CALLERS} callers over {len(market.stack.webs)} servers, seed {seed}")


@ONCE
def test_a_server_that_checks_no_balance_is_found_out(market: House) -> None:
    _, dice = chance()
    market.open_session("g04-broken", people=["p0", "p1"], cash_per_participant=CASH)
    with market.broken("balances_off"):
        found = overspent(market, "g04-broken", 1, dice)
    assert found, "the invariants behind the check answer 500, which no client should see"
