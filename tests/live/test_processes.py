"""Several servers on one database: what one commits the others tell, and a restart loses nothing."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.floor import (
    LEG,
    Ear,
    Server,
    Session,
    aside,
    get,
    listening,
    open_session,
    post,
    rest_book,
    serving,
)
from tests.services import end_with_parent, redis_server

pytestmark = [pytest.mark.usefixtures("ledger")]


def order(server: Server, session: Session, who: str, **body: object) -> dict[str, Any]:
    wanted = {"participant_id": who, "asset": LEG, "quantity": 1, **body}
    return post(server, session.secrets[who], f"/sessions/{session.session_id}/orders", wanted)


async def until_heard(ear: Ear, order_id: str) -> None:
    await ear.hear_until(lambda m: m["type"] == "order" and m["data"]["order_id"] == order_id)


def test_an_order_over_http_is_told_by_the_same_process_and_equals_the_rest_book(tmp_path: Path) -> None:
    session = open_session("alice", "bob")

    async def story(server: Server) -> None:
        async with listening(server, session, "alice") as alice, listening(server, session, "bob") as bob:
            await alice.hear()
            delays = []
            for price in range(101, 111):
                began = time.monotonic()
                placed = await aside(order, server, session, "alice", side="sell", price=price)
                await until_heard(alice, placed["order_id"])
                delays.append(time.monotonic() - began)
            assert sorted(delays)[5] < 0.3  # poked, not polled
            shown = [m for m in alice.messages if m["type"] == "order"][-1]["data"]
            there = await aside(get, server, session.secrets["alice"], f"/orders/{shown['order_id']}")
            assert there == shown
            await bob.hear_until(lambda m: m["type"] == "book" and m["seq"] >= alice.seq)
            path = f"/sessions/floor/orderbook/{LEG}?depth=100"
            book = await aside(get, server, session.secrets["bob"], path)
            asks = [[level["price"], level["quantity"]] for level in book["asks"]]
            assert asks == [[f"{price}.0000", "1.0000"] for price in range(101, 111)]
            assert bob.levels() == await aside(rest_book, session)

    with serving(tmp_path, "--no-clock") as server:
        asyncio.run(story(server))


@pytest.mark.postgresql
def test_two_servers_tell_each_others_orders_and_a_restart_loses_nothing(tmp_path: Path) -> None:
    session = open_session("alice", "bob")

    async def story(one: Server, two: Server) -> None:
        async with listening(one, session, "alice") as here, listening(two, session, "alice") as there:
            for ear in (here, there):
                await ear.hear()
            for price, server in ((101, one), (102, two)):
                began = time.monotonic()
                placed = await aside(order, server, session, "alice", side="sell", price=price)
                await asyncio.gather(*(until_heard(ear, placed["order_id"]) for ear in (here, there)))
                assert time.monotonic() - began < 1
            held = there.seq
            two.stop()
            placed = await aside(order, one, session, "bob", side="buy", price=101)
            await here.hear_kind("trade")
        with serving(tmp_path / "again", "--no-clock") as again:
            async with listening(again, session, "alice") as back:
                await back.hear()
                await back.socket.send(json.dumps({"op": "resume", "seq": held}))
                await back.hear_kind("snapshot")
                assert back.levels() == await aside(rest_book, session)
                trades = await aside(get, again, session.secrets["alice"], "/sessions/floor/trades")
                assert len(next(iter(v for v in trades.values() if isinstance(v, list)))) == 1

    with serving(tmp_path / "one", "--no-clock") as one, serving(tmp_path / "two", "--no-clock") as two:
        asyncio.run(story(one, two))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[str]:
    program = redis_server()
    socket = tmp_path / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=end_with_parent)
    while not socket.exists():
        time.sleep(0.02)
    yield f"unix://{socket}"
    process.terminate()
    process.wait()


@pytest.mark.redis
def test_servers_poke_each_other_through_redis_and_do_without_when_it_dies(tmp_path: Path, redis: str) -> None:
    session = open_session("alice", "bob")

    async def story(one: Server, two: Server) -> None:
        async with listening(two, session, "alice") as there:
            await there.hear()
            delays = []
            for price in range(101, 107):
                began = time.monotonic()
                placed = await aside(order, one, session, "alice", side="sell", price=price)
                await until_heard(there, placed["order_id"])
                delays.append(time.monotonic() - began)
                await asyncio.sleep(0.15)
            assert sorted(delays)[3] < 0.24  # sooner than any poll on average
            subprocess.run(["redis-cli", "-s", redis.removeprefix("unix://"), "shutdown", "nosave"], check=False)
            for price in range(107, 110):
                began = time.monotonic()
                placed = await aside(order, one, session, "alice", side="sell", price=price)
                await until_heard(there, placed["order_id"])
                assert time.monotonic() - began < 1

    first = serving(tmp_path / "one", "--no-clock", REDIS_URL=redis)
    second = serving(tmp_path / "two", "--no-clock", REDIS_URL=redis)
    with first as one, second as two:
        asyncio.run(story(one, two))
