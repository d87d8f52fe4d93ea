"""Which ticks are due when."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SECOND
from common.errors import InvalidInput
from oracle.schedule import Due, Pace, Run, due

SIM = Run(pace=Pace(), started_at=100 * SECOND, start_position=0, position=0, run_ticks=0)
REPLAY = replace(SIM, rows=250)


def numbers(run: Run, *, seconds: float) -> range | None:
    what = due(run, now=run.started_at + round(seconds * SECOND))
    return what.numbers if what else None


def test_the_first_tick_is_due_at_the_start_and_not_before() -> None:
    assert numbers(SIM, seconds=-0.000001) is None
    assert numbers(SIM, seconds=0) == range(1)


def test_the_next_tick_is_due_when_its_time_has_come_to_the_microsecond() -> None:
    one = replace(SIM, position=1)
    assert numbers(one, seconds=0.999999) is None
    assert numbers(one, seconds=1) == range(1, 2)


def test_a_late_sim_skips_to_the_newest_tick() -> None:
    assert due(replace(SIM, position=3), now=SIM.started_at + 60 * SECOND) == Due(
        range(60, 61), 61, stop=False, start_position=0, started_at=SIM.started_at
    )


def test_a_late_replay_makes_every_missed_tick() -> None:
    assert numbers(replace(REPLAY, position=3), seconds=60) == range(3, 61)
    assert numbers(REPLAY, seconds=99) == range(100)


def test_a_very_late_replay_makes_a_hundred_and_goes_on_from_there() -> None:
    now = REPLAY.started_at + 100 * SECOND
    what = due(REPLAY, now=now)
    assert what == Due(range(100), 100, stop=False, start_position=100, started_at=now + SECOND)
    later = replace(REPLAY, position=100, start_position=100, started_at=now + SECOND)
    assert numbers(later, seconds=-0.5) is None
    assert numbers(later, seconds=0) == range(100, 101)


def test_a_replay_stops_with_its_last_row() -> None:
    what = due(replace(REPLAY, position=240), now=REPLAY.started_at + 300 * SECOND)
    assert what is not None
    assert (what.numbers, what.stop) == (range(240, 250), True)


def test_a_replay_that_ended_begins_again_when_started() -> None:
    again = replace(REPLAY, start_position=250, position=250)
    assert numbers(again, seconds=0) == range(250, 251)
    last = due(replace(again, position=499), now=again.started_at + 249 * SECOND)
    assert last is not None
    assert last.stop


def test_a_looping_replay_goes_on_beyond_its_last_row() -> None:
    looping = replace(REPLAY, pace=Pace(loop=True), position=240)
    what = due(looping, now=looping.started_at + 259 * SECOND)
    assert what is not None
    assert (what.numbers, what.stop) == (range(240, 260), False)


@pytest.mark.parametrize("run", [SIM, REPLAY])
def test_max_ticks_stops_a_feed_with_the_last_of_them(run: Run) -> None:
    limited = replace(run, pace=Pace(max_ticks=3))
    for ticks in range(3):
        what = due(replace(limited, position=ticks, run_ticks=ticks), now=run.started_at + ticks * SECOND)
        assert what is not None
        assert what.stop is (ticks == 2)


def test_a_late_replay_never_makes_more_than_max_ticks() -> None:
    limited = replace(REPLAY, pace=Pace(max_ticks=5), position=2, run_ticks=2)
    what = due(limited, now=REPLAY.started_at + 50 * SECOND)
    assert what is not None
    assert (what.numbers, what.stop) == (range(2, 5), True)


@given(
    calls=st.lists(st.integers(-5 * SECOND, 400 * SECOND), min_size=1, max_size=40),
    tick_ms=st.integers(1, 5_000),
    loop=st.booleans(),
    rows=st.sampled_from([0, 1, 7, 250]),
)
def test_no_tick_number_is_ever_made_twice_and_a_replay_leaves_none_out(
    calls: list[int], tick_ms: int, loop: bool, rows: int
) -> None:
    run = replace(SIM, pace=Pace(tick_ms=tick_ms, loop=loop), rows=rows)
    made: list[int] = []
    now = run.started_at
    for later in calls:
        now += later
        what = due(run, now=now)
        if what is None:
            continue
        assert 1 <= len(what.numbers) <= 100
        made.extend(what.numbers)
        if what.stop:
            assert made == list(range(rows))
            break
        run = replace(run, position=what.position, start_position=what.start_position, started_at=what.started_at)
    assert made == sorted(set(made))
    if rows:
        assert made == list(range(len(made)))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tick_ms": 0}, "settings.tick_ms"),
        ({"tick_ms": 86_400_001}, "settings.tick_ms"),
        ({"tick_ms": "1000"}, "settings.tick_ms"),
        ({"tick_ms": True}, "settings.tick_ms"),
        ({"max_ticks": -1}, "settings.max_ticks"),
        ({"max_ticks": 1.0}, "settings.max_ticks"),
        ({"loop": "yes"}, "settings.loop"),
    ],
)
def test_a_pace_that_there_is_not_is_refused(settings: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Pace.parse(settings)
    assert caught.value.field == field
