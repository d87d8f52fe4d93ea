"""G11: a halted session trades nothing. From the halt's seq to the resumption's there is no order and no trade,
however many callers hammer, through however many servers; cancelling goes on.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from tests.guarantees import checker
from tests.guarantees.harness import PEOPLE, House
from tests.guarantees.sizes import chance, size
from tests.guarantees.trader import Wire
from tests.stack.people import ORGANISER

HALTS, CALLERS = size(3, 30, 200), 32
TRADING = {"OrderPlaced", "OrderMatched", "OrderReplaced", "TradeExecuted"}
pytestmark = pytest.mark.timeout(240 + 20 * HALTS)


class Told(NamedTuple):
    """One answer, and when it was asked for and given."""

    began: float
    ended: float
    status: int
    code: str


class Hammer(threading.Thread):
    """A caller on a connection of their own, who sells and buys in turn at one price, without a pause."""

    def __init__(self, wire: Wire, number: int) -> None:
        super().__init__(daemon=True)
        self.wire, self._number = wire, number
        self.told = list[Told]()
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            side = ("sell", "buy")[(self._number + len(self.told)) % 2]
            body = {"asset": "AAPL", "side": side, "order_type": "limit", "quantity": 1, "price": 10}
            began = time.monotonic()
            answer = self.wire.ask("POST", "/sessions/g11/orders", body)
            self.told.append(Told(began, time.monotonic(), answer.status, answer.code))


def test_nothing_trades_between_a_halt_and_the_resumption(market: House, tell: Callable[[str], None]) -> None:
    seed, dice = chance()
    market.open_session("g11")
    with hammering(market) as hammers:
        halts = [halt(market, dice) for _ in range(HALTS)]
        time.sleep(0.2)
    told = [answer for hammer in hammers for answer in hammer.told]
    assert {answer.status for answer in told} <= {201, 409, 422}
    late = [answer for answer in told if any(acked < answer.began and answer.ended < back for acked, back in halts)]
    assert {answer.code for answer in late} == {"session_halted"}
    events = list(checker.pages(market.organiser, "/sessions/g11/events"))
    assert halted_amid(events) == []
    assert market.verified("g11") == []
    kinds = [event["type"] for event in events]
    assert kinds.count("SessionHalted") == kinds.count("SessionResumed") == HALTS
    tell(
        f"{HALTS} halts under {CALLERS} callers of {len(market.stack.webs)} servers: {kinds.count('OrderMatched')} "
        f"trades of {len(told)} orders, {len(late)} asked for and refused while halted, seed {seed}"
    )


@contextmanager
def hammering(market: House) -> Iterator[list[Hammer]]:
    """So many callers for the length of a block, of every server."""
    urls, keys = market.stack.web_urls, market.keys
    who = [PEOPLE[number % len(PEOPLE)] for number in range(CALLERS)]
    hammers = [Hammer(Wire(urls[number % len(urls)], keys[name]), number) for number, name in enumerate(who)]
    for hammer in hammers:
        hammer.start()
    try:
        yield hammers
    finally:
        for hammer in hammers:
            hammer.ending.set()
        for hammer in hammers:
            hammer.join()
            hammer.wire.close()


def halt(market: House, dice: random.Random) -> tuple[float, float]:
    """Halt and resume at random moments: when the one was acknowledged, when the other was asked for."""
    with market.wires("p0", len(market.stack.webs)) as mine, market.wires(ORGANISER, len(mine)) as boss:
        far = {"asset": "NVDA", "side": "sell", "order_type": "limit", "quantity": 1, "price": 1000}
        resting = [wire.ask("POST", "/sessions/g11/orders", far) for wire in mine]
        time.sleep(dice.uniform(0.1, 0.4))
        assert dice.choice(boss).ask("POST", "/sessions/g11/halt", {"reason": "news"}).status == 200
        acked = time.monotonic()
        time.sleep(dice.uniform(0.1, 0.4))
        for wire, answer in zip(mine, resting, strict=True):
            assert answer.body, answer
            assert wire.ask("DELETE", f"/orders/{answer.body['order_id']}").status == 200, "cancelling goes on"
        back = time.monotonic()
        assert dice.choice(boss).ask("POST", "/sessions/g11/resume").status == 200
    return acked, back


def halted_amid(events: Sequence[dict[str, Any]]) -> list[int]:
    """The seqs at which something traded after a halt and before the next resumption."""
    found, is_halted = [], False
    for event in events:
        is_halted = event["type"] == "SessionHalted" or (is_halted and event["type"] != "SessionResumed")
        if is_halted and event["type"] in TRADING:
            found.append(event["seq"])
    return found


def test_a_trade_while_halted_would_be_seen() -> None:
    kinds = ("OrderMatched", "SessionHalted", "OrderCancelled", "OrderMatched", "SessionResumed", "OrderMatched")
    assert halted_amid([{"seq": seq, "type": kind} for seq, kind in enumerate(kinds, start=1)]) == [4]
