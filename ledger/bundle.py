"""A bundle read back: one stream's events in a file from anywhere, believed in nothing."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple, cast
from uuid import UUID

import msgspec

from common.clock import LATEST
from ledger import registry
from ledger.domain import Domain
from ledger.export import FORMAT
from ledger.verify import Finding, Folded, Lie, Tick, Walk

LONGEST_LINE = 16 << 20
"""Bytes; the longest event there can be is a settlement of ten thousand participants, far below."""
_GZIP = b"\x1f\x8b"
_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_Moment = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Terminals obey what is left out here."""
Opening = Callable[[], Iterator[tuple[Any, ...]]]


class BundleError(ValueError):
    """A file that cannot be read as a bundle; the sentence says what is wrong with it, and where."""


class Header(msgspec.Struct, frozen=True):
    """The first line. `sources`: where outside facts came from; for people, never trusted."""

    format: str
    domain: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_ONE_LINE)]
    stream: UUID
    seq: Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
    head: _Hash
    engine_version: int
    software: Annotated[str, msgspec.Meta(max_length=64, pattern=_ONE_LINE)]
    exported_at: str
    sources: dict[str, Any]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One event, its fields as the table's columns, as long as these may be."""

    seq: _Number
    type: Annotated[str, msgspec.Meta(max_length=48)]
    version: Annotated[int, msgspec.Meta(ge=0, le=32_767)]
    payload: str
    actor: Annotated[str, msgspec.Meta(max_length=64)]
    command_id: Annotated[str, msgspec.Meta(max_length=160)]
    at: _Moment
    hash: _Hash


class Bundle(NamedTuple):
    """A file's header and its events, read anew by each call of `events`."""

    header: Header
    domain: Domain[Any]
    events: Opening


def open_bundle(path: Path) -> Bundle:
    """The bundle in a file, gzip or plain. Raises BundleError; `events` does so too, as it meets what is wrong."""
    with _lines(path) as lines:
        header = _header(next(lines, b""))
    domains = {domain.name: domain for domain in registry.all_domains()}
    if header.domain not in domains:
        raise BundleError(f"line 1: this software knows no domain {header.domain!r}")

    def events() -> Iterator[tuple[Any, ...]]:
        with _lines(path) as lines:
            next(lines)
            for number, line in enumerate(lines, 2):
                yield msgspec.structs.astuple(_event(line, number))

    return Bundle(header, domains[header.domain], events)


def check(
    bundle: Bundle, *, anchor: str = "", tick: Tick = lambda count: None
) -> tuple[list[Finding], Folded | None]:
    """The first lie of a bundle, or none; and what it folds to. Needs no database. Raises BundleError."""
    header = bundle.header
    name = f"{header.domain}/{header.name} ({header.stream})"
    walk = Walk(bundle.domain, header.stream, header.head, anchor=anchor, tick=tick)
    try:
        folded = walk.fold(bundle.events())
    except Lie as lie:
        return [Finding(name, lie.seq, str(lie))], None
    found = [*_ends(name, bundle, folded), *walk.rest(name, folded)]
    return found[:1], folded


def _ends(name: str, bundle: Bundle, folded: Folded) -> Iterator[Finding]:
    """The header must agree with where the events end."""
    header, seq = bundle.header, folded.warm.seq
    if seq != header.seq:
        text = f"the events end at {seq}, the header says {header.seq}"
        yield Finding(name, min(seq, header.seq) + 1, text)
    if folded.head != header.head:
        yield Finding(name, seq, "field head of the header is not the hash of the last event")
    expected = bundle.domain.name_of(folded.warm.state)
    if expected and expected != header.name:
        yield Finding(name, 1, f"field name of the header says {header.name!r}, the events {expected!r}")


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == _GZIP
            raw.seek(0)
            with cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if is_gzip else raw as file:
                yield _bounded(file)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BundleError(f"the compressed file is damaged or cut off: {error}") from error
    except OSError as error:
        raise BundleError(f"it cannot be read: {error.strerror or error}") from error


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    number = 1
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise BundleError(f"line {number} is longer than {LONGEST_LINE} bytes")
        yield line
        number += 1


def _header(line: bytes) -> Header:
    try:
        header = _HEADER.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleError(f"line 1 is no header of a bundle: {error}") from error
    if header.format != FORMAT:
        raise BundleError(f"line 1: the format is {header.format!r}; this software reads {FORMAT!r}")
    return header


def _event(line: bytes, number: int) -> _Line:
    try:
        return _EVENT.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BundleError(f"line {number} is no event: {error}") from error


_HEADER, _EVENT = msgspec.json.Decoder(Header), msgspec.json.Decoder(_Line)
