"""The replay's CSV: what is read, and how every bad row is reported."""

import io
from pathlib import Path

import pytest

from common.clock import parse_time
from common.errors import InvalidInput
from oracle.sources.replay.source import (
    MAX_LINE_BYTES,
    MAX_PRICES,
    Replay,
    ReplayFileError,
    Row,
    legs_of,
    load,
    read,
)

DAILY_CLOSE = b"""ts,NVDA,ORCL,YHOO
1999-01-22T21:00:00+00:00,1.6406,8.3125,35.7500
1999-01-25T21:00:00+00:00,1.8125,8.5104,39.0000
1999-01-26T21:00:00+00:00,1.8672,8.7917,40.7500
"""


def read_text(data: bytes | str, *, price_decimals: int = 4) -> Replay:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return read(stream, price_decimals=price_decimals)


def problems_of(data: bytes | str, *, price_decimals: int = 4) -> tuple[str, ...]:
    with pytest.raises(ReplayFileError) as caught:
        read_text(data, price_decimals=price_decimals)
    assert caught.value.field == "csv"
    assert caught.value.code == "invalid_input"
    return caught.value.problems


def test_a_good_file_gives_its_instruments_and_rows_in_units() -> None:
    replay = read_text(DAILY_CLOSE)
    assert replay.instruments == ("NVDA", "ORCL", "YHOO")
    first = parse_time("1999-01-22T21:00:00Z", "ts")
    assert replay.rows[0] == Row(first, (16_406, 83_125, 357_500))
    assert len(replay.rows) == 3


def test_a_time_without_a_zone_is_utc_and_an_offset_is_followed() -> None:
    naive, offset = read_text("ts,A\n2025-12-13T10:00:00,1\n2025-12-13T12:00:01+02:00,1\n").rows
    assert offset.source_at - naive.source_at == 1_000_000
    assert naive.source_at == parse_time("2025-12-13T10:00:00Z", "ts")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + DAILY_CLOSE,
        DAILY_CLOSE.replace(b"\n", b"\r\n"),
        DAILY_CLOSE.rstrip(b"\n"),
        DAILY_CLOSE + b"\n  \n,,,\n\r\n",
        DAILY_CLOSE.replace(b"1.6406", b'"1.6406"').replace(b"ts,NVDA,", b"ts, NVDA ,"),
    ],
    ids=["byte order mark", "CRLF", "no last line end", "blank lines at the end", "quotes and spaces"],
)
def test_what_spreadsheets_do_to_a_file_does_not_matter(data: bytes) -> None:
    assert read_text(data) == read_text(DAILY_CLOSE)
    assert read_text(data).digest() == read_text(DAILY_CLOSE).digest()


def test_equal_times_are_allowed() -> None:
    assert len(read_text("ts,A\n2025-01-01,1\n2025-01-01,2\n").rows) == 2


def test_every_bad_row_is_reported_with_its_line_and_nothing_is_read() -> None:
    data = """ts,AAPL,NVDA
2025-01-01T00:00:00Z,1,2
yesterday,1,2
2025-01-01T00:00:01Z,0,2
2025-01-01T00:00:02Z,1,-2
2025-01-01T00:00:03Z,1.00001,2
2025-01-01T00:00:04Z,1,two
2025-01-01T00:00:05Z,1
2025-01-01T00:00:06Z,1,2,3
2024-12-31T23:59:59Z,1,2
2025-01-01T00:00:07Z,nan,2
2025-01-01T00:00:07Z,,2

2025-01-01T00:00:08Z,1,2
"""
    assert problems_of(data) == (
        "Line 3: ts must be a date and time such as 2026-01-31T09:00:00Z.",
        "Line 4: AAPL must be at least 0.0001.",
        "Line 5: NVDA must be at least 0.0001.",
        "Line 6: AAPL may have at most 4 decimals.",
        "Line 7: NVDA must be a number.",
        "Line 8: 2 cells where the header has 3.",
        "Line 9: 4 cells where the header has 3.",
        "Line 10: ts is before that of the row above it, 2025-01-01T00:00:00.000000Z.",
        "Line 11: AAPL must be a finite number.",
        "Line 12: AAPL must be a number.",
        "Line 13: a blank line in the middle.",
    )


def test_many_bad_rows_are_counted_and_the_first_twenty_told() -> None:
    with pytest.raises(ReplayFileError) as caught:
        read_text("ts,A\n" + "x,1\n" * 100)
    assert caught.value.count == 100
    assert len(caught.value.problems) == 20
    assert caught.value.detail.endswith("And 80 more.")
    assert "Line 2: " in caught.value.detail


def test_decimals_beyond_the_feeds_are_refused_and_zeros_are_no_decimals() -> None:
    assert problems_of(DAILY_CLOSE, price_decimals=2)[0] == "Line 2: NVDA may have at most 2 decimals."
    assert read_text("ts,A\n2025-01-01,1.5000\n", price_decimals=1).rows[0].prices == (15,)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "Line 1: the header ts,INSTRUMENT,... is missing."),
        (b"\n\n", "Line 1: the header ts,INSTRUMENT,... is missing."),
        (b"ts,A,B\n", "Line 1: the file has a header and no rows."),
        (b"ts,A,B\n\n\n", "Line 1: the file has a header and no rows."),
        (b"ts\n2025-01-01\n", "Line 1: the header must be ts and then the instruments"),
        (b"ts;A;B\n2025-01-01;1;2\n", "Line 1: the header must be ts and then the instruments"),
        (b"time,A\n2025-01-01,1\n", "Line 1: the header must be ts and then the instruments"),
        (b"2025-01-01,1\n", "Line 1: the header must be ts and then the instruments"),
        (b"ts,A,A\n2025-01-01,1,1\n", "Line 1: The instrument A appears twice."),
        (b"ts,A,\n2025-01-01,1,1\n", "Line 1: '' is not an instrument's name"),
        (b"ts,CASH\n2025-01-01,1\n", "Line 1: CASH is the numeraire"),
        (b"ts,=1+1\n2025-01-01,1\n", "Line 1: '=1+1' is not an instrument's name"),
        (b"ts," + b",".join(b"A%d" % n for n in range(65)) + b"\n", "Line 1: the header has 65 instruments"),
        (b"ts" + b",A" * 1_000_000 + b"\n2025-01-01,1\n", "Line 1: the line is longer than"),
        (b"\xff\xfet\0s\0,\0A\0\n\0", "Line 1: the line holds a NUL byte."),
        (b"ts,A\xe9\n2025-01-01,1\n", "Line 1: the line is not UTF-8."),
    ],
)
def test_a_file_without_a_good_header_and_a_row_is_refused(data: bytes, problem: str) -> None:
    (found,) = problems_of(data)
    assert found.startswith(problem)


def test_lines_that_cannot_be_read_are_reported_among_the_others() -> None:
    long = b"2025-01-01," + b"1" * MAX_LINE_BYTES
    data = b"\n".join([b"ts,A", b"2025-01-01,\xff", b"2025-01-01,1\0", long, b"2025-01-01,x", b"2025-01-02,1"])
    assert problems_of(data) == (
        "Line 2: the line is not UTF-8.",
        "Line 3: the line holds a NUL byte.",
        f"Line 4: the line is longer than {MAX_LINE_BYTES} bytes.",
        "Line 5: A must be a number.",
    )


def test_a_quote_that_never_ends_is_reported_where_it_began() -> None:
    (problem,) = problems_of('ts,A\n2025-01-01,1\n2025-01-02,"1\n2025-01-03,1\n')
    assert problem.startswith("Line 3: this and what follows can't be read as CSV")


def test_a_file_with_too_many_prices_is_refused_before_it_fills_the_memory() -> None:
    rows = MAX_PRICES // 64 + 2
    header = "ts," + ",".join(f"A{n}" for n in range(64)) + "\n"
    bad = "2025-01-01" + ",1" * 63 + "\n"  # ragged, so that the test is quick
    problems = io.BytesIO((header + bad * rows).encode())
    with pytest.raises(ReplayFileError) as caught:
        read(problems, price_decimals=0)
    assert caught.value.count == rows - 1


def test_a_file_is_loaded_and_its_legs_read_from_the_path(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(DAILY_CLOSE + b"nonsense\n")
    assert legs_of(path) == ("NVDA", "ORCL", "YHOO")
    with pytest.raises(ReplayFileError, match="Line 5: 1 cells where the header has 4"):
        load(path, price_decimals=4)


def test_a_file_that_is_not_there_is_refused_with_a_sentence(tmp_path: Path) -> None:
    for function in (lambda: load(tmp_path / "no.csv", price_decimals=4), lambda: legs_of(tmp_path)):
        with pytest.raises(InvalidInput, match="can't be opened"):
            function()
