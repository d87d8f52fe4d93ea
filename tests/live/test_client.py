"""The Python client and its bots against a real server: through hangups and restarts, what it keeps is the truth."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from session_contracts_client import Client, Feed, Unreachable
from session_contracts_client.client import cancel_entry, order_entry
from session_contracts_client.feed import HungUp, Wire, dial_websocket
from session_contracts_client.shapes import Trade

from markets.handlers import prices
from oracle import facade as oracle
from tests.guarantees.sizes import ONCE, size
from tests.live.floor import LEG, ROOT, Server, Session, open_session, serving, start
from tests.services import end_with_parent

pytestmark = [pytest.mark.usefixtures("ledger"), ONCE]
HANGUPS = 50
ORDERS = size(600, 2000, 2000)
"""No more: the server remembers some thousand messages for whom it waits."""


class Flaky:
    """A wire that breaks after some reads, again and again while `breaks` are left."""

    breaks = HANGUPS

    def __init__(self, wire: Wire, chance: random.Random) -> None:
        self._wire, self._left = wire, chance.randint(1, 12)

    def receive(self, timeout: float) -> str | bytes:
        if Flaky.breaks and self._left == 0:
            Flaky.breaks -= 1
            self._wire.close()
            raise HungUp(1006)
        self._left = max(0, self._left - 1)
        return self._wire.receive(timeout)

    def send(self, text: str) -> None:
        self._wire.send(text)

    def close(self) -> None:
        self._wire.close()


def client(server: Server, session: Session, who: str) -> Client:
    return Client(f"http://{server.host}", session.secrets[who])


def trade_wildly(trader: Client, session_id: str, *, seed: int, count: int) -> None:
    """Random orders around 100 in bulks of 5, some crossing, some cancelled again."""
    chance, resting = random.Random(seed), list[str]()
    for _ in range(count // 5):
        entries = [
            order_entry(LEG, chance.choice(("buy", "sell")), chance.randint(1, 3), chance.randint(95, 105))
            for _ in range(4)
        ]
        if resting:
            entries.append(cancel_entry(resting.pop(chance.randrange(len(resting)))))
        results = trader.bulk(session_id, entries)
        resting += [result.order.order_id for result in results if result.order and result.order.is_open]
    trader.close()


def until(feed: Feed, is_so: Callable[[], object], *, within: float = 15.0, trades: list[str] | None = None) -> None:
    """Read the feed until something is so; `trades` gets the names of those that it told on the way."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline, "it never was"
        message = feed.next(timeout=0.2)
        if message is not None and isinstance(message.data, Trade) and trades is not None:
            trades.append(message.data.trade_id)


def assert_same(feed: Feed, by_api: Client, session_id: str) -> None:
    """What the feed kept is what the API answers: book, own orders, holdings."""
    market = feed.market
    assert market.book(LEG).frozen(LEG) == by_api.book(session_id, LEG, depth=500)
    own = {order.order_id: order for order in by_api.orders(session_id, limit=500) if order.is_open}
    assert set(own) == set(market.orders)
    for name, order in own.items():
        assert market.orders[name].remaining_quantity == order.remaining_quantity
    assert market.participant_id is not None
    held = by_api.allocations(session_id).allocations[market.participant_id]
    assert {asset: (share.total, share.reserved, share.available) for asset, share in held.items()} == {
        asset: (holding.total, holding.reserved, holding.available) for asset, holding in market.holdings.items()
    }


def test_disconnected_fifty_times_the_client_keeps_the_book_and_hears_every_trade_once(tmp_path: Path) -> None:
    session = open_session("alice", "bob")
    chance, Flaky.breaks = random.Random(1), HANGUPS
    with (
        serving(tmp_path) as server,
        client(server, session, "alice") as alice,
        client(server, session, "bob") as bob,
    ):
        dial = lambda: Flaky(dial_websocket(alice.url, session.secrets["alice"], "floor"), chance)  # noqa: E731
        with Feed(alice.url, "", "floor", dial=dial) as feed:
            told: list[str] = []
            until(feed, lambda: feed.is_right)
            threads = [
                threading.Thread(
                    target=trade_wildly, args=(who, "floor"), kwargs={"seed": seed, "count": ORDERS // 2}
                )
                for seed, who in enumerate((alice, bob))
            ]
            for thread in threads:
                thread.start()
            until(feed, lambda: not any(thread.is_alive() for thread in threads), within=120, trades=told)
            happened = [trade.trade_id for trade in alice.trades("floor", limit=500)][::-1]
            until(feed, lambda: Flaky.breaks == 0 and len(told) >= len(happened), within=60, trades=told)
            until(feed, lambda: feed.is_right)
            assert told == happened
            assert_same(feed, alice, "floor")
    assert "a live connection to" not in server.log.read_text(), "to hang up is nothing that failed"


def test_a_restarted_server_is_come_back_to(tmp_path: Path) -> None:
    session = open_session("alice", "bob")
    server = start(tmp_path)
    try:
        alice, bob = client(server, session, "alice"), client(server, session, "bob")
        with alice, bob, alice.feed("floor") as feed:
            until(feed, lambda: feed.is_right)
            alice.place_order("floor", LEG, "sell", 5, 101)
            until(feed, lambda: len(feed.market.orders) == 1)
            assert server.stop() == 0
            with pytest.raises(Unreachable):
                Client(alice.url, session.secrets["alice"], patience=0).session("floor")
            server = start(tmp_path, port=server.port)
            bob.place_order("floor", LEG, "buy", 2, 101)
            until(feed, lambda: [str(o.remaining_quantity) for o in feed.market.orders.values()] == ["3.0000"])
            until(feed, lambda: feed.market.book(LEG).frozen(LEG) == alice.book("floor", LEG))
            assert_same(feed, alice, "floor")
    finally:
        server.stop(signal.SIGTERM)


@contextmanager
def running(bot: str, server: Server, session: Session, who: str, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A bot of the client package as its own process."""
    command = [sys.executable, "-m", f"session_contracts_client.{bot}", "--url", f"http://{server.host}"]
    environment = {"SM_KEY": session.secrets[who], "PYTHONPATH": str(ROOT / "clients/python")}
    process = subprocess.Popen(
        [*command, "--session", session.session_id, *options],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=end_with_parent,
    )
    try:
        yield process
    finally:
        process.terminate()
        print(process.communicate(timeout=15)[0][-2000:])  # noqa: T201  pytest shows it where a test fails


def test_the_bots_make_a_market_and_leave_when_its_prices_stop(tmp_path: Path) -> None:
    session = open_session("alice", "quoter", "hurry")
    source = prices.start_source(session.info, mode="sim", settings={"tick_ms": 300})
    with (
        serving(tmp_path) as server,
        client(server, session, "alice") as alice,
        alice.feed("floor") as feed,
        running("maker", server, session, "quoter") as maker,
        running("noise", server, session, "hurry", "--every", "0.2", "--seed", "1") as noise,
    ):
        until(
            feed,
            lambda: all(feed.market.book(leg).best_bid and feed.market.book(leg).best_ask for leg in (LEG, "NVDA")),
        )
        rfq = alice.request_quote("floor", LEG, "NVDA", 1)
        until(feed, lambda: any(offer.rfq_id == rfq.rfq_id for offer in feed.market.quotes.values()))
        offer = next(offer for offer in feed.market.quotes.values() if offer.rfq_id == rfq.rfq_id)
        fair = feed.market.prices[LEG] / feed.market.prices["NVDA"]
        assert Decimal("0.97") < offer.rate / fair < Decimal("1.02")  # prices have moved since it was made
        assert alice.accept_quote(offer.quote_id).participant_b == "quoter"
        until(feed, lambda: len(list(alice.trades("floor", participant_id="hurry"))) > 2, within=30)
        noise.send_signal(signal.SIGINT)
        assert noise.wait(10) == 0
        oracle.stop_feed(source.id)
        until(feed, lambda: not any(book.bids or book.asks for book in feed.market.books.values()), within=20)
        maker.send_signal(signal.SIGTERM)
        assert maker.wait(10) == 0


def test_a_bot_that_is_shut_out_says_so_in_a_sentence(tmp_path: Path) -> None:
    session = open_session("alice")
    with serving(tmp_path) as server:
        session.secrets["alice"] = "sm_00000000_nothing"
        with running("maker", server, session, "alice") as maker:
            assert maker.wait(20) == 1
