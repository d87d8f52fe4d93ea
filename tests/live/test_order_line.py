"""The Python client's order line against a real server: pipelined, in order, once each, whatever breaks."""

import random
from pathlib import Path

import pytest
from session_contracts_client import ApiError, Client, FeedClosed, OrderLine
from session_contracts_client.feed import HungUp, Wire, dial_websocket

from markets import queries
from markets.models import Order
from tests.live.floor import LEG, open_session, serving

pytestmark = pytest.mark.usefixtures("ledger")


class Flaky:
    """A wire that breaks now and then, before or after what it was to carry."""

    breaks = 0

    def __init__(self, wire: Wire, chance: random.Random) -> None:
        self._wire, self._chance = wire, chance

    def send(self, text: str) -> None:
        self._perhaps()
        self._wire.send(text)
        self._perhaps()

    def receive(self, timeout: float) -> str | bytes:
        self._perhaps()
        return self._wire.receive(timeout)

    def close(self) -> None:
        self._wire.close()

    def _perhaps(self) -> None:
        if Flaky.breaks and self._chance.random() < 0.05:
            Flaky.breaks -= 1
            self._wire.close()
            raise HungUp(1006)


def test_orders_are_answered_in_their_order_refused_by_their_codes_and_gone_with_the_line(tmp_path: Path) -> None:
    session = open_session("alice")
    with serving(tmp_path) as server, Client(f"http://{server.host}", session.secrets["alice"]) as alice:
        with alice.order_line("floor") as line:
            line.cancel_on_disconnect().result(10)
            placed = [line.place(LEG, "sell", 1, 100 + number) for number in range(20)]
            orders = [answer.result(10) for answer in placed]
            assert [order.price for order in orders] == list(range(100, 120))
            assert line.replace(orders[0].order_id, quantity=3).result(10).quantity == 3
            assert line.cancel(orders[1].order_id).result(10).status == "cancelled"
            with pytest.raises(ApiError) as refused:
                line.place(LEG, "sell", 5000, 100).result(10)
            assert (refused.value.code, refused.value.field) == ("insufficient_units", "quantity")
            assert line.countdown(60).result(10) is not None
            assert line.countdown(0).result(10) is None
            assert len(line.cancel_all(side="buy").result(10)) == 0
        assert list(alice.orders("floor", status="open")) == [] or _soon_none(alice)
        with OrderLine(alice.url, "sm_12345678_nonsense", "floor") as stranger, pytest.raises(FeedClosed):
            stranger.place(LEG, "sell", 1, 100).result(10)


def _soon_none(alice: Client) -> bool:
    return any(not list(alice.orders("floor", status="open")) for _ in range(100))


def test_over_a_line_that_breaks_every_order_happens_once(tmp_path: Path) -> None:
    session = open_session("alice")
    chance, Flaky.breaks = random.Random(1), 10
    with serving(tmp_path) as server:
        url, key = f"http://{server.host}", session.secrets["alice"]
        dial = lambda: Flaky(dial_websocket(url, key, "floor", query="?feed=none"), chance)  # noqa: E731
        with OrderLine(url, key, "floor", dial=dial) as line:
            answers = [line.place(LEG, "sell", 1, 100 + number) for number in range(100)]
            numbers = [answer.result(30).order_id for answer in answers]
    assert Flaky.breaks < 10
    assert len(set(numbers)) == 100
    assert Order.objects.filter(stream_id=session.stream).count() == 100
    assert len(queries.orders_page(session.stream, 0, 500, status="open")) == 100
