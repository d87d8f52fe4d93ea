"""Events ↔ canonical text: stable bytes, strict reading, old versions for ever; and the hash over them."""

import json
from hashlib import sha256
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Event
from ledger.chain import GENESIS, link
from ledger.codec import BrokenEvent, EventTypes, canonical
from ledger.tests.counter import Added, Nothing
from ledger.tickets import fingerprint

STREAM = UUID(int=1)


class Paid(Event, frozen=True):
    """Version 3: cents and a currency; 2 had cents alone, 1 whole euros under another name."""

    VERSION: ClassVar[int] = 3
    cents: int
    currency: str
    note: str = ""


def from_euros(fields: dict[str, Any]) -> dict[str, Any]:
    return {"cents": fields["euros"] * 100}


def with_currency(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "currency": "EUR"}


TYPES = EventTypes([Paid, Added], {("Paid", 1): from_euros, ("Paid", 2): with_currency})


def test_an_event_survives_its_text() -> None:
    event = Paid(5, "EUR", "ä")
    assert TYPES.decode("Paid", 3, canonical(event)) == event


def test_old_versions_are_read_through_the_chain_of_upcasters() -> None:
    assert TYPES.decode("Paid", 1, '{"euros":7}') == Paid(700, "EUR")
    assert TYPES.decode("Paid", 2, '{"cents":7}') == Paid(7, "EUR")
    assert TYPES.decode("Paid", 3, '{"cents":7,"currency":"CHF"}') == Paid(7, "CHF")


@pytest.mark.parametrize(
    ("name", "version", "payload"),
    [
        ("Paid", 3, '{"cents":1,"currency":"EUR","colour":"red"}'),
        ("Paid", 2, '{"cents":1,"colour":"red"}'),
        ("Paid", 3, '{"cents":1}'),
        ("Paid", 3, '{"cents":"1","currency":"EUR"}'),
        ("Paid", 3, '{"cents":1.0,"currency":"EUR"}'),
        ("Paid", 3, '{"cents":true,"currency":"EUR"}'),
        ("Paid", 3, '{"cents":null,"currency":"EUR"}'),
        ("Paid", 3, "not JSON"),
        ("Paid", 3, ""),
        ("Paid", 3, "[]"),
        ("Paid", 1, "[]"),
        ("Paid", 1, '{"cents":1}'),
        ("Paid", 1, '{"euros":"1"}'),
        ("Paid", 0, '{"cents":1}'),
        ("Paid", 4, '{"cents":1,"currency":"EUR"}'),
        ("Paid", -1, "{}"),
        ("Stolen", 1, "{}"),
        ("paid", 3, '{"cents":1,"currency":"EUR"}'),
        ("Added", 2, '{"amount":1,"name":"a"}'),
    ],
)
def test_what_no_type_can_read_is_an_error(name: str, version: int, payload: str) -> None:
    with pytest.raises(BrokenEvent):
        TYPES.decode(name, version, payload)


def test_a_version_without_its_upcaster_is_an_error() -> None:
    with pytest.raises(BrokenEvent, match="version 1"):
        EventTypes([Paid], {("Paid", 2): with_currency}).decode("Paid", 1, '{"euros":1}')


@pytest.mark.parametrize("number", [0, -1, 1, (1 << 63) - 1, -(1 << 63), (1 << 53) + 1])
def test_integers_of_64_bits_are_exact(number: int) -> None:
    text = canonical(Added(number, "a"))
    assert text == f'{{"amount":{number},"name":"a"}}'
    assert TYPES.decode("Added", 1, text) == Added(number, "a")


@given(st.text(), st.integers(-(1 << 63), (1 << 63) - 1))
def test_any_text_and_number_survive(name: str, amount: int) -> None:
    event = Added(amount, name)
    assert TYPES.decode("Added", 1, canonical(event)) == event


def test_the_canonical_bytes_are_these_and_stay_these() -> None:
    """Hashes of stored events depend on them: a change here is a change of history."""
    event = Paid(-(1 << 63), "€", 'ä"\\/\n\0\x7f𝄞')
    assert canonical(event).encode() == (
        b'{"cents":-9223372036854775808,"currency":"\xe2\x82\xac",'
        b'"note":"\xc3\xa4\\"\\\\/\\n\\u0000\x7f\xf0\x9d\x84\x9e"}'
    )
    assert canonical({"b": 1, "a": [True, None, "x"]}) == '{"a":[true,null,"x"],"b":1}'
    assert canonical({"b": {"d": 1, "c": 2}}) == '{"b":{"c":2,"d":1}}'


def test_the_hash_is_this_and_stays_this() -> None:
    columns = (1, "Paid", 3, canonical(Paid(1, "€")), "ann", "mine", 1_700_000_000_000_000)
    digest = link(GENESIS, STREAM, *columns)
    assert digest == "3f87bc2ecc8cfa062c61e1f834042e2dea0d2a11fc32e20e8919ef1f9685c2df"
    text = json.dumps([GENESIS, STREAM.hex, *columns], ensure_ascii=False, separators=(",", ":"))
    assert digest == sha256(text.encode()).hexdigest(), "anybody can recompute it"


COLUMNS: tuple[Any, ...] = (GENESIS, STREAM, 1, "Paid", 3, '{"a":1}', "ann", "mine", 5)
OTHER: tuple[Any, ...] = ("1" * 64, UUID(int=2), 2, "paid", 2, '{"a": 1}', "Ann", "", 6)


@pytest.mark.parametrize("column", range(9))
def test_the_hash_covers_every_column_and_the_hash_before(column: int) -> None:
    changed = (*COLUMNS[:column], OTHER[column], *COLUMNS[column + 1 :])
    assert link(*changed) != link(*COLUMNS)


def test_no_two_events_share_an_encoding() -> None:
    """What moves from one column to its neighbour changes the hash."""
    shifted = [
        (GENESIS, STREAM, 1, "ab", 1, "c", "d", "e", 5),
        (GENESIS, STREAM, 1, "a", 1, "bc", "d", "e", 5),
        (GENESIS, STREAM, 1, "a", 1, "b", "cd", "e", 5),
        (GENESIS, STREAM, 1, "a", 1, "b", "c", "de", 5),
        (GENESIS, STREAM, 11, "a", 1, "b", "c", "de", 5),
        (GENESIS, STREAM, 1, "a", 11, "b", "c", "de", 5),
        (GENESIS, STREAM, 1, "a", 1, "b", "c", 'd","e', 5),
        (GENESIS, STREAM, 1, "a", 1, "b", 'c","d', "e", 5),
    ]
    assert len({link(*columns) for columns in shifted}) == len(shifted)


def test_fingerprints_tell_content_and_type_apart() -> None:
    class Subtract(Nothing, frozen=True):
        pass

    marks = [fingerprint(command) for command in (Added(1, "a"), Added(1, "b"), Added(2, "a"), Nothing(), Subtract())]
    assert len(set(marks)) == 5
    assert fingerprint(Added(1, "a")) == marks[0]
