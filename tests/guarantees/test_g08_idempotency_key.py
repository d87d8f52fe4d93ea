"""G08: one Idempotency-Key, one effect, however many send it at once. (G01's clients repeat after each kill.)"""

from collections.abc import Callable

import pytest

from tests.guarantees.harness import House, post_at_once
from tests.guarantees.sizes import ONCE, size

CALLERS, ROUNDS = 50, size(3, 50, 500)
ORDER = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": 1}
pytestmark = pytest.mark.timeout(240 + 5 * ROUNDS)


def doubled(market: House, session: str, rounds: int) -> list[str]:
    """Where 50 requests under one key had another effect than one."""
    found, path = [], f"/sessions/{session}/orders"
    with market.wires("p0", CALLERS) as wires:
        for turn in range(1, rounds + 1):
            name, body = f"{session}-{turn}", {**ORDER, "price": turn}
            answers = post_at_once(wires, path, body, key=name)
            if {answer.status for answer in answers} != {201}:
                found.append(f"statuses {sorted(answer.status for answer in answers)}")
            if len({str(answer.body) for answer in answers}) != 1:
                found.append("not everybody got the same answer")
            if sum(not answer.replayed for answer in answers) != 1:
                found.append(f"{sum(not answer.replayed for answer in answers)} were told that theirs was the first")
            other = wires[0].ask("POST", path, {**body, "quantity": 2}, key=name)
            if (other.status, other.code) != (409, "idempotency_conflict"):
                found.append(f"another body under the same key: {other.status} {other.code}")
    with market.client("p0") as owner:
        orders = len(list(owner.orders(session)))
    if orders != rounds:
        found.append(f"{rounds} keys made {orders} orders")
    return found


def test_fifty_at_once_under_one_key_have_one_effect(market: House, tell: Callable[[str], None]) -> None:
    market.open_session("g08")
    assert doubled(market, "g08", ROUNDS) == []
    assert market.verified("g08") == []
    tell(f"{ROUNDS} keys, {CALLERS} callers each, over {len(market.stack.webs)} servers")


@ONCE
def test_a_server_that_forgets_outcomes_is_found_out(market: House) -> None:
    market.open_session("g08-broken")
    with market.broken("outcomes_off"):
        found = doubled(market, "g08-broken", 1)
    assert any("1 keys made" in lie for lie in found), found
