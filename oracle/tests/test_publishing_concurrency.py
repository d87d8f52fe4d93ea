"""Several writers at once: threads with a connection each, on the real database."""

import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection

from common.clock import SECOND
from common.errors import DomainError
from oracle import facade, feeds
from oracle.facade import FeedInfo, PriceSet
from oracle.models import Feed
from oracle.sources.replay.source import Row
from oracle.tests.dial import Dial

pytestmark = pytest.mark.django_db(transaction=True)


def together(count: int, work: Callable[[int], object]) -> list[Exception]:
    """Runs work(0) .. work(count-1) at once, each in its thread; answers what they raised."""
    gate = threading.Barrier(count)
    errors: list[Exception] = []

    def run(number: int) -> None:
        try:
            gate.wait(timeout=20)
            work(number)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


def push_feed() -> FeedInfo:
    return facade.create_feed(name="desk", mode="push", instruments=["A"], price_decimals=0)


def test_writers_at_once_leave_no_gap_and_no_tick_twice() -> None:
    push_feed()

    def work(number: int) -> None:
        for price in range(1, 11):
            facade.publish_many("desk", price_sets=[PriceSet({"A": number * 100 + price})] * 2)

    assert together(6, work) == []
    ticks = facade.ticks_after("desk", seq=0)
    assert [tick.seq for tick in ticks] == list(range(1, 121))
    assert facade.get_feed("desk").last_seq == 120
    times = [tick.published_at for tick in ticks]
    assert times == sorted(times)
    for number in range(6):  # each writer's own order is kept
        own = [tick.prices["A"] for tick in ticks if tick.prices["A"] // 100 == number]
        assert own == sorted(own)


@pytest.mark.parametrize("mode", ["sim", "replay"])
def test_several_beats_at_once_publish_each_tick_once(mode: str) -> None:
    clock = Dial()
    replay = facade.Replay(("A",), 0, tuple(feeds_rows())) if mode == "replay" else None
    feed = facade.create_feed(name="x", mode=mode, instruments=["A"], replay=replay, price_decimals=0)
    facade.start_feed("x", clock=clock)
    published: list[int] = []

    def work(_: int) -> None:
        for second in range(8):
            late = Dial(clock.now + second * SECOND)
            published.extend(tick.seq for tick in facade.advance_feed(feed.id, clock=late))

    assert together(5, work) == []
    assert sorted(published) == list(range(1, 9))
    assert Feed.objects.get().position == 8


def feeds_rows() -> list[Row]:
    return [Row(number, (number + 1,)) for number in range(50)]


def test_a_feed_asked_for_by_many_at_once_is_made_once() -> None:
    made: list[uuid.UUID] = []
    assert together(5, lambda _: made.append(push_feed().id)) == []
    assert len(made) == 5
    assert len(set(made)) == 1


def test_a_feed_stopped_amid_pushes_takes_no_tick_afterwards() -> None:
    push_feed()

    def work(number: int) -> None:
        if number == 0:
            facade.stop_feed("desk")
            return
        for _ in range(20):
            facade.publish("desk", prices={"A": 1})

    errors = together(3, work)
    assert {error.code for error in errors if isinstance(error, DomainError)} <= {"feed_stopped"}
    assert all(isinstance(error, DomainError) for error in errors)
    before = facade.get_feed("desk").last_seq
    assert [tick.seq for tick in facade.ticks_after("desk", seq=0)] == list(range(1, before + 1))


@pytest.mark.postgresql
def test_without_the_lock_two_writers_take_the_same_seq(monkeypatch: pytest.MonkeyPatch) -> None:
    push_feed()
    read = threading.Barrier(2)

    def unlocked(feed_id: uuid.UUID) -> Feed:
        feed = Feed.objects.get(pk=feed_id)
        read.wait(timeout=20)
        return feed

    monkeypatch.setattr(feeds, "_locked", unlocked)
    errors = together(2, lambda _: facade.publish("desk", prices={"A": 1}))
    assert [type(error) for error in errors] == [IntegrityError]
    assert facade.get_feed("desk").last_seq == 1


@pytest.mark.postgresql
def test_a_fixing_waits_for_a_tick_that_is_being_published(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = push_feed()
    clock = Dial()
    facade.publish("desk", prices={"A": 1}, clock=clock)
    writing, append = threading.Event(), feeds._append
    fixings: list[facade.Fixing] = []

    def slowly(*arguments: object, **named: object) -> object:
        ticks = append(*arguments, **named)  # type: ignore[arg-type]
        writing.set()
        threading.Event().wait(0.3)  # the commit takes its time
        return ticks

    monkeypatch.setattr(feeds, "_append", slowly)

    def work(number: int) -> None:
        if number == 0:
            facade.publish("desk", prices={"A": 2}, clock=clock)
            return
        assert writing.wait(timeout=20)
        at = clock.now
        fixings.append(facade.fixing(feed.id, instruments=["A"], rule="last", at=at, clock=clock))

    assert together(2, work) == []
    assert fixings[0].prices == {"A": 2}
