"""G25: who does not read is closed within 15 s, and costs the server little and the others nothing."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.guarantees.harness import PEOPLE, House
from tests.guarantees.sizes import ONCE, size
from tests.guarantees.trader import OK
from tests.stack.floor import percentile

EACH = size(5, 50, 50)
CLOSED_WITHIN_S, MOST_GROWTH_MB, BUSY_S = 15.0, 50, 0.25
"""BUSY_S: a usual delay below this counts as this much; what else runs on the machine is not ours to judge."""
pytestmark = [ONCE, pytest.mark.timeout(300)]


class Reader:
    """A client that reads, and when it heard of each trade."""

    def __init__(self, line: ClientConnection) -> None:
        self.heard: list[float] = []
        self._line = line

    async def read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._line:
                if json.loads(text)["type"] == "trade":
                    self.heard.append(time.monotonic())


def test_those_who_never_read_are_closed_and_nobody_else_notices(market: House, tell: Callable[[str], None]) -> None:
    market.open_session("g25")
    usual, delays, codes, growth = asyncio.run(story(market, "g25"))
    before, after = percentile(usual, 0.99), percentile(delays, 0.99)
    tell(
        f"{EACH} that never read and {EACH} that do: {codes.count(4408)} closed with 4408, {growth:.1f} MB more, "
        f"p99 of {len(delays)} trades heard {after * 1000:.0f} ms, {before * 1000:.0f} ms without"
    )
    assert codes == [4408] * EACH
    assert growth <= MOST_GROWTH_MB
    assert after <= 2 * max(before, BUSY_S)


async def story(market: House, session: str) -> tuple[list[float], list[float], list[int | None], float]:
    """(delays without them, delays with them, the codes that they were closed with, MB that the server grew)."""
    people = [PEOPLE[number % len(PEOPLE)] for number in range(EACH)]
    async with lines(market, session, people) as attentive:
        readers = [Reader(line) for line in attentive]
        reading = [asyncio.create_task(reader.read()) for reader in readers]
        usual = await trade(market, session, readers, seconds=CLOSED_WITHIN_S / 3)
        memory = megabytes(market.web.pid)
        async with lines(market, session, people, is_deaf=True) as deaf:
            delays = await trade(market, session, readers, seconds=CLOSED_WITHIN_S)
            growth = megabytes(market.web.pid) - memory
            codes = await asyncio.gather(*map(closed_with, deaf))
        assert not any(task.done() for task in reading), "somebody who reads was closed"
    await asyncio.gather(*reading)
    return usual, delays, codes, growth


@asynccontextmanager
async def lines(
    market: House, session: str, people: Sequence[str], *, is_deaf: bool = False
) -> AsyncIterator[list[ClientConnection]]:
    """A connection to the live feed for each of `people`. The deaf read nothing."""
    opened: list[ClientConnection] = []
    async with contextlib.AsyncExitStack() as ends:
        for who in people:
            line = await ends.enter_async_context(
                connect(
                    f"{market.url.replace('http', 'ws', 1)}/ws/sessions/{session}",
                    additional_headers={"Authorization": f"Bearer {market.keys[who]}"},
                    max_size=None,
                    max_queue=1,
                    ping_interval=None,
                    close_timeout=1,
                )
            )
            if is_deaf:
                line.transport.pause_reading()
            opened.append(line)
        yield opened


async def trade(market: House, session: str, readers: Sequence[Reader], *, seconds: float) -> list[float]:
    """Trades one after the other for so long: how many seconds each took to reach each reader."""
    first = [len(reader.heard) for reader in readers]
    asked = await asyncio.to_thread(_trade, market, session, seconds)
    async with asyncio.timeout(10):
        while any(len(reader.heard) < start + len(asked) for reader, start in zip(readers, first, strict=True)):
            await asyncio.sleep(0.05)
    return [
        heard - began
        for reader, start in zip(readers, first, strict=True)
        for heard, began in zip(reader.heard[start:], asked, strict=True)
    ]


def _trade(market: House, session: str, seconds: float) -> list[float]:
    asked, until = [], time.monotonic() + seconds
    with market.wires(PEOPLE[0], 1) as (seller,), market.wires(PEOPLE[1], 1) as (buyer,):
        while time.monotonic() < until:
            for wire, side in ((seller, "sell"), (buyer, "buy")):
                body = {"asset": "AAPL", "side": side, "order_type": "limit", "quantity": "0.01", "price": 10}
                began = time.monotonic()
                assert wire.ask("POST", f"/sessions/{session}/orders", body).outcome == OK
            asked.append(began)
            time.sleep(0.02)
    return asked


async def closed_with(line: ClientConnection) -> int | None:
    """Read again: the code that the server had closed it with, after all that came before."""
    line.transport.resume_reading()
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await line.recv()
    return line.close_code


def megabytes(pid: int) -> float:
    """What a process has in memory."""
    resident = next(row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS"))
    return int(resident.split()[1]) / 1024
