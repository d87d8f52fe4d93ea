"""G23: the feed has no gap and can be resumed. Cut off at random, a client keeps the right book and every trade."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from markets.models import Trade
from tests.guarantees.sizes import chance, size
from tests.live.floor import Ear, Server, Session, aside, listening, open_session, rest_book, serving, trade_wildly

CUTS = size(15, 200, 1000)
pytestmark = [pytest.mark.usefixtures("ledger"), pytest.mark.timeout(240 + 3 * CUTS)]


def test_a_client_that_is_cut_off_again_and_again_keeps_the_book_and_hears_every_trade_once(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, dice = chance()
    session = open_session("alice", "bob", "carol", bounds={"orders_per_second": 10_000})
    heard: list[dict[str, Any]] = []

    async def story(server: Server) -> None:
        cutting = asyncio.Event()
        trading = [asyncio.create_task(trade_on(session, who, seed, cutting)) for who in ("alice", "bob")]
        held, feed, missed = -1, 0, 0
        for cut in range(CUTS + 1):
            if cut == CUTS:
                cutting.set()
                await asyncio.gather(*trading)
            async with listening(server, session, "carol") as ear:
                before = await resumed(ear, held, feed)
                missed += len(before)
                heard.extend(before)
                if cut == CUTS:
                    assert ear.levels() == await aside(rest_book, session)
                    break
                with contextlib.suppress(TimeoutError):
                    for _ in range(dice.randrange(8)):
                        message = await ear.hear(0.5)
                        heard.extend([message] if message["type"] == "trade" else [])
                held, feed = ear.seq, ear.feed_seq
        async with listening(server, session, "carol") as ear:
            assert await resumed(ear, 0, 0) == [], "that was before anything is remembered"
        tell(f"{CUTS} cuts, {len(heard)} trades, {missed} of them while it was away, seed {seed}")

    with serving(tmp_path, "--no-clock") as server:
        asyncio.run(story(server))
    assert "a live connection to" not in server.log.read_text(), "to hang up is nothing that failed"
    happened = Trade.objects.filter(stream_id=session.stream).order_by("number").values_list("number", flat=True)
    first = heard[0]["seq"]
    assert [message["seq"] for message in heard] == [number for number in happened if number >= first]


async def trade_on(session: Session, who: str, seed: int, ending: asyncio.Event) -> None:
    """Random orders until told to end."""
    while not ending.is_set():
        seed += 1
        await trade_wildly(session, who, 25, seed, pause=0.02)


async def resumed(ear: Ear, held: int, feed: int) -> list[dict[str, Any]]:
    """Come back, having held these seqs; the trades that were missed. One that is told live meanwhile comes again."""
    await ear.hear_kind("snapshot")
    if not 0 <= held < ear.seq:
        return []
    told = len(ear.messages)
    await ear.socket.send(json.dumps({"op": "resume", "seq": held, "feed_seq": feed}))
    await ear.hear_kind("snapshot")
    missed = {message["seq"]: message for message in ear.messages[told:] if message["type"] == "trade"}
    return [missed[seq] for seq in sorted(missed)]
