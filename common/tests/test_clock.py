"""Integer microseconds ↔ datetimes and texts, exactly and for every year that a datetime knows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import from_datetime, isoformat, now_us, parse_time, to_datetime
from common.errors import InvalidInput

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(moment=MOMENTS)
def test_a_datetime_survives_the_way_to_microseconds_and_back(moment: datetime) -> None:
    assert to_datetime(from_datetime(moment)) == moment


@given(moment=MOMENTS)
def test_a_moment_shown_is_read_as_the_same_moment(moment: datetime) -> None:
    microseconds = from_datetime(moment)
    assert parse_time(isoformat(microseconds), "t2") == microseconds


def test_a_datetime_without_a_zone_is_utc() -> None:
    naive = datetime(2026, 1, 31, 9)  # noqa: DTZ001  that is the point
    assert from_datetime(naive) == from_datetime(datetime(2026, 1, 31, 9, tzinfo=UTC))
    elsewhere = datetime(2026, 1, 31, 11, tzinfo=timezone(timedelta(hours=2)))
    assert from_datetime(elsewhere) == from_datetime(naive)


def test_a_moment_is_shown_with_microseconds_and_a_z() -> None:
    assert isoformat(0) == "1970-01-01T00:00:00.000000Z"
    assert isoformat(1_769_850_000_000_001) == "2026-01-31T09:00:00.000001Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T09:00:00Z",
        "2026-01-31T09:00:00",
        "2026-01-31 09:00",
        "2026-01-31T11:00:00+02:00",
        "2026-01-31T09:00:00.000000Z",
    ],
)
def test_the_usual_ways_to_write_a_moment_are_read(text: str) -> None:
    assert parse_time(text, "t2") == 1_769_850_000_000_000


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1_769_850_000,
        "",
        "soon",
        "09:00:00",
        "20260131",
        "2026-W05-6",
        "2026-02-30",
        "2026-01-31T25:00:00Z",
        "2026-01-31T09:00:00+99:00",
        "２０２６-01-31T09:00:00Z",
        "2026-01-31T09:00:00Z\n",
        "2026-01-31T09:00:00Z" + " " * 100,
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment_is_refused_by_naming_the_field(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_time(value, "t2")
    assert caught.value.field == "t2"


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_moment_that_could_not_be_shown_again_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_time(text, "t2")


def test_the_wall_clock_counts_microseconds() -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    assert before < to_datetime(now_us()) < before + timedelta(minutes=1)
