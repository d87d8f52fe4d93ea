"""The opaque ids that the outside sees."""

import os
from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.ids import new_id, parse_public_id, public_id

STREAM = UUID("0f0e0d0c-0b0a-4908-8706-050403020100")


@given(stream=st.uuids(), seq=st.integers(0, (1 << 63) - 1))
def test_a_public_id_leads_back_to_its_stream_and_seq(stream: UUID, seq: int) -> None:
    assert parse_public_id(public_id(stream, seq)) == (stream, seq)


@given(text=st.text(max_size=70))
def test_a_text_that_is_read_is_the_only_one_for_its_stream_and_seq(text: str) -> None:
    found = parse_public_id(text)
    assert found is None or public_id(*found) == text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: "-",
        lambda text: text.partition("-")[0],
        lambda text: text.partition("-")[0] + "-",
        lambda text: text + "x",
        lambda text: text + " ",
        lambda text: " " + text,
        lambda text: "1" + text,
        lambda text: text.replace("-", "-0"),
        lambda text: text.replace("-", "--"),
        lambda text: text.replace("-", "-+"),
        lambda text: text.partition("-")[0] + "-٣",
        lambda text: text.partition("-")[0] + "-²",
        lambda text: text.partition("-")[0] + "-" + str(1 << 63),
        lambda text: "0OIl-5",
        lambda text: "z" * 40 + "-5",
        lambda text: "z" * 62 + "-5",
        lambda text: text.partition("-")[0] + "-" + "1" * 5_000,
    ],
)
def test_garbage_is_none_of_ours(spoil: Callable[[str], str]) -> None:
    text = spoil(public_id(STREAM, 7))
    assert parse_public_id(text) is None


def test_ids_hold_only_letters_and_digits_that_cannot_be_confused() -> None:
    head, _, tail = public_id(STREAM, 42).partition("-")
    assert tail == "42"
    assert not set(head) & set("0OIl")


def test_ids_are_new_in_a_process_that_was_forked_too() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert len({new_id(), new_id(), os.read(reading, 64).decode()}) == 3
    os.close(reading)
    os.close(writing)
