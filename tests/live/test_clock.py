"""The clock: what time makes happen happens by itself, once, whoever ticks and however often."""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest
from celery.beat import Scheduler
from django.db import connection

from common.clock import SECOND, isoformat, now_us
from ledger.models import Event, Stream
from markets import queries, tasks
from markets.handlers import prices
from markets.management.clock import Clock
from markets.management.locks import lock_of_database
from markets.models import MarketSession, Order
from oracle import facade as oracle
from sessioncontracts.celery import app
from tests.live.floor import LEG, ROOT, Session, open_session, server_environment, serving

pytestmark = pytest.mark.usefixtures("ledger")


def eventually(holds: Callable[[], bool], within: float = 8.0) -> float:
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, "it never happened"
        time.sleep(0.05)
    return time.monotonic() - began


def status(session: Session) -> str:
    return MarketSession.objects.get(stream_id=session.stream).status


def soon(seconds: float) -> str:
    return isoformat(now_us() + int(seconds * SECOND))


def count(session: Session, kind: str) -> int:
    return Event.objects.filter(stream_id=session.stream, type=kind).count()


def test_a_session_starts_expires_closes_and_settles_by_itself(tmp_path: Path) -> None:
    session = open_session("alice", start_mode="scheduled", t1=soon(5), t2=soon(10))
    prices.push_prices(session.info, {LEG: "200", "NVDA": "500"})
    with serving(tmp_path):
        assert status(session) == "created"
        eventually(lambda: status(session) == "active")
        until = now_us() + SECOND
        order = session.place(
            "alice", side="sell", quantity=1, price=100, time_in_force="gtd", expires_at=isoformat(until)
        )
        eventually(lambda: Order.objects.get(stream_id=session.stream, number=order.number).status == "expired")
        assert now_us() - until < 3 * SECOND
        eventually(lambda: status(session) == "settled", within=12)
    settlement = queries.settlement(session.stream)
    assert settlement is not None
    assert settlement.payouts["alice"] == 1000 * 200 * 10**8 + 100 * 500 * 10**8
    for kind in ("SessionStarted", "OrderExpired", "SessionClosed", "SessionSettled"):
        assert count(session, kind) == 1
    closed = Event.objects.get(stream_id=session.stream, type="SessionClosed")
    assert str(session.info.t2) in closed.payload  # the nominal time, not the clock's


def test_a_sim_publishes_by_itself(tmp_path: Path) -> None:
    session = open_session("alice")
    feed = prices.start_source(session.info, mode="sim", settings={"tick_ms": 100, "seed": 1})
    with serving(tmp_path):
        eventually(lambda: oracle.get_feed(feed.id).last_seq >= 6)


def test_the_beat_sleeps_between_its_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = Mock(side_effect=Scheduler.tick)
    monkeypatch.setattr(Scheduler, "tick", lambda beat: tick(beat))
    clock = Clock(app)
    clock.start()
    time.sleep(2)
    clock.stop()
    assert 8 <= tick.call_count <= 120, "a tick to find what is due, one to find that nothing else is"


def test_doubled_clocks_change_nothing(tmp_path: Path) -> None:
    sessions = [open_session("alice", session_id=f"s{number}", t2=soon(2.5)) for number in range(4)]
    feeds = []
    for session in sessions:
        prices.push_prices(session.info, {LEG: "200", "NVDA": "500"})
        until = soon(1.5)
        for price in range(100, 110):
            session.place("alice", side="sell", quantity=1, price=price, time_in_force="gtd", expires_at=until)
        name = f"sim-{session.session_id}"
        oracle.create_feed(name=name, mode="sim", instruments=[LEG], settings={"tick_ms": 50, "max_ticks": 20})
        feeds.append(oracle.start_feed(name))

    def tick() -> None:
        try:
            while any(status(session) != "settled" for session in sessions):
                for task in (tasks.advance_feeds, tasks.advance_sessions, tasks.settle_closed):
                    task()
                time.sleep(0.05)
        finally:
            connection.close()

    with serving(tmp_path / "one"), serving(tmp_path / "two"), ThreadPoolExecutor(2) as clocks:
        for done in [clocks.submit(tick) for _ in range(2)]:
            done.result(timeout=30)
    for session in sessions:
        assert [count(session, kind) for kind in ("OrderExpired", "SessionClosed", "SessionSettled")] == [10, 1, 1]
    for feed in feeds:
        ticks = oracle.ticks_after(feed.id, seq=0)
        assert [tick.seq for tick in ticks] == list(range(1, len(ticks) + 1))
        assert len(ticks) <= 20


def _is_free() -> bool:
    """Whether nobody holds the clock's lock."""
    lock = lock_of_database()
    try:
        taken = lock.take()
        assert not taken or lock.is_held()
    finally:
        lock.release()
    return taken


def test_without_a_clock_nothing_happens_by_itself(tmp_path: Path) -> None:
    session = open_session("alice", start_mode="scheduled", t1=soon(0.5))
    with serving(tmp_path, "--no-clock"):
        time.sleep(1.5)
        assert _is_free()
        assert status(session) == "created"


def test_what_is_due_is_found_by_index() -> None:
    """EXPLAIN names the partial indexes on both databases, so that asking four times a second stays cheap."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {queries._DUE}", [now_us()] * 5)
        plan = str(cursor.fetchall())
        if connection.vendor == "postgresql":
            cursor.execute("RESET enable_seqscan")
    for index in ("markets_order_due", "markets_rfq_due", "markets_quote_due"):
        assert index in plan


def test_what_is_due_is_exactly_what_advancing_changes() -> None:
    at = now_us()
    quiet = open_session("alice", session_id="quiet", t2=isoformat(at + 3600 * SECOND))
    quiet.place("alice", side="sell", quantity=1, price=100)
    due = open_session("alice", session_id="due")
    due.place(
        "alice", side="sell", quantity=1, price=100, time_in_force="gtd", expires_at=isoformat(now_us() + SECOND // 2)
    )
    assert queries.due_sessions(now_us()) == []
    time.sleep(0.6)
    assert queries.due_sessions(now_us()) == [due.stream]
    tasks.advance_sessions()
    before = dict(Stream.objects.values_list("name", "seq"))
    assert queries.due_sessions(now_us()) == []
    tasks.advance_sessions()
    assert dict(Stream.objects.values_list("name", "seq")) == before


def test_a_feed_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", "good"):
        oracle.create_feed(name=name, mode="sim", instruments=[LEG])
        oracle.start_feed(name)
    bad, advance = oracle.get_feed("bad").id, oracle.advance_feed

    def failing(feed: oracle.FeedRef) -> list[oracle.TickInfo]:
        if feed == bad:
            raise RuntimeError
        return advance(feed)

    monkeypatch.setattr(oracle, "advance_feed", failing)
    tasks.advance_feeds()
    assert oracle.get_feed("good").last_seq == 1


def test_a_port_that_is_busy_gives_a_sentence(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-clock") as server:
        second = _serve(tmp_path, "--port", str(server.port))
    assert second.returncode == 1
    assert f"127.0.0.1:{server.port} is not free to listen on" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(("port", "sentence"), [("99999", "is no port"), ("-1", "is no port"), ("x", "is no port")])
def test_a_port_that_is_none_gives_a_sentence(tmp_path: Path, port: str, sentence: str) -> None:
    refused = _serve(tmp_path, f"--port={port}")
    assert refused.returncode != 0
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("verify", "--all")])
def test_a_database_without_tables_gives_a_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = _manage(tmp_path, *command, DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3")
    assert refused.returncode == 1
    assert "manage.py migrate" in refused.stderr
    assert "Traceback" not in refused.stderr


def _serve(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _manage(folder, "serve", *arguments, **environment)


def _manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=server_environment(folder) | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
