"""What a list leaves out or shows twice, and what a figure leaves out of it."""

from typing import Any

import pytest

from common.clock import SECOND, isoformat, now_us
from markets import queries, valuation
from markets.api.tests.conftest import Caller
from markets.handlers.sessions import feed_of
from oracle import facade as oracle


def test_candles_of_very_many_ticks_are_those_of_the_newest(
    organiser: Caller, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest candle of those that were read may have lost its beginning."""
    monkeypatch.setattr(valuation, "_MOST_TICKS", 4)
    assert organiser.post("feeds", {"session_id": "demo", "mode": "push"}).status_code == 201
    feed, at = feed_of(queries.session("demo")), now_us() // SECOND * SECOND + SECOND
    for price in range(1, 7):
        prices = dict.fromkeys(("AAPL", "NVDA", "META", "ORCL"), price)
        oracle.publish(feed, prices=prices, clock=lambda price=price: at + price * SECOND)  # type: ignore[misc]
    end = isoformat(at + 6 * SECOND)
    found = alice.get(f"sessions/demo/candles/AAPL?interval=1&end={end}").json()["candles"]
    assert [candle["close"] for candle in found] == ["3.0000", "4.0000", "5.0000"]
    assert found[-1]["at"] == isoformat(at + 5 * SECOND)
    found = alice.get(f"sessions/demo/candles/AAPL?interval=3600&end={end}").json()["candles"]
    assert found[-1]["close"] == "5.0000"


def test_candles_of_trades_say_what_the_trades_say(organiser: Caller, alice: Caller, bob: Caller) -> None:
    assert alice.get("sessions/demo/candles/AAPL?source=trades").json()["candles"] == []
    made = [trade(alice, bob, quantity, price) for quantity, price in ((1, 10), (2, 30), (3, 5), (4, 20), (5, 99))]
    assert organiser.post(f"trades/{made[4]['trade_id']}/bust", {"reason": "too dear"}).status_code == 200
    [day] = alice.get("sessions/demo/candles/AAPL?source=trades&interval=86400").json()["candles"]
    figures = {name: day[name] for name in ("open", "high", "low", "close", "volume")}
    assert figures == {
        "open": "10.0000",
        "high": "30.0000",
        "low": "5.0000",
        "close": "20.0000",
        "volume": "10.0000",
    }
    end = made[3]["executed_at"]
    [day] = alice.get(f"sessions/demo/candles/AAPL?source=trades&interval=86400&end={end}").json()["candles"]
    assert (day["close"], day["volume"]) == ("5.0000", "6.0000")


def trade(seller: Caller, buyer: Caller, quantity: int, price: int, **more: str) -> Any:
    """A trade of AAPL between alice and bob, as the list has it."""
    order = {"asset": "AAPL", "quantity": quantity, "price": price, **more}
    for caller, who, side in ((seller, "alice", "sell"), (buyer, "bob", "buy")):
        answer = caller.post("sessions/demo/orders", {**order, "participant_id": who, "side": side})
        assert answer.status_code == 201, answer.content
    return seller.get("sessions/demo/trades?limit=1").json()["results"][0]


@pytest.mark.parametrize("how", ["settle", "cancel"])
def test_what_is_over_has_no_prices_of_later(organiser: Caller, alice: Caller, bob: Caller, how: str) -> None:
    """A shared feed goes on, and a settlement may be corrected on another day."""
    made = organiser.post("feeds", {"name": "floor", "mode": "push", "instruments": ["AAPL"], "price_decimals": 2})
    assert made.status_code == 201, made.content
    session = {"session_id": "short", "legs": ["AAPL"], "q": [10], "feed": "floor", "start_mode": "immediate"}
    assert organiser.post("sessions", {**session, "end_mode": "manual"}).status_code == 201
    assert alice.post("sessions/short/participants", {"participant_id": "alice"}).status_code == 201
    oracle.publish("floor", prices={"AAPL": 1})
    assert organiser.post(f"sessions/short/{how}", {"reason": "rain"} if how == "cancel" else {}).status_code == 200
    oracle.publish("floor", prices={"AAPL": 2})
    if how == "settle":
        correction = {"prices": {"AAPL": 3}, "reason": "A typing error."}
        assert organiser.post("sessions/short/settlement/correct", correction).status_code == 200
    found = organiser.get("sessions/short/export?format=csv&table=ticks")
    lines = b"".join(found.streaming_content).decode().splitlines()
    assert [line.rpartition(",")[2] for line in lines] == ["price", "1.0000"]
    over = queries.ended_at(queries.session("short"))
    assert 0 < over < now_us()
    olga = organiser.client
    olga.force_login(organiser.user)
    drawn = olga.get("/sessions/short/chart").json()["candles"]
    assert {close for *_, close, _ in drawn} == {10_000}


def test_the_chart_shows_the_own_fills_of_its_book_and_none_that_was_undone(
    organiser: Caller, alice: Caller, bob: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are of other books."""
    monkeypatch.setattr("markets.web.terminal._MOST_FILLS", 2)
    _, second = (trade(alice, bob, 1, price) for price in (10, 20))
    for quote in ("NVDA", "NVDA"):
        trade(alice, bob, 1, 2, quote_asset=quote)
    bob.client.force_login(bob.user)

    def prices() -> list[int]:
        return [fill[4] for fill in bob.client.get("/sessions/demo/chart?asset=AAPL").json()["fills"]]

    assert prices() == [100_000, 200_000]
    assert organiser.post(f"trades/{second['trade_id']}/bust", {"reason": "too dear"}).status_code == 200
    assert prices() == [100_000]
