"""G09: a client_order_id is one order of its participant in a session, however many send it at once."""

from collections.abc import Callable

import pytest

from tests.guarantees.harness import House, post_at_once
from tests.guarantees.sizes import size

CALLERS, ROUNDS = 32, size(3, 50, 500)
ORDER = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": 1, "price": 10}
PATH = "/sessions/g09/orders"
pytestmark = pytest.mark.timeout(240 + 5 * ROUNDS)


def test_thirty_two_duplicates_at_once_make_one_order(market: House, tell: Callable[[str], None]) -> None:
    market.open_session("g09")
    with market.wires("p0", CALLERS) as wires, market.wires("p1", 1) as others:
        for turn in range(ROUNDS):
            body = {**ORDER, "client_order_id": f"mine-{turn}"}
            answers = post_at_once(wires, PATH, body)
            assert {answer.status for answer in answers} == {201}
            assert len({str(answer.body) for answer in answers}) == 1
            assert sum(not answer.replayed for answer in answers) == 1
            other = wires[0].ask("POST", PATH, {**body, "price": 11})
            assert (other.status, other.code) == (409, "idempotency_conflict")
        namesake = others[0].ask("POST", PATH, {**ORDER, "client_order_id": "mine-0"})
        assert (namesake.status, namesake.replayed) == (201, False)
    with market.client("p0") as owner:
        assert len(list(owner.orders("g09"))) == ROUNDS
    tell(f"{ROUNDS} ids, {CALLERS} callers each, over {len(market.stack.webs)} servers")
