"""Orders of somebody who is gone: countdowns and cancel-on-disconnect, whatever happens to client and server."""

import asyncio
import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from markets import queries, tasks
from markets.handlers import countdowns, sessions
from markets.models import Countdown, Order
from tests.guarantees.sizes import ONCE, chance, size
from tests.live.floor import LEG, Server, Session, aside, open_session, serving, start
from tests.live.line import dialed
from tests.services import end_with_parent

ROUNDS = size(1, 10, 50)
pytestmark = [pytest.mark.usefixtures("ledger"), ONCE, pytest.mark.timeout(300 + 15 * ROUNDS)]
ORDER = {"asset": LEG, "side": "sell", "quantity": "5", "price": "150"}
CLIENT = """
import asyncio, json, socket, struct, sys
from websockets.asyncio.client import connect

async def story(url, key, wishes, again):
    async with connect(url, additional_headers={"Authorization": f"Bearer {key}"}, max_size=None) as line:
        raw = line.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for wish in wishes:
            await line.send(json.dumps(wish))
            while json.loads(await line.recv())["type"] != "ack":
                pass
        print("ready", flush=True)
        while True:
            await asyncio.sleep(0.5)
            if again:
                await line.send(json.dumps(again))

url, key, wishes, again = json.loads(sys.argv[1])
asyncio.run(story(url, key, wishes, again))
"""
"""Its socket is reset, not closed, when the process ends."""


@contextmanager
def trader(server: Server, session: Session, *wishes: dict[str, Any], again: object = None) -> Iterator[Any]:
    """A process that has placed an order after `wishes`, and says `again` twice a second."""
    said = [{**wish, "id": number} for number, wish in enumerate((*wishes, {"op": "order.new", **ORDER}))]
    url = f"ws://{server.host}/ws/sessions/{session.session_id}"
    told = json.dumps([url, session.secrets["alice"], said, again])
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, told], stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def reasons(session: Session) -> list[tuple[str, str]]:
    return list(Order.objects.filter(stream_id=session.stream).order_by("number").values_list("status", "reason"))


def gone_after(session: Session, patience: float) -> float:
    """Seconds until nothing is open."""
    began = time.monotonic()
    while any(status == "open" for status, _ in reasons(session)):
        assert time.monotonic() - began < patience, "the orders are still open"
        time.sleep(0.05)
    return time.monotonic() - began


COUNTDOWN = {"op": "order.countdown", "seconds": 2}
REFRESH = {**COUNTDOWN, "id": "again"}
HOLD = {"op": "order.cancel_on_disconnect", "on": True}


def rounds() -> Iterator[tuple[Session, random.Random]]:
    """A session of alice's own for each round, and chance."""
    seed, dice = chance()
    print(f"{ROUNDS} rounds, seed {seed}")  # noqa: T201  pytest shows it when the test fails
    for turn in range(ROUNDS):
        yield open_session("alice", session_id=f"floor-{turn}"), dice


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_countdown_cancels_within_a_second_of_its_time_and_one_that_is_refreshed_does_not(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path) as server:
        for session, dice in rounds():
            with trader(server, session, COUNTDOWN, again=REFRESH) as client:
                time.sleep(dice.uniform(2.5, 3.5))
                assert reasons(session) == [("open", "")]
                client.send_signal(number)
                took = gone_after(session, 10)
                assert took < 2 + 1
                assert reasons(session) == [("cancelled", "countdown")]


def test_a_connection_that_is_reset_takes_its_orders_along_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-clock") as server:
        for session, dice in rounds():
            with trader(server, session, HOLD) as client:
                time.sleep(dice.uniform(0, 0.5))
                client.kill()
                assert gone_after(session, 10) < 1
                assert reasons(session) == [("cancelled", "disconnected")]
    assert not Countdown.objects.exists()


@pytest.mark.parametrize("wish", [COUNTDOWN, HOLD], ids=["countdown", "held"])
def test_the_deadline_survives_a_server_that_is_killed(tmp_path: Path, wish: dict[str, Any]) -> None:
    for session, dice in rounds():
        server = start(tmp_path)
        with trader(server, session, wish):
            time.sleep(dice.uniform(0, 0.15))
            server.stop(signal.SIGKILL)
        if wish is HOLD:  # a test need not wait for a connection's fifteen seconds
            Countdown.objects.update(due_at=queries.session_of(session.stream).created_at)
        else:
            time.sleep(2)
        assert reasons(session) == [("open", "")]
        with serving(tmp_path):
            gone_after(session, 5)


def test_what_is_set_is_told_and_can_be_taken_back() -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            told = await alice.ask("order.countdown", seconds=3600)
            assert told["data"]["cancel_at"] > told["at"]
            assert await aside(Countdown.objects.count) == 1
            assert (await alice.ask("order.countdown", seconds=0))["data"]["cancel_at"] is None
            assert (await alice.ask("order.cancel_on_disconnect", on=True))["type"] == "ack"
            assert (await alice.ask("order.cancel_on_disconnect", on=False))["type"] == "ack"
            assert await aside(Countdown.objects.count) == 0
            await alice.ask("order.new", **ORDER)
        for wrong, code in (
            ({"seconds": -1}, "invalid_input"),
            ({"seconds": "1.5"}, "invalid_input"),
            ({"seconds": 10**30}, "invalid_input"),
            ({"seconds": 86_401}, "invalid_input"),
            ({}, "invalid_input"),
            ({"seconds": 5, "participant_id": "bob"}, "not_yours"),
            ({"seconds": 5, "more": 1}, "invalid_input"),
        ):
            async with dialed(session, "alice") as alice:
                assert (await alice.ask("order.countdown", **wrong))["data"]["code"] == code, wrong
        async with dialed(session, "alice") as alice:
            assert (await alice.ask("order.cancel_on_disconnect", on="yes"))["data"]["code"] == "invalid_input"

    asyncio.run(story())
    assert reasons(session) == [("open", "")]


def test_an_ordinary_end_of_a_connection_counts_and_other_peoples_orders_stay() -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with dialed(session, "bob") as bob:
            await bob.ask("order.new", **ORDER)
            async with dialed(session, "alice") as alice:
                await alice.ask("order.cancel_on_disconnect", on=True)
                await alice.ask("order.new", **ORDER)
            await bob.hear_kind("heartbeat", 10)

    asyncio.run(story())
    assert reasons(session) == [("open", ""), ("cancelled", "disconnected")]


def test_a_server_that_stood_still_for_too_long_sends_its_clients_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.live.following._HEARTBEAT_S", 0.3)
    session = open_session("alice")

    async def story() -> None:
        with contextlib.suppress(Exception):
            async with dialed(session, "alice") as alice:
                await alice.ask("order.cancel_on_disconnect", on=True)
                await asyncio.sleep(0.5)
                assert await aside(Countdown.objects.count) == 1
                await aside(Countdown.objects.all().delete)
                await alice.hear_kind("ack")
        assert alice.socket.close_code == 1012

    asyncio.run(story())


@pytest.mark.parametrize("end", ["twice", "set anew meanwhile", "session over"])
def test_doing_what_is_due_twice_or_late_changes_nothing(end: str) -> None:
    session = open_session("alice")
    session.place("alice", side="sell", quantity=1, price=150)
    countdowns.count_down(session.stream, "alice", 5)
    Countdown.objects.update(due_at=1)
    (row,) = Countdown.objects.all()
    if end == "set anew meanwhile":
        countdowns.count_down(session.stream, "alice", 60)
    if end == "session over":
        sessions.close_session(session.stream, session.organiser)
    fire: Callable[[Countdown], None] = countdowns._fire
    for _ in range(2):
        fire(row)
    tasks.advance_sessions()
    is_over = end == "session over"
    assert reasons(session)[0][0] == ("expired" if is_over else "cancelled")
    assert Countdown.objects.count() == (end == "set anew meanwhile")
    assert len(queries.search_events(session.stream, kind="OrderCancelled")) == (not is_over)
