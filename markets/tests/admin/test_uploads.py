"""Files that are no rosters: refused with a line and a reason, quickly, within bounds, and nothing is done."""

import io
import os
import random
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from ledger.models import Event
from markets import queries
from markets.admin import roster as sheets
from markets.tests.admin.conftest import press, text_of

FULL = os.environ.get("FULL") == "1"
_GOOD = ["participant_id,name,user,AAPL,NVDA", *(f"p{n},Name {n},,0.5,0.25" for n in range(30))]
_REASON = re.compile(r"\bLine \d+: |The file |There is nobody|There are \d+ participants|could not be")
_WITHIN_S = 2
_MOST_MEMORY = 100_000_000


def _other_encoding(chance: random.Random) -> bytes:
    text = "\n".join([*_GOOD, "zoë,Zoë,,1,1"])
    return text.encode(chance.choice(["utf-16", "utf-32", "latin-1", "cp1252", "utf-16-be"]))


def _bytes_changed(chance: random.Random) -> bytes:
    data = bytearray("\n".join(_GOOD).encode())
    for _ in range(chance.randint(1, 40)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _nul(chance: random.Random) -> bytes:
    data = bytearray("\n".join(_GOOD).encode())
    data.insert(chance.randrange(len(data)), 0)
    return bytes(data)


def _ragged(chance: random.Random) -> bytes:
    lines = list(_GOOD)
    number = chance.randrange(1, len(lines))
    lines[number] = (
        lines[number] + "," * chance.randint(1, 50) if chance.random() < 0.5 else lines[number].split(",")[0]
    )
    return "\n".join(lines).encode()


def _wide(chance: random.Random) -> bytes:
    return ("participant_id," + "," * chance.choice([100, 10_000, 190_000, 1_000_000]) + "\nzoe").encode()


def _wrong_header(chance: random.Random) -> bytes:
    header = chance.choice(
        ["", "who,AAPL", "participant_id,participant_id", "participant_id,GOLD", "\ufeff\ufeffname"]
    )
    return "\n".join([header, *_GOOD[1:]]).encode()


def _quotes(chance: random.Random) -> bytes:
    lines = list(_GOOD)
    lines[chance.randrange(len(lines))] = chance.choice(['"open', 'a"b"c,,,', '"x"y,z', '""""', '"' * 9])
    return "\n".join(lines).encode()


def _numbers(chance: random.Random) -> bytes:
    bad = chance.choice(["NaN", "1e999", "-1", "1.00001", "9" * 4000, "٣", "0x10", "1_000", "=1+1", "inf", "1,5"])
    return "\n".join([*_GOOD, f"zoe,Zoe,,{bad},"]).encode()


def _long(chance: random.Random) -> bytes:
    return "\n".join([_GOOD[0], *(f"q{n},,,," for n in range(chance.choice([201, 5_000, 60_000])))]).encode()


def _no_csv(chance: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:  # an XLSX that unpacks to 20 MB
        bomb.writestr("xl/worksheets/sheet1.xml", b"\0" * 20_000_000)
    return chance.choice(
        [file.getvalue(), chance.randbytes(5_000), b"%PDF-1.7\n\xff\xfe", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n"]
    )


_WAYS: list[Callable[[random.Random], bytes]] = [
    _other_encoding,
    _bytes_changed,
    _nul,
    _ragged,
    _wide,
    _wrong_header,
    _quotes,
    _numbers,
    _long,
    _no_csv,
]


def problems_of(data: bytes) -> list[str]:
    try:
        sheets.read(data, legs=("AAPL", "NVDA"))
    except sheets.RosterError as refusal:
        return refusal.problems
    return []


def test_mutated_files_are_read_within_bounds_or_refused_with_a_reason() -> None:
    chance = random.Random(37)
    refused = 0
    tracemalloc.start()
    for number in range(1_000 if FULL else 60):
        data = _WAYS[number % len(_WAYS)](chance)
        tracemalloc.reset_peak()
        before, began = tracemalloc.get_traced_memory()[0], time.monotonic()
        problems = problems_of(data[: sheets.MOST_BYTES + 1])
        refused += bool(problems)
        assert all(_REASON.search(problem) or problem.startswith("... and") for problem in problems)
        assert sum(map(len, problems)) < 20_000
        assert time.monotonic() - began < _WITHIN_S * 4  # traced, on a machine that does other things too
        assert tracemalloc.get_traced_memory()[1] - before < _MOST_MEMORY
    tracemalloc.stop()
    assert refused > number // 2


@pytest.mark.parametrize("way", _WAYS, ids=lambda way: way.__name__[1:])
def test_a_file_that_is_no_roster_changes_nothing(
    console: Client, session: queries.SessionInfo, way: Callable[[random.Random], bytes]
) -> None:
    before = Event.objects.count()
    data = way(random.Random(3))
    answer = press(console, "roster", session.stream, csv=SimpleUploadedFile("people.csv", data))
    assert answer.status_code in {200, 422}
    if answer.status_code == 422:
        assert _REASON.search(text_of(answer))
    assert Event.objects.count() == before
    assert queries.participants(session.stream) == ["alice", "bob"]
