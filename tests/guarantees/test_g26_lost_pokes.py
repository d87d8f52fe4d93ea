"""G26: lost pokes do not matter. Three of ten never arrive, none from another process: all is seen in a second."""

import time
from collections.abc import Callable

import pytest

from tests.guarantees.harness import House, Listener, listening
from tests.guarantees.sizes import chance, size
from tests.stack.floor import eventually

ORDERS = size(15, 200, 2000)
pytestmark = pytest.mark.timeout(240 + ORDERS)


def test_with_three_of_ten_pokes_lost_everything_is_seen_within_a_second(
    market: House, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    market.open_session("g26")
    delays = []
    with (
        market.broken("pokes_lost"),
        listening(market, "g26", ["p0"]) as (ear,),
        market.wires("p1", len(market.stack.webs)) as wires,
    ):
        for turn in range(ORDERS):
            time.sleep(dice.uniform(0, 0.3))
            body = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": 1, "price": 100 + turn}
            began = time.monotonic()
            placed = wires[turn % len(wires)].ask("POST", "/sessions/g26/orders", body)
            assert placed.status == 201
            eventually(lambda price=f"{100 + turn}.0000": price in asks(ear), within=10)  # type: ignore[misc]
            delays.append(time.monotonic() - began)
    tell(f"{ORDERS} orders, seen after {max(delays):.2f} s at most, seed {seed}")
    assert sorted(delays)[int(0.95 * ORDERS)] < 1


def asks(ear: Listener) -> set[str]:
    """Every price at which somebody was ever said to sell."""
    books = [book for said in ear.told("snapshot") for book in said["books"]] + ear.told("book")
    return {level["price"] for book in books for level in book["asks"]}
