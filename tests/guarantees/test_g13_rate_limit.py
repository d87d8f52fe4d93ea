"""G13: the order rate is exact however many senders and processes there are, and cancels are counted apart."""

import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.guarantees.harness import House, at_once
from tests.guarantees.sizes import size
from tests.guarantees.trader import Wire

SENDERS, SECONDS = 32, size(3, 10, 60)
RATE, BURST = 20, 10
ORDER = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": "0.1", "price": 10}
Told = Counter[tuple[int, bool]]
pytestmark = pytest.mark.timeout(240 + 2 * SECONDS)


def test_no_more_than_burst_and_rate_are_accepted(market: House, tell: Callable[[str], None]) -> None:
    market.open_session("g13", bounds={"orders_per_second": RATE, "order_burst": BURST})
    with market.wires("p0", SENDERS) as wires:
        first = wires[0].ask("POST", "/sessions/g13/orders", ORDER)
        assert first.body
        time.sleep(2 * BURST / RATE)  # the bucket is full again
        began = time.monotonic()

        def send(wire: Wire) -> Told:
            told = Told()
            while time.monotonic() - began < SECONDS:
                answer = wire.ask("POST", "/sessions/g13/orders", ORDER)
                told[answer.status, bool(answer.retry_after)] += 1
            return told

        told = sum(at_once(wires, send), Told())
        took = time.monotonic() - began
        out = wires[0].ask("DELETE", f"/orders/{first.body['order_id']}")
    accepted = told[201, False]
    tell(f"{SENDERS} senders, {took:.1f} s: {accepted} of {sum(told.values())} accepted, {BURST} + {RATE}/s allowed")
    assert set(told) == {(201, False), (429, True)}
    assert 0.8 * (BURST + RATE * SECONDS) <= accepted <= BURST + RATE * took
    assert out.status == 200, "who sent too much can still get out"
