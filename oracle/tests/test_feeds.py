"""Feeds through the facade: made, published, advanced, fixed. State is built by its functions only."""

import io
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from common.clock import SECOND, parse_time
from common.errors import DomainError, InvalidInput
from oracle import facade
from oracle.facade import FeedInfo, PriceSet
from oracle.models import Feed, ReplayRow, Tick
from oracle.sources.sim.source import SimSource
from oracle.tests.dial import Dial

pytestmark = pytest.mark.django_db

CSV = b"""ts,NVDA,ORCL,YHOO
1999-01-22T21:00:00+00:00,1.6406,8.3125,35.7500
1999-01-25T21:00:00+00:00,1.8125,8.5104,39.0000
1999-01-26T21:00:00+00:00,1.8672,8.7917,40.7500
"""


def push_feed(clock: Dial, name: str = "desk") -> FeedInfo:
    return facade.create_feed(name=name, mode="push", instruments=["AAPL", "NVDA"], price_decimals=2, clock=clock)


def sim_feed(clock: Dial, **settings: object) -> FeedInfo:
    return facade.create_feed(name="sim", mode="sim", instruments=["AAPL", "NVDA"], settings=settings, clock=clock)


def replay_feed(clock: Dial, csv: bytes = CSV, **settings: object) -> FeedInfo:
    replay = facade.read_replay(io.BytesIO(csv))
    return facade.create_feed(name="replay", mode="replay", replay=replay, settings=settings, clock=clock)


def push(clock: Dial, aapl: str, nvda: str = "1", feed: str = "desk") -> int:
    return facade.publish(feed, prices={"AAPL": aapl, "NVDA": nvda}, clock=clock).seq


def refused(code: str, call: Callable[..., object], *arguments: object, **named: object) -> DomainError:
    with pytest.raises(DomainError) as caught:
        call(*arguments, **named)
    assert caught.value.code == code
    return caught.value


# Feeds


def test_a_feed_is_made_once_and_found_by_name_and_by_id() -> None:
    clock = Dial()
    made = push_feed(clock)
    clock.turn(seconds=5)
    assert push_feed(clock) == made
    assert facade.get_feed("desk") == facade.get_feed(made.id) == made
    assert made.created_at == 1_000 * SECOND
    assert made.instruments == ("AAPL", "NVDA")
    assert (made.status, made.last_seq) == ("running", 0)
    assert [feed.name for feed in facade.list_feeds()] == ["desk"]


@pytest.mark.parametrize(
    "other",
    [
        {"instruments": ["NVDA", "AAPL"]},
        {"instruments": ["AAPL"]},
        {"price_decimals": 3},
        {"mode": "push", "settings": {}},
        {"settings": {"seed": 2}},
    ],
)
def test_a_feed_of_the_same_name_that_says_something_else_is_refused(other: dict[str, object]) -> None:
    arguments: dict[str, object] = {
        "name": "x",
        "mode": "sim",
        "instruments": ["AAPL", "NVDA"],
        "settings": {"seed": 1},
    }
    facade.create_feed(**arguments)  # type: ignore[arg-type]
    refusal = refused("feed_exists", facade.create_feed, **(arguments | other))
    assert refusal.field == "name"


def test_the_same_feed_may_be_asked_for_at_another_pace() -> None:
    made = sim_feed(Dial(), tick_ms=1000)
    assert sim_feed(Dial(), tick_ms=250) == made


def test_the_same_csv_is_the_same_replay_and_another_is_not() -> None:
    made = replay_feed(Dial())
    assert replay_feed(Dial(), csv=b"\xef\xbb\xbf" + CSV) == made
    assert ReplayRow.objects.count() == 3
    refused("feed_exists", replay_feed, Dial(), csv=CSV.replace(b"1.6406", b"1.6407"))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": " a"}, "name"),
        ({"instruments": []}, "instruments"),
        ({"price_decimals": 7}, "price_decimals"),
        ({"price_decimals": -1}, "price_decimals"),
        ({"mode": "live"}, "mode"),
        ({"mode": "replay"}, "csv"),
        ({"settings": {"tick_ms": 0}}, "settings.tick_ms"),
        ({"settings": {"speed": 1}}, "settings.speed"),
        ({"mode": "push", "settings": {"tick_ms": 100}}, "settings.tick_ms"),
    ],
)
def test_a_feed_with_a_bad_argument_is_refused(arguments: dict[str, object], field: str) -> None:
    good: dict[str, object] = {"name": "x", "mode": "sim", "instruments": ["A"]}
    assert refused("invalid_input", facade.create_feed, **(good | arguments)).field == field
    assert not Feed.objects.exists()


def test_a_replay_has_its_csvs_instruments_and_no_settings_but_its_pace() -> None:
    replay = facade.read_replay(io.BytesIO(CSV))
    call = facade.create_feed
    assert refused("invalid_input", call, name="x", mode="replay", replay=replay, instruments=["A"])
    assert refused("invalid_input", call, name="x", mode="replay", replay=replay, settings={"seed": 1})
    assert refused("invalid_input", call, name="x", mode="push", replay=replay)


def test_a_feed_that_is_not_there_is_refused() -> None:
    assert refused("unknown_feed", facade.get_feed, "none").field == "feed"
    refused("unknown_feed", facade.get_feed, uuid.uuid4())
    refused("unknown_feed", facade.get_feed, "a\0b")
    refused("unknown_feed", facade.publish, "none", prices={})


@pytest.mark.parametrize(
    "row",
    [
        {"price_decimals": 7},
        {"name": ""},
        {"mode": "live"},
        {"status": "running"},
        {"started_at": 1},
        {"position": -1, "start_position": -1},
        {"start_position": 1},
        {"last_seq": -1},
    ],
)
def test_the_database_itself_refuses_a_feed_that_cannot_be(row: dict[str, object]) -> None:
    good: dict[str, object] = {
        "name": "x",
        "instruments": '["A"]',
        "price_decimals": 2,
        "mode": "sim",
        "created_at": 1,
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Feed.objects.create(**(good | row))


# Publishing


def test_a_pushed_tick_has_the_next_seq_and_our_time_beside_the_sources() -> None:
    clock = Dial()
    feed = push_feed(clock)
    push(clock, "1")
    clock.turn(seconds=1)
    said = parse_time("2020-01-01T00:00:00", "source_at")
    tick = facade.publish("desk", prices={"NVDA": "480.2", "AAPL": 190}, source_at=said, clock=clock)
    assert tick == facade.TickInfo(
        feed_id=feed.id,
        seq=2,
        prices={"AAPL": 19_000, "NVDA": 48_020},
        source_at=said,
        published_at=1_001 * SECOND,
        restart=False,
    )
    assert facade.latest_prices("desk") == tick
    assert facade.get_feed("desk").last_seq == 2


def test_whoever_wants_to_hears_of_new_ticks_once_they_are_committed(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    clock, heard = Dial(), list[str]()
    monkeypatch.setattr("oracle.feeds.after_publish", [heard.append])
    push_feed(clock)
    with django_capture_on_commit_callbacks(execute=True):
        push(clock, "1")
        assert heard == []
    assert heard == ["desk"]
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(InvalidInput):
        push(clock, "0")
    assert heard == ["desk"]


def test_a_clock_that_goes_back_does_not_take_published_at_with_it() -> None:
    clock = Dial()
    push_feed(clock)
    push(clock, "1")
    clock.turn(seconds=-10)
    push(clock, "2")
    clock.turn(seconds=11)
    push(clock, "3")
    times = [tick.published_at // SECOND for tick in facade.ticks_after("desk", seq=0)]
    assert times == [1_000, 1_000, 1_001]


def test_of_many_sets_one_bad_price_refuses_all() -> None:
    clock = Dial()
    push_feed(clock)
    sets = [PriceSet({"AAPL": "1", "NVDA": "1"}), PriceSet({"AAPL": "1", "NVDA": "0"})]
    refusal = refused("invalid_input", facade.publish_many, "desk", price_sets=sets, clock=clock)
    assert refusal.field == "ticks.1.prices.NVDA"
    assert facade.latest_prices("desk") is None
    assert facade.get_feed("desk").last_seq == 0


def test_many_sets_are_published_in_a_handful_of_statements(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    clock = Dial()
    push_feed(clock)
    sets = [PriceSet({"AAPL": n, "NVDA": 1}) for n in range(1, 101)]
    with django_assert_max_num_queries(8):
        ticks = facade.publish_many("desk", price_sets=sets, clock=clock)
    assert [tick.seq for tick in ticks] == list(range(1, 101))
    assert facade.ticks_after("desk", seq=97) == ticks[97:]
    assert facade.ticks_after("desk", seq=0, limit=2) == ticks[:2]
    assert facade.publish_many("desk", price_sets=[], clock=clock) == []


def test_more_than_a_thousand_sets_at_once_are_refused() -> None:
    push_feed(Dial())
    sets = [PriceSet({"AAPL": 1, "NVDA": 1})] * 1001
    assert refused("invalid_input", facade.publish_many, "desk", price_sets=sets).field == "ticks"


def test_a_stopped_push_feed_and_a_sim_take_no_prices() -> None:
    clock = Dial()
    push_feed(clock)
    facade.stop_feed("desk")
    refused("feed_stopped", push, clock, "1")
    facade.start_feed("desk", clock=clock)
    assert push(clock, "1") == 1
    sim_feed(clock)
    refused("feed_not_push", push, clock, "1", feed="sim")


def test_ticks_are_found_by_when_they_were_published() -> None:
    clock = Dial()
    push_feed(clock)
    for price in ("1", "2", "3", "4"):
        push(clock, price)
        clock.turn(seconds=1)
    found = facade.ticks_between("desk", start=1_001 * SECOND, end=1_002 * SECOND)
    assert [tick.seq for tick in found] == [2, 3]


# Advancing


def test_a_sim_publishes_a_tick_per_tick_ms_once_it_is_started() -> None:
    clock = Dial()
    sim_feed(clock, tick_ms=500, seed=4)
    assert facade.advance_feed("sim", clock=clock) == []
    feed = facade.start_feed("sim", clock=clock)
    assert facade.running_feeds() == [feed.id]
    seqs = []
    for _ in range(9):
        seqs += [tick.seq for tick in facade.advance_feed("sim", clock=clock)]
        clock.turn(microseconds=250_000)
    assert seqs == [1, 2, 3, 4, 5]
    assert facade.advance_feed("sim", clock=Dial(now=0)) == []


def test_a_sim_goes_on_with_its_path_after_a_stop_and_skips_what_it_missed() -> None:
    clock = Dial()
    sim_feed(clock, seed=4)
    facade.start_feed("sim", clock=clock)
    path = [tick.prices for tick in facade.advance_feed("sim", clock=clock)]
    facade.stop_feed("sim")
    clock.turn(seconds=1_000)
    assert facade.advance_feed("sim", clock=clock) == []
    facade.start_feed("sim", clock=clock)
    path += [tick.prices for tick in facade.advance_feed("sim", clock=clock)]
    clock.turn(seconds=3)
    path += [tick.prices for tick in facade.advance_feed("sim", clock=clock)]
    whole = SimSource.from_settings({"seed": 4}, ("AAPL", "NVDA"), 4).prices(first=0, count=5)
    assert [tuple(prices.values()) for prices in path] == [whole[0], whole[1], whole[4]]


def test_starting_a_running_feed_again_changes_nothing() -> None:
    clock = Dial()
    sim_feed(clock)
    started = facade.start_feed("sim", clock=clock)
    clock.turn(seconds=1)
    assert facade.start_feed("sim", clock=clock) == started


def test_a_start_with_a_pace_replaces_the_pace_and_keeps_the_rest() -> None:
    clock = Dial()
    before = sim_feed(clock, seed=9, max_ticks=5)
    after = facade.start_feed("sim", pace={"tick_ms": 100}, clock=clock)
    assert after.settings == {**before.settings, "tick_ms": 100}
    refusal = refused("invalid_input", facade.start_feed, "sim", pace={"seed": 1})
    assert refusal.field == "settings.seed"
    push_feed(clock)
    refused("invalid_input", facade.start_feed, "desk", pace={"tick_ms": 1})


def test_a_replay_publishes_its_rows_in_order_and_stops() -> None:
    clock = Dial()
    replay_feed(clock, tick_ms=250)
    facade.start_feed("replay", clock=clock)
    ticks = facade.advance_feed("replay", clock=clock)
    clock.turn(seconds=1)
    ticks += facade.advance_feed("replay", clock=clock)
    assert [tick.prices["NVDA"] for tick in ticks] == [16_406, 18_125, 18_672]
    assert ticks[0].source_at == parse_time("1999-01-22T21:00:00Z", "ts")
    assert [tick.published_at // SECOND for tick in ticks] == [1_000, 1_001, 1_001]
    assert not any(tick.restart for tick in ticks)
    assert facade.get_feed("replay").status == "stopped"
    assert facade.running_feeds() == []


def test_a_replay_that_ended_begins_again_with_a_restart_mark() -> None:
    clock = Dial()
    replay_feed(clock, max_ticks=3)
    for _ in range(2):
        facade.start_feed("replay", clock=clock)
        clock.turn(seconds=10)
        facade.advance_feed("replay", clock=clock)
    restarts = [tick.restart for tick in facade.ticks_after("replay", seq=0)]
    assert restarts == [False, False, False, True, False, False]


def test_a_looping_replay_marks_every_restart() -> None:
    clock = Dial()
    replay_feed(clock, loop=True)
    facade.start_feed("replay", clock=clock)
    clock.turn(seconds=6)
    ticks = facade.advance_feed("replay", clock=clock)
    assert [(tick.seq, tick.prices["NVDA"]) for tick in ticks if tick.restart] == [(4, 16_406), (7, 16_406)]
    assert facade.get_feed("replay").status == "running"


def test_a_replay_that_is_very_late_publishes_a_hundred_and_moves_its_schedule() -> None:
    clock = Dial()
    replay_feed(clock, loop=True, tick_ms=10)
    facade.start_feed("replay", clock=clock)
    clock.turn(seconds=3_600)
    assert len(facade.advance_feed("replay", clock=clock)) == 100
    assert facade.advance_feed("replay", clock=clock) == []
    clock.turn(microseconds=10_000)
    (tick,) = facade.advance_feed("replay", clock=clock)
    assert (tick.seq, tick.prices["NVDA"]) == (101, 18_125)  # row 100 % 3


def test_a_feed_stops_after_max_ticks_and_counts_anew_when_started() -> None:
    clock = Dial()
    sim_feed(clock, max_ticks=2)
    for _ in range(2):
        facade.start_feed("sim", clock=clock)
        for _ in range(5):
            facade.advance_feed("sim", clock=clock)
            clock.turn(seconds=1)
    assert facade.get_feed("sim").last_seq == 4
    assert facade.get_feed("sim").status == "stopped"


def test_a_feed_with_nothing_due_is_looked_at_without_its_lock(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    clock = Dial()
    sim_feed(clock)
    feed = facade.start_feed("sim", clock=clock)
    facade.advance_feed("sim", clock=clock)
    with django_assert_max_num_queries(2):
        assert facade.advance_feed(feed.id, clock=clock) == []


# Fixing


def five_ticks(clock: Dial) -> None:
    """AAPL 100, 110, 104, 90, 95 at 1000, 1010, 1020, 1030, 1040 s; the clock stands at 1050 s."""
    push_feed(clock)
    for aapl in ("100", "110", "104", "90", "95"):
        push(clock, aapl, nvda="7.5")
        clock.turn(seconds=10)


def aapl(rule: str, *, at: int, clock: Dial, window: int = 0, not_before: int = 0) -> tuple[int, list[int]]:
    fixing = facade.fixing(
        "desk",
        instruments=["AAPL"],
        rule=rule,
        at=at * SECOND,
        window=window * SECOND,
        not_before=not_before * SECOND,
        clock=clock,
    )
    return fixing.prices["AAPL"], [tick.seq for tick in fixing.ticks]


def test_a_fixing_uses_the_ticks_in_the_window_and_the_one_in_force_at_its_start() -> None:
    clock = Dial()
    five_ticks(clock)
    assert aapl("last", at=1_049, clock=clock) == (9_500, [5])
    assert aapl("last", at=1_030, clock=clock) == (9_000, [4])
    # From 1015 s: 110 for 5 s, 104 for 10 s, 90 for 5 s
    assert aapl("twap", at=1_035, window=20, clock=clock) == (10_200, [2, 3, 4])
    assert aapl("twap", at=1_035, window=15, clock=clock) == (9_933, [3, 4])
    assert aapl("median", at=1_035, window=20, clock=clock) == (10_400, [2, 3, 4])
    assert aapl("median", at=1_035, window=20, not_before=1_011, clock=clock) == (9_700, [3, 4])


def test_a_fixing_names_the_sessions_legs_in_the_sessions_order() -> None:
    clock = Dial()
    five_ticks(clock)
    both = facade.fixing("desk", instruments=["NVDA", "AAPL"], rule="last", at=clock.now, final=False, clock=clock)
    assert list(both.prices.items()) == [("NVDA", 750), ("AAPL", 9_500)]
    assert both.price_decimals == 2
    assert both.ticks[0].prices == (750, 9_500)


def test_a_leg_that_the_feed_does_not_have_is_refused() -> None:
    push_feed(Dial())
    call = {"rule": "last", "at": 1}
    assert refused("invalid_input", facade.fixing, "desk", instruments=["X"], **call).field == "instruments"
    assert refused("invalid_input", facade.fixing, "desk", instruments=[], **call).field == "instruments"


def test_a_fixing_waits_for_a_price_and_for_its_time() -> None:
    clock = Dial()
    push_feed(clock)
    call = {"instruments": ["AAPL"], "rule": "last", "clock": clock}
    refused("fixing_unavailable", facade.fixing, "desk", at=clock.now, **call)
    clock.turn(seconds=1)
    push(clock, "1")
    early = refused("fixing_unavailable", facade.fixing, "desk", at=clock.now + 1, **call)
    assert early.detail == "The fixing time is not reached yet."
    clock.turn(seconds=61)
    assert "61 s old" in refused("fixing_unavailable", facade.fixing, "desk", at=clock.now, **call).detail
    call["max_age"] = 61 * SECOND
    assert facade.fixing("desk", at=clock.now, **call).prices == {"AAPL": 100}  # type: ignore[arg-type]


def test_after_a_fixing_no_tick_can_slip_in_before_it() -> None:
    clock = Dial()
    push_feed(clock)
    push(clock, "1")
    at = clock.turn(seconds=5)
    arguments = {"instruments": ["AAPL"], "rule": "last", "at": at, "clock": clock}
    first = facade.fixing("desk", **arguments)  # type: ignore[arg-type]
    slow = Dial(now=at - 2 * SECOND)  # another machine, two seconds behind
    assert facade.publish("desk", prices={"AAPL": "2", "NVDA": "2"}, clock=slow).published_at == at + 1
    assert facade.fixing("desk", **arguments) == first  # type: ignore[arg-type]


def test_a_preview_writes_nothing() -> None:
    clock = Dial()
    push_feed(clock)
    push(clock, "1")
    ahead = clock.now + 5 * SECOND
    preview = facade.fixing("desk", instruments=["AAPL"], rule="last", at=ahead, final=False, clock=clock)
    assert preview.prices == {"AAPL": 100}
    push(clock, "2")
    assert Tick.objects.get(seq=2).published_at == clock.now


def test_a_manual_fixing_needs_no_feed() -> None:
    fixing = facade.manual_fixing(prices={"AAPL": "1.5"}, instruments=["AAPL"], price_decimals=1, at=3)
    assert (fixing.rule, fixing.prices) == ("manual", {"AAPL": 15})
    with pytest.raises(InvalidInput):
        facade.manual_fixing(prices={}, instruments=["AAPL"], price_decimals=1, at=3)


def test_a_file_of_prices_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CSV)
    assert facade.legs_of(str(path)) == ("NVDA", "ORCL", "YHOO")
    assert len(facade.load_replay(str(path)).rows) == 3
