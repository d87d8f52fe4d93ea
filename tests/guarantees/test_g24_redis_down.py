"""G24: without Redis, however it is away, trading goes on; with it back, everybody hears of everything at once."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any

import pytest
import redis

from deploy.stack import Program
from tests.guarantees.harness import LEGS, PEOPLE, House, Listener, listening
from tests.guarantees.sizes import FULL, size
from tests.stack.floor import eventually, percentile, readiness, replay, without

AWAY_S = size(2, 10, 60)
TICK_MS = 100
SHARE = 0.99 if FULL else 0.9
"""Of the orders, which are few in the small size: the slowest one alone would be their p99."""
pytestmark = [pytest.mark.redis, pytest.mark.timeout(240 + 4 * AWAY_S)]


@contextmanager
def full_up(broker: Program, url: str) -> Iterator[None]:
    """Redis takes nobody in, and has shown out those who were."""
    with redis.Redis.from_url(url) as own:
        own.config_set("maxclients", 1)
        for kind in ("normal", "pubsub"):
            own.client_kill_filter(_type=kind, skipme=True)
        try:
            yield
        finally:
            own.config_set("maxclients", 10_000)


@contextmanager
def restarted(broker: Program, url: str) -> Iterator[None]:
    """Redis is killed and started, again and again."""
    broker.stop(signal.SIGKILL)
    broker.start()
    yield
    broker.stop(signal.SIGKILL)
    broker.start()


AWAY: Mapping[str, Callable[[Program, str], AbstractContextManager[None]]] = {
    "frozen": lambda broker, _: without(broker, number=signal.SIGSTOP),
    "killed": lambda broker, _: without(broker, number=signal.SIGKILL),
    "refusing": full_up,
    "restarted": restarted,
}


@pytest.mark.parametrize("how", AWAY)
def test_without_redis_no_order_and_no_tick_is_lost_and_the_feed_follows(
    whole: House, how: str, tell: Callable[[str], None]
) -> None:
    broker, session = whole.stack.redis, f"g24-{how}"
    assert broker is not None
    rows = AWAY_S * 1000 // TICK_MS + 5
    whole.open_session(session, PEOPLE[:3])
    placed: list[str] = []
    with whole.client("p0") as trader, listening(whole, session, PEOPLE[1:3]) as ears:

        def order() -> float:
            began = time.monotonic()
            placed.append(trader.place_order(session, "AAPL", "sell", "0.01", 1000 + len(placed)).order_id)
            return time.monotonic() - began

        whole.organiser.create_feed("replay", session_id=session, csv=replay(rows), settings={"tick_ms": TICK_MS})
        usual = [order() for _ in range(60)]
        slow: list[float] = []
        with AWAY[how](broker, whole.stack.environment["REDIS_URL"]):
            gone = time.monotonic()
            while time.monotonic() - gone < AWAY_S:
                slow.append(order())
                time.sleep(0.02)
            if how != "restarted":
                status, body = readiness(whole.url)
                assert (status, body["checks"]["redis"]) == (200, "degraded")
        order()
        price = f"{1000 + len(placed) - 1}.0000"
        took = eventually(lambda: all(has_level(ear, price) for ear in ears), within=2)
        held = {row.order_id for row in trader.orders(session)}
        eventually(lambda: all(len(heard_ticks(ear)) == rows for ear in ears), within=AWAY_S + 10)
        for ear in ears:
            assert heard_ticks(ear) == [100 + row for row in range(rows)]
            assert gaps(ear) == []
    before, after = percentile(usual, SHARE), percentile(slow, SHARE)
    tell(
        f"{how} for {AWAY_S} s: {len(placed)} orders and {rows} ticks, 0 errors, p{SHARE * 100:.0f} of an order "
        f"{after * 1000:.0f} ms, {before * 1000:.0f} ms before; all heard {took:.1f} s after its return"
    )
    assert held == set(placed)
    assert after < before + 0.3
    ticks = list(whole.organiser.ticks(session))
    assert [tick.prices[LEGS[0]] for tick in ticks] == [100 + row for row in range(rows)]
    eventually(lambda: readiness(whole.url)[1]["status"] == "ok", within=30)


def has_level(ear: Listener, price: str) -> bool:
    """Whether they have heard of an offer at this price."""
    return any(level["price"] == price for book in ear.told("book") for level in book["asks"])


def heard_ticks(ear: Listener) -> list[Decimal]:
    """The first leg's prices, in the order in which they were heard."""
    return [Decimal(tick["prices"][LEGS[0]]) for tick in ear.told("tick")]


def gaps(ear: Listener) -> list[dict[str, Any]]:
    """What does not follow on what was heard before."""
    found, seq = [], 0
    for _, message in list(ear.heard):
        if message["type"] == "snapshot":
            assert not seq, "they were hung up on"
        elif "prev" in message and message["prev"] != seq:
            found.append(message)
        seq = message.get("seq", seq)
    return found
