"""The processes of production together: what they do by themselves, and what they shrug off when one is away."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from session_contracts_client import ApiError
from session_contracts_client.errors import Unreachable
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from deploy.stack import ROOT
from tests.stack.floor import FULL, Floor, eventually, floor, replay, soon, without
from tests.stack.people import ORGANISER

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    with floor(tmp_path_factory.mktemp("stack")) as running:
        yield running


def listen(market: Floor, who: str, session_id: str, *, web: int | None = None) -> ClientConnection:
    """The live feed, by way of the proxy or of one server."""
    url = market.stack.url if web is None else market.stack.web_urls[web]
    address = f"{url.replace('http', 'ws', 1)}/ws/sessions/{session_id}"
    return connect(address, additional_headers={"Authorization": f"Bearer {market.keys[who]}"}, max_size=None)


def hear(socket: ClientConnection, kind: str, *, within: float) -> dict[str, object]:
    """The next message of a kind."""
    deadline = time.monotonic() + within
    while True:
        message: dict[str, object] = json.loads(socket.recv(max(0.0, deadline - time.monotonic())))
        if message["type"] == kind:
            return message


def closed_with(socket: ClientConnection) -> int | None:
    """The code that the server closes with, once everything that came before is read."""
    try:
        while True:
            socket.recv(5)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_the_demos_whole_session_plays_through_the_proxy(market: Floor) -> None:
    command = [sys.executable, "-m", "tests.stack.people", "story", market.stack.url]
    played = subprocess.run(
        command, cwd=ROOT, env=market.stack.environment, capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stderr
    claims = json.loads(played.stdout)
    assert len(claims) >= 5
    assert all(claims.values()), claims
    market.verify()


def test_a_timed_session_starts_trades_closes_and_settles_by_itself(market: Floor) -> None:
    market.open_session("timed", start_mode="scheduled", end_mode="timed", t1=soon(2), t2=soon(5))
    market.organiser.push_prices("timed", {"AAPL": 20, "NVDA": 30})
    with market.client("alice") as alice:
        eventually(lambda: alice.session("timed").status == "active", within=5)
        alice.place_order("timed", "AAPL", "sell", 1, 25)
        eventually(lambda: alice.session("timed").status == "settled", within=10)
        settled = alice.settlement("timed")
    assert sum(settled.payouts.values()) + settled.treasury.payout == 3000 * 20 + 3000 * 30
    for kind in ("SessionStarted", "SessionClosed", "SessionSettled"):
        assert market.count("timed", kind) == 1


def test_ticks_come_once_per_period_with_two_beats_one_of_which_dies(market: Floor) -> None:
    market.open_session("ticking")
    rows, period = 32, 0.25
    feed = market.organiser.create_feed(
        "replay", session_id="ticking", csv=replay(rows), settings={"tick_ms": int(period * 1000)}
    )
    time.sleep(rows * period / 3)
    dying, other = market.stack.beats
    with without(dying, number=signal.SIGKILL):
        assert other.is_running
        eventually(lambda: market.organiser.price_feed(feed.feed_id).status == "stopped", within=rows * period + 3)
    ticks = list(market.organiser.ticks("ticking"))
    assert [tick.prices["AAPL"] for tick in ticks] == [100 + row for row in range(rows)]
    assert [tick.feed_seq for tick in ticks] == list(range(1, rows + 1))
    took = (ticks[-1].published_at - ticks[0].published_at).total_seconds()
    assert abs(took - (rows - 1) * period) < 2 * period


def test_a_worker_that_was_away_finds_no_heap_of_stale_pokes_and_a_standby_held_the_clock(market: Floor) -> None:
    market.open_session("standby")
    feed = market.organiser.create_feed("sim", session_id="standby", settings={"tick_ms": 250})
    with without(*market.stack.workers, number=signal.SIGSTOP):
        time.sleep(3)
        before = market.organiser.price_feed(feed.feed_id).last_seq
        eventually(lambda: market.organiser.price_feed(feed.feed_id).last_seq >= before + 4, within=6)
        market.open_session("brief", end_mode="timed", t2=soon(1.5))
        market.organiser.push_prices("brief", {"AAPL": 20, "NVDA": 30})
        eventually(lambda: market.organiser.session("brief").status == "settled", within=6)
    noted = market.rows("SELECT at FROM markets_clocknote")
    eventually(lambda: market.rows("SELECT at FROM markets_clocknote") > noted, within=5)
    for kind in ("SessionClosed", "SessionSettled"):
        assert market.count("brief", kind) == 1
    ticks = [tick.feed_seq for tick in market.organiser.ticks("standby")]
    assert ticks == list(range(1, len(ticks) + 1))
    market.organiser.stop_feed(feed.feed_id)


def test_a_server_told_to_stop_finishes_what_it_took_and_the_other_goes_on(market: Floor) -> None:
    market.open_session("stopping")
    placed: list[str] = []
    errors: list[BaseException] = []
    ending = threading.Event()

    def trade(who: str) -> None:
        with market.client(who, patience=0) as client:
            try:
                while not ending.is_set():
                    placed.append(client.place_order("stopping", "AAPL", "sell", "0.1", 50).order_id)
            except BaseException as error:
                errors.append(error)

    traders = [threading.Thread(target=trade, args=(who,)) for who in ("alice", "bob", "carol")]
    leaving, url = market.stack.webs[0], market.stack.web_urls[0]
    with listen(market, "alice", "stopping", web=0) as socket:
        hear(socket, "snapshot", within=5)
        for thread in traders:
            thread.start()
        time.sleep(1)
        began = time.monotonic()
        assert leaving.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 10
        assert closed_with(socket) in {1001, 1012}
    time.sleep(1)
    leaving.start()
    market.stack.wait_for(url, leaving)
    ending.set()
    for thread in traders:
        thread.join()
    assert errors == []
    assert market.count("stopping", "OrderPlaced") == len(placed) == len(set(placed))


def test_a_server_that_waits_for_the_database_leaves_within_ten_seconds_and_acknowledges_nothing(
    market: Floor,
) -> None:
    market.open_session("stuck")
    leaving, url = market.stack.webs[0], market.stack.web_urls[0]
    refused: list[BaseException] = []

    def order() -> None:
        with market.client("alice", at=url, patience=0) as client:
            try:
                client.place_order("stuck", "AAPL", "sell", 1, 50)
            except (ApiError, Unreachable) as error:
                refused.append(error)

    waiting = threading.Thread(target=order)
    with psycopg.connect(market.stack.environment["DATABASE_URL"]) as holder:
        holder.execute("SELECT 1 FROM ledger_stream WHERE name = 'stuck' FOR UPDATE")
        waiting.start()
        time.sleep(0.5)
        began = time.monotonic()
        leaving.stop(signal.SIGTERM)
        assert time.monotonic() - began < 10
    waiting.join()
    assert refused
    leaving.start()
    market.stack.wait_for(url, leaving)
    assert market.count("stuck", "OrderPlaced") == 0


def test_connections_are_bounded_and_a_thousand_requests_leak_none(market: Floor) -> None:
    market.open_session("crowd")
    most = 20
    with ExitStack() as ends:
        for _ in range(500 if FULL else 60):
            ends.enter_context(listen(market, "alice", "crowd"))
        time.sleep(1)
        before = market.connections()
        highest = [0]

        def ask(who: str) -> None:
            with market.client(who) as client:
                for _ in range(250):
                    client.session("crowd")

        threads = [threading.Thread(target=ask, args=(who,)) for who in ("alice", "bob", "carol", ORGANISER)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            highest[0] = max(highest[0], market.connections())
            time.sleep(0.1)
        locks = len(market.stack.beats) + 1
        programs = len(market.stack.webs) + len(market.stack.workers) + len(market.stack.beats)
        assert highest[0] <= programs * most + locks
        eventually(lambda: market.connections() <= before + 8, within=20)


def test_readiness_names_what_is_away_and_nothing_else(market: Floor) -> None:
    eventually(lambda: market.ready()[1]["status"] == "ok", within=30)
    status, body = market.ready()
    assert status == 200
    assert body == {"status": "ok", "checks": dict.fromkeys(("database", "redis", "clock", "disk"), "ok")}


def test_the_ledger_is_whole_after_all_this(market: Floor) -> None:
    market.verify()
