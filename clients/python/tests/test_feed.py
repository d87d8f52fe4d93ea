"""A feed over wires that lose messages, break and forget: the market it keeps is right, and nothing is told twice."""

import json
import random
from collections import deque
from decimal import Decimal
from typing import Any

import pytest
from session_contracts_client import Feed, FeedClosed, Market
from session_contracts_client import feed as feed_module
from session_contracts_client.feed import HungUp, Wire
from session_contracts_client.shapes import Order, Trade

AT = "2026-01-01T00:00:00.000000Z"
SESSION = {
    "session_id": "s",
    "legs": ["A"],
    "q": ["100.0000"],
    "status": "active",
    "start_mode": "immediate",
    "end_mode": "manual",
    "t1": None,
    "t2": None,
    "created_at": AT,
}
State = tuple[dict[str, str], dict[str, str], dict[str, str]]


class Venue:
    """A server as docs/realtime.md has it, in memory: orders come and go, each step is one ledger event."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seq = self.feed_seq = self.since = 0
        self.bids: dict[str, int] = {}
        self.orders: dict[str, str] = {}
        self.log: list[tuple[int, str, Any]] = []
        self.ticks: list[str] = []
        self.states: dict[int, State] = {}
        self.trades: list[str] = []
        self.line: Line | None = None
        self.loses = True
        self.dials = 0
        self._remember()

    def dial(self) -> Wire:
        self.dials += 1
        self.line = Line(self)
        self.line.push("snapshot", self.seq, self.snapshot())
        return self.line

    def step(self) -> None:
        """One event, as messages of one seq: a trade perhaps, an order, its level, the holdings."""
        self.seq += 1
        price, name = f"{self.random.randint(1, 5)}.0000", f"o{self.random.randint(1, 5)}"
        told: list[tuple[str, Any]] = []
        if name in self.orders:
            price = self.orders.pop(name)
            self.bids[price] -= 1
            status = self.random.choice(("filled", "cancelled"))
            if status == "filled":
                self.trades.append(f"t{self.seq}")
                told.append(("trade", trade(f"t{self.seq}")))
        else:
            self.orders[name], status = price, "open"
            self.bids[price] = self.bids.get(price, 0) + 1
        told += [("order", order(name, price, status)), ("allocation", self._allocation())]
        told.append(("book", book({price: self.bids[price]})))
        self.log += [(self.seq, kind, data) for kind, data in told]
        self.tell(self.seq, told)
        self._remember()

    def tick(self) -> None:
        self.feed_seq += 1
        self.ticks.append(f"{self.random.randint(1, 999)}.0000")
        self.tell(self.feed_seq, [("tick", self._tick(self.feed_seq))])

    def tell(self, seq: int, messages: list[tuple[str, Any]]) -> None:
        """All messages of an event, or none of them: a server's queue holds events, not messages."""
        is_lost = self.loses and self.random.random() < 0.05
        for kind, data in messages:
            if self.line is not None:
                self.line.push(kind, seq, data, is_lost=is_lost)

    def beat(self) -> None:
        self.tell(self.seq, [("heartbeat", {"server_time": AT, "feed_seq": self.feed_seq})])

    def resumed(self, line: "Line", wish: dict[str, Any]) -> None:
        line.held_tick = wish["feed_seq"]
        for number in range(wish["feed_seq"] + 1, self.feed_seq + 1):
            line.push("tick", number, self._tick(number))
        missed = [entry for entry in self.log if entry[0] > wish["seq"] and entry[1] not in {"book", "allocation"}]
        if wish["seq"] < self.since:
            missed = []
        if missed and wish["seq"] >= line.joined_at:
            line.held = wish["seq"]
        for seq, kind, data in missed:
            line.push(kind, seq, data)
        line.push("snapshot", self.seq, self.snapshot())

    def snapshot(self) -> Any:
        return {
            "session": SESSION,
            "status": "active",
            "prices": {"A": self.ticks[-1]} if self.ticks else {},
            "feed_seq": self.feed_seq,
            "books": [book({price: count for price, count in self.bids.items() if count})],
            "rfqs": [],
            "quotes": [],
            "participant_id": "me",
            "orders": [order(name, price, "open") for name, price in self.orders.items()],
            "holdings": self._allocation()["holdings"],
            "server_time": AT,
        }

    def _allocation(self) -> Any:
        held = {"total": f"{self.seq}.0000", "reserved": "0.0000", "available": f"{self.seq}.0000"}
        return {"session_id": "s", "participant_id": "me", "holdings": {"A": held}}

    def _tick(self, number: int) -> Any:
        prices = {"A": self.ticks[number - 1]}
        return {"feed_seq": number, "prices": prices, "source_at": None, "published_at": AT, "restart": False}

    def _remember(self) -> None:
        levels = {price: f"{count}.0000" for price, count in self.bids.items() if count}
        self.states[self.seq] = (
            levels,
            dict(self.orders),
            {"A": f"{self.seq}.0000"} if self.seq else {"A": "0.0000"},
        )


class Line:
    """One connection to the venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.inbox: deque[str] = deque()
        self.held = self.held_tick = 0
        self.joined_at = venue.seq
        self.code = 0

    def push(self, kind: str, seq: int, data: Any, *, is_lost: bool = False) -> None:
        names = ("feed_seq", "prev_feed_seq") if kind == "tick" else ("seq", "prev")
        prev = self.held_tick if kind == "tick" else self.held
        if kind == "tick":
            self.held_tick = seq
        else:
            self.held = seq
        if kind == "snapshot":
            self.held_tick = data["feed_seq"]
        if not is_lost and not self.code:
            envelope = {
                "v": 1,
                "type": kind,
                "session_id": "s",
                names[0]: seq,
                names[1]: prev,
                "at": AT,
                "data": data,
            }
            self.inbox.append(json.dumps(envelope))

    def receive(self, timeout: float) -> str | bytes:
        if self.inbox:
            return self.inbox.popleft()
        if self.code:
            raise HungUp(self.code)
        raise TimeoutError

    def send(self, text: str) -> None:
        if self.code:
            raise HungUp(self.code)
        self._venue.resumed(self, json.loads(text))

    def close(self) -> None:
        if self._venue.line is self:
            self._venue.line = None


def order(name: str, price: str, status: str) -> Any:
    return {
        "order_id": name,
        "session_id": "s",
        "participant_id": "me",
        "asset": "A",
        "quote_asset": "CASH",
        "side": "buy",
        "order_type": "limit",
        "quantity": "1.0000",
        "price": price,
        "filled_quantity": "0.0000",
        "remaining_quantity": "1.0000",
        "status": status,
        "reason": None,
        "time_in_force": "gtc",
        "expires_at": None,
        "post_only": False,
        "client_order_id": None,
        "created_at": AT,
        "updated_at": AT,
        "trades": [],
    }


def trade(name: str) -> Any:
    amounts = {"leg_from": "A", "leg_to": "CASH", "amount_from": "1.0000", "amount_to": "1.0000", "price": "1.0000"}
    people = {"participant_a": "me", "participant_b": "you", "rfq_id": None, "quote_id": None, "taker_side": "buy"}
    return {"trade_id": name, "session_id": "s", "executed_at": AT, "busted": False, **amounts, **people}


def book(levels: dict[str, int]) -> Any:
    bids = [{"price": price, "quantity": f"{count}.0000", "orders": count} for price, count in levels.items()]
    return {"asset": "A", "quote_asset": "CASH", "bids": bids, "asks": []}


def state(market: Market) -> State:
    bids = {str(price): str(level.quantity) for price, level in market.book("A").bids.items()}
    orders = {name: str(entry.price) for name, entry in market.orders.items()}
    return bids, orders, {asset: str(holding.total) for asset, holding in market.holdings.items()}


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_FIRST_PAUSE_S", 0.0)


def read(venue: Venue, feed: Feed) -> list[Any]:
    """Everything there is to read."""
    heard = []
    while True:
        message = feed.next(timeout=0)
        if message is not None:
            heard.append(message.data)
        elif venue.line is not None and not venue.line.inbox and not venue.line.code:
            return heard


@pytest.mark.parametrize("forgets", [False, True])
def test_through_losses_and_hangups_the_market_is_right_whenever_it_says_so(forgets: bool) -> None:
    for seed in range(60):
        venue = Venue(seed)
        feed, heard = Feed("http://x", "k", "s", dial=venue.dial), []
        heard += read(venue, feed)
        for _ in range(150):
            venue.random.choice((venue.step, venue.step, venue.tick, venue.beat))()
            if venue.line is not None and venue.random.random() < 0.03:
                venue.line.code = venue.random.choice((1006, 1012, 4408))
                if forgets:
                    venue.since = venue.seq
            if venue.random.random() < 0.5:
                heard += read(venue, feed)
                if feed.is_right:
                    assert state(feed.market) == venue.states[feed.market.seq]
        venue.loses = False
        venue.beat()
        heard += read(venue, feed)
        assert feed.is_right
        assert state(feed.market) == venue.states[venue.seq]
        assert [str(price) for price in feed.market.prices.values()] == venue.ticks[-1:]
        told = [data.trade_id for data in heard if isinstance(data, Trade)]
        assert sorted(set(told)) == sorted(told)
        assert told == [name for name in venue.trades if name in set(told)]
        if not forgets:
            assert told == venue.trades
        assert venue.dials > 1 or seed


def test_a_connection_that_breaks_amid_an_event_tells_the_rest_of_it_later() -> None:
    venue = Venue(1)
    venue.loses = False
    feed = Feed("http://x", "k", "s", dial=venue.dial)
    read(venue, feed)
    venue.step()
    assert venue.line is not None
    venue.line.inbox.clear()
    venue.line.code = 1006
    heard = read(venue, feed)
    assert [data.order_id for data in heard if isinstance(data, Order)] == list(venue.orders)


def test_a_session_begun_anew_under_the_same_name_is_not_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Venue(1), Venue(2)
    for _ in range(5):
        first.step()
    venues = [first, second]
    feed = Feed("http://x", "k", "s", dial=lambda: venues[0].dial())
    read(first, feed)
    assert first.line is not None
    first.line.code = 1012
    venues.pop(0)
    monkeypatch.setitem(SESSION, "created_at", "2026-02-01T00:00:00.000000Z")
    monkeypatch.setattr(second, "resumed", lambda *_: pytest.fail("it asked for what there never was"))
    assert feed.next(timeout=0) is None
    read(second, feed)
    assert feed.market.seq == 0
    assert feed.is_right


@pytest.mark.parametrize("code", [4401, 4403, 4404])
def test_where_coming_back_is_of_no_use_the_feed_says_so(code: int) -> None:
    venue = Venue(1)
    feed = Feed("http://x", "k", "s", dial=venue.dial)
    read(venue, feed)
    assert venue.line is not None
    venue.line.code = code
    with pytest.raises(FeedClosed) as closed:
        feed.next(timeout=0)
    assert closed.value.code == code


def test_a_server_that_is_not_there_is_tried_again() -> None:
    venue, refusals = Venue(1), [OSError("refused"), OSError("refused")]

    def dial() -> Wire:
        if refusals:
            raise refusals.pop()
        return venue.dial()

    feed = Feed("http://x", "k", "s", dial=dial)
    assert feed.next(timeout=0) is None
    assert not feed.is_right
    message = feed.next(timeout=5)
    assert message is not None
    assert message.kind == "snapshot"
    assert feed.market.holdings["A"].total == Decimal(0)
