"""G18: doubled scheduling is harmless. Two beats, two workers, every task sent five times more: each effect once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from celery import Celery

from sessioncontracts.celery import app as ours
from tests.guarantees.sizes import size
from tests.stack.floor import Floor, eventually, floor, soon

SESSIONS, TIMES = size(3, 20, 60), 5
ORDERS, TICKS = 4, 12
pytestmark = [pytest.mark.redis, pytest.mark.timeout(300 + 10 * SESSIONS)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    with floor(tmp_path_factory.mktemp("doubled"), beats=2, workers=2) as found:
        yield found


def test_every_effect_happens_once_though_every_task_is_sent_five_times_more(
    running: Floor, tell: Callable[[str], None]
) -> None:
    names = [f"g18-{number}" for number in range(SESSIONS)]
    boss, patience = running.organiser, 60 + 2 * SESSIONS
    with flooded(running) as sent:
        ahead = 3 + SESSIONS * 0.5
        for name in names:
            running.open_session(
                name,
                start_mode="scheduled",
                end_mode="timed",
                t1=soon(ahead),
                t2=soon(ahead + 5 + SESSIONS * ORDERS * 0.3),
            )
            boss.push_prices(name, {"AAPL": 20, "NVDA": 30})
        feeds = [replay(running, f"feed-of-{name}") for name in names]
        eventually(lambda: {boss.session(name).status for name in names} == {"active"}, within=patience)
        with running.client("alice") as alice:
            for name in names * ORDERS:
                alice.place_order(name, "AAPL", "sell", 1, 25, time_in_force="gtd", expires_at=soon(3))
        eventually(lambda: {boss.session(name).status for name in names} == {"settled"}, within=patience)
        eventually(lambda: {boss.price_feed(feed).status for feed in feeds} == {"stopped"}, within=patience)
    for name in names:
        counts = [running.count(name, f"Session{what}") for what in ("Started", "Closed", "Settled")]
        assert [*counts, running.count(name, "OrderExpired")] == [1, 1, 1, ORDERS]
    ticks = "SELECT seq FROM oracle_tick WHERE feed_id = %s ORDER BY seq"
    for feed in feeds:
        assert [seq for (seq,) in running.rows(ticks, feed)] == list(range(1, TICKS + 1))
    running.verify()
    tell(f"2 beats, 2 workers, {len(sent)} tasks sent more, {SESSIONS} sessions and feeds, each effect once")


def replay(running: Floor, name: str) -> str:
    """A feed that publishes so many ticks and then stops; its id."""
    rows = [f"2026-01-01T00:00:{row:02}Z,{100 + row}" for row in range(TICKS)]
    made = running.organiser.create_feed(
        "replay", name=name, csv="\n".join(["ts,AAPL", *rows, ""]), settings={"tick_ms": 250}
    )
    running.organiser.start_feed(made.feed_id)
    return made.feed_id


@contextmanager
def flooded(running: Floor) -> Iterator[list[str]]:
    """For the length of a block every task of the schedule is sent five times at each of its times. What was sent."""
    sender = Celery("sender", broker=running.stack.environment["REDIS_URL"])
    sender.conf.task_default_queue = ours.conf.task_default_queue
    ending, sent = threading.Event(), list[str]()

    def send(task: str, every: float, options: dict[str, float]) -> None:
        while not ending.wait(every):
            for _ in range(TIMES):
                sender.send_task(task, ignore_result=True, **options)
                sent.append(task)

    threads = [
        threading.Thread(target=send, args=(entry["task"], entry["schedule"], entry["options"]))
        for entry in ours.conf.beat_schedule.values()
    ]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        ending.set()
        for thread in threads:
            thread.join()
        sender.close()
