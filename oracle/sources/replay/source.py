"""The replay source: a CSV `ts,AAPL,NVDA,...` checked whole before anything is published. No Django."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from common.clock import isoformat, parse_time
from common.errors import InvalidInput
from common.money import parse_units
from oracle.instruments import MAX_INSTRUMENTS, check_instruments

MAX_BYTES = 64 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
MAX_PRICES = 500_000
MAX_PROBLEMS = 20
"""So many bad rows are told one by one; the others are counted."""
_FIELD = "csv"


class Row(NamedTuple):
    """When the source says it was (µs, UTC), and the prices in units, in instrument order."""

    source_at: int
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A checked CSV: at least one row, times that never go back, prices in units of 10^-price_decimals."""

    instruments: tuple[str, ...]
    price_decimals: int
    rows: tuple[Row, ...]

    def digest(self) -> str:
        """SHA-256, hex, over the rows as `source_at,price,...` lines: whether two files say the same."""
        sha = hashlib.sha256()
        for row in self.rows:
            sha.update((",".join(map(str, (row.source_at, *row.prices))) + "\n").encode())
        return sha.hexdigest()


class ReplayFileError(InvalidInput):
    """The CSV was refused. `problems` are sentences with line numbers, the first MAX_PROBLEMS of `count`."""

    def __init__(self, problems: list[str], count: int) -> None:
        more = f" And {count - len(problems)} more." if count > len(problems) else ""
        summary = f"The CSV was refused, nothing is published ({count} {'problem' if count == 1 else 'problems'})."
        super().__init__(_FIELD, f"{summary} {' '.join(problems)}{more}")
        self.problems = tuple(problems)
        self.count = count


def load(path: Path, *, price_decimals: int) -> Replay:
    """The replay in the file. Raises InvalidInput if it can't be opened, ReplayFileError if it is bad."""
    with _opened(path) as stream:
        return read(stream, price_decimals=price_decimals)


def legs_of(path: Path) -> tuple[str, ...]:
    """The instruments that the file's header names. Raises as `load`; the rows are not looked at."""
    problems = _Problems()
    with _opened(path) as stream:
        header, _ = _read_header(stream, problems)
    return header


def read(stream: BinaryIO, *, price_decimals: int) -> Replay:
    """The replay in an open binary file: UTF-8, with or without a byte order mark.

    The header is `ts` and the instruments; a row is an ISO 8601 time (UTC if it names no zone), not before
    the row above it, and one price above 0 per instrument, as decimal text with at most `price_decimals`
    decimals. Blank lines may only come last. Every bad row is reported, in one ReplayFileError.
    """
    problems = _Problems()
    header, reader = _read_header(stream, problems)
    rows: list[Row] = []
    for line, cells in _records(reader, problems, width=len(header)):
        try:
            row = _row(cells, header, price_decimals)
        except InvalidInput as refusal:
            problems.add(line, refusal.detail)
            continue
        if rows and row.source_at < rows[-1].source_at:
            problems.add(line, f"ts is before that of the row above it, {isoformat(rows[-1].source_at)}.")
            continue
        rows.append(row)
    if not rows and not problems.count:
        problems.add(1, "the file has a header and no rows.")
    problems.raise_if_any()
    return Replay(header, price_decimals, tuple(rows))


class _Problems:
    """What is wrong with the file so far."""

    def __init__(self) -> None:
        self.count = 0
        self.sentences: list[str] = []
        self.bad_lines: set[int] = set()

    def add(self, line: int, sentence: str) -> None:
        self.count += 1
        if len(self.sentences) < MAX_PROBLEMS:
            self.sentences.append(f"Line {line}: {sentence}")

    def add_line(self, line: int, sentence: str) -> None:
        """For a line that could not be read at all: the row on it is not judged a second time."""
        self.bad_lines.add(line)
        self.add(line, sentence)

    def raise_if_any(self) -> None:
        if self.count:
            raise ReplayFileError(self.sentences, self.count)


class _Reader:
    """A csv.reader that knows on which line the record began, and reports instead of raising."""

    def __init__(self, stream: BinaryIO, problems: _Problems) -> None:
        self._problems = problems
        self._csv = csv.reader(_lines(stream, problems), strict=True)

    def next(self) -> tuple[int, list[str]] | None:
        """The line number and cells of the next record, None at the end or where the rest makes no sense."""
        line = self._csv.line_num + 1
        try:
            return line, next(self._csv)
        except StopIteration:
            return None
        except csv.Error as error:
            self._problems.add(line, f"this and what follows can't be read as CSV ({error}).")
            return None


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInput(_FIELD, f"The CSV {path} can't be opened: {error.strerror}.") from None


def _lines(stream: BinaryIO, problems: _Problems) -> Iterator[str]:
    """The lines as text. One that can't be read comes out blank, reported. Memory stays bounded."""
    number, total = 0, 0
    while data := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        total += len(data)
        too_long = len(data) > MAX_LINE_BYTES
        while too_long and data and not data.endswith(b"\n") and total <= MAX_BYTES:
            data = stream.readline(MAX_LINE_BYTES)
            total += len(data)
        if total > MAX_BYTES:
            problems.add_line(number, f"the file is larger than {MAX_BYTES} bytes.")
            return
        if too_long:
            problems.add_line(number, f"the line is longer than {MAX_LINE_BYTES} bytes.")
            yield "\n"
            continue
        yield _text(data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data, number, problems)


def _text(data: bytes, number: int, problems: _Problems) -> str:
    if b"\0" in data:
        problems.add_line(number, "the line holds a NUL byte.")
        return "\n"
    try:
        return data.decode()
    except UnicodeDecodeError:
        problems.add_line(number, "the line is not UTF-8.")
        return "\n"


def _read_header(stream: BinaryIO, problems: _Problems) -> tuple[tuple[str, ...], _Reader]:
    """The instruments, and a reader that stands behind the header. Without it no row can be judged."""
    reader = _Reader(stream, problems)
    record = reader.next()
    cells = [cell.strip() for cell in record[1]] if record else []
    if not problems.count:
        if not any(cells):
            problems.add(1, "the header ts,INSTRUMENT,... is missing.")
        elif cells[0] != "ts" or len(cells) < 2:
            problems.add(1, "the header must be ts and then the instruments, with commas between them.")
        elif len(cells) - 1 > MAX_INSTRUMENTS:
            problems.add(1, f"the header has {len(cells) - 1} instruments, at most {MAX_INSTRUMENTS} are allowed.")
    problems.raise_if_any()
    try:
        return check_instruments(cells[1:], field=_FIELD), reader
    except InvalidInput as refusal:
        problems.add(1, refusal.detail)
        raise ReplayFileError(problems.sentences, problems.count) from None


def _records(reader: _Reader, problems: _Problems, *, width: int) -> Iterator[tuple[int, list[str]]]:
    """The records with their line numbers, without blank ones at the end; one in between is reported."""
    blank = 0
    prices = 0
    while record := reader.next():
        line, cells = record
        if not any(cell.strip() for cell in cells):
            blank = blank or (0 if line in problems.bad_lines else line)
            continue
        if blank:
            problems.add(blank, "a blank line in the middle.")
            blank = 0
        prices += width
        if prices > MAX_PRICES:
            problems.add(line, f"the file has more than {MAX_PRICES} prices.")
            return
        yield line, cells


def _row(cells: list[str], header: tuple[str, ...], price_decimals: int) -> Row:
    if len(cells) != len(header) + 1:
        raise InvalidInput(_FIELD, f"{len(cells)} cells where the header has {len(header) + 1}.")
    source_at = parse_time(cells[0].strip(), "ts")
    prices = [
        parse_units(cell, price_decimals, name, minimum=1) for name, cell in zip(header, cells[1:], strict=True)
    ]
    return Row(source_at, tuple(prices))
