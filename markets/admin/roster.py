"""A CSV of participants: read whole, every bad line named, before anything is made of it."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from common.errors import DomainError, InvalidInput
from common.money import format_units, parse_units
from markets.engine.decide.participants import check_handle
from markets.exports.cells import armed

MOST_BYTES = 200_000
MOST_ROWS = 200
_MOST_COLUMNS = 67
_MOST_TOLD = 20
_HANDLE, _NAME, _USER = "participant_id", "name", "user"
_Row = tuple[int, list[str]]
_Wrong = tuple[int, str]
"""(line number, sentence)."""
_ALIASES = {"handle": _HANDLE, "participant": _HANDLE, "display name": _NAME, "username": _USER}


class RosterError(DomainError):
    """Every line that is wrong, as sentences."""

    def __init__(self, problems: Sequence[str]) -> None:
        shown = [*problems[:_MOST_TOLD]]
        if len(problems) > _MOST_TOLD:
            shown.append(f"... and {len(problems) - _MOST_TOLD} more.")
        super().__init__("invalid_input", " ".join(shown), field="csv")
        self.problems = shown


@dataclass(frozen=True, slots=True)
class Line:
    """One participant: where they stand in the file, who they are, what they begin with as text."""

    number: int
    handle: str
    name: str = ""
    user: str = ""
    amounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Roster:
    """`legs` are the header's other columns."""

    legs: tuple[str, ...]
    lines: tuple[Line, ...]


def read(
    data: bytes,
    *,
    legs: Sequence[str] = (),
    quantity_decimals: int = 4,
    known: Callable[[Iterable[str]], Collection[str]] | None = None,
) -> Roster:
    """`participant_id,name,user,LEG,...`, a line each. Where `legs` are given, a column must be one of them; where
    `known` is, it answers which of these users there are.

    Raises RosterError with all that is wrong, in the order of the lines.
    """
    rows = list(_rows(data))
    if not rows:
        raise RosterError(["The file is empty: its first line names the columns."])
    header = [_ALIASES.get(title.strip().lower(), title.strip()) for title in rows[0][1]]
    columns = [title.lower() if title.lower() in {_HANDLE, _NAME, _USER} else title for title in header]
    problems = list(_bad_header(columns, legs))
    if problems:
        raise RosterError([f"Line {rows[0][0]}: {text}" for text in problems])
    lines, wrong = _lines(rows[1:], columns, quantity_decimals)
    wrong += _doubles(rows[1:], columns.index(_HANDLE))
    if known is not None:
        there = known({line.user for line in lines} - {""})
        wrong += [
            (line.number, f"there is no user {line.user!r}.") for line in lines if line.user not in {"", *there}
        ]
    if wrong:
        raise RosterError([f"Line {number}: {text}" for number, text in sorted(wrong, key=itemgetter(0))])
    if not lines:
        raise RosterError(["There is nobody in the file, only its header."])
    if len(lines) > MOST_ROWS:
        raise RosterError([f"There are {len(lines)} participants; {MOST_ROWS} can be read at once."])
    return Roster(tuple(name for name in columns if name not in {_HANDLE, _NAME, _USER}), tuple(lines))


def beyond(
    lines: Sequence[Line], legs: Sequence[str], decimals: int, held: Callable[[str], int]
) -> Iterator[tuple[int, str]]:
    """(line number, sentence) for each leg of which these lines together want more than is `held`: the line with
    which they do."""
    for leg in legs:
        wanted, there = 0, held(leg)
        for line in lines:
            wanted += parse_units(line.amounts.get(leg, "0"), decimals, leg)
            if wanted > there:
                up_to = format_units(wanted, decimals)
                yield (
                    line.number,
                    f"up to here {up_to} {leg} are wanted; the treasury holds {format_units(there, decimals)}.",
                )
                break


def _lines(rows: Sequence[_Row], columns: Sequence[str], decimals: int) -> tuple[list[Line], list[_Wrong]]:
    """The lines that can be read, and what is wrong with the others."""
    lines: list[Line] = []
    wrong: list[_Wrong] = []
    for number, cells in rows:
        try:
            lines.append(_line(number, columns, cells, decimals))
        except DomainError as refusal:
            wrong.append((number, refusal.detail))
    return lines, wrong


def _doubles(rows: Sequence[_Row], at: int) -> Iterator[_Wrong]:
    """Handles that stand there a second time, whatever else their lines say."""
    first: dict[str, int] = {}
    for number, cells in rows:
        handle = cells[at].strip() if at < len(cells) else ""
        if handle and first.setdefault(handle, number) != number:
            yield number, f"{handle[:64]} is there twice, first on line {first[handle]}."


def _rows(data: bytes) -> Iterator[_Row]:
    """(line number, cells) of every line that says something."""
    if len(data) > MOST_BYTES:
        raise RosterError([f"The file has more than {MOST_BYTES} bytes."])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RosterError([f"Line {line}: this is not UTF-8. Save the file as CSV UTF-8."]) from None
    if "\0" in text:
        raise RosterError([f"Line {text[: text.index(chr(0))].count(chr(10)) + 1}: there is a NUL character."])
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    begun = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
            begun = reader.line_num + 1
    except csv.Error as error:
        what = (
            "a quotation mark is opened and never closed" if "unexpected end" in str(error) else f"no CSV ({error})"
        )
        raise RosterError([f"Line {begun}: {what}."]) from None


def _bad_header(columns: Sequence[str], legs: Sequence[str]) -> Iterator[str]:
    if _HANDLE not in columns:
        yield f"there is no column {_HANDLE}."
    if len(columns) > _MOST_COLUMNS:
        yield f"there are {len(columns)} columns; {_MOST_COLUMNS} are the most."
        return
    for name, count in Counter(columns).items():
        if count > 1 or not name:
            yield f"the column {name[:40]!r} is there {count} times." if name else "a column has no name."
    strangers = [name for name in columns if name not in {"", _HANDLE, _NAME, _USER, *legs}]
    if legs and strangers:
        told = ", ".join(name[:40] for name in strangers)
        yield f"{told}: no such column or leg; the legs are {', '.join(legs)}."


def _line(number: int, columns: Sequence[str], cells: Sequence[str], decimals: int) -> Line:
    if len(cells) != len(columns):
        raise DomainError("invalid_input", f"there are {len(cells)} cells; the header has {len(columns)}.")
    found = dict(zip(columns, (armed(cell.strip()) for cell in cells), strict=True))
    for name, text in found.items():
        if len(text) > 150 or not text.isprintable():
            raise DomainError("invalid_input", f"{name}: too long, or with characters that are no text.")
    handle, name, user = found.pop(_HANDLE), found.pop(_NAME, ""), found.pop(_USER, "")
    if not handle:
        raise DomainError("invalid_input", f"{_HANDLE} is empty.")
    check_handle(handle)
    if len(name) > 80:
        raise DomainError("invalid_input", "a name has at most 80 characters.")
    amounts = {leg: text for leg, text in found.items() if text}
    for leg, text in amounts.items():
        try:
            parse_units(text, decimals, leg)
        except InvalidInput as refusal:
            raise DomainError("invalid_input", refusal.detail) from None
    return Line(number, handle, name, user, amounts)
