"""Who and what: actors, and the opaque ids that the outside sees. No Django."""

import os
import random
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Actor(NamedTuple):
    """Who acts. `id` is opaque and stands in the ledger; `organiser` means: on every session."""

    id: str
    organiser: bool = False


_chance = random.Random()  # noqa: S311
os.register_at_fork(after_in_child=_chance.seed)
CLOCK = Actor("clock", organiser=True)
"""Acts when time alone makes something happen."""
OPERATOR = Actor("operator", organiser=True)
"""Whoever runs management commands on the machine."""


def new_id() -> str:
    """32 hex digits that nobody has had. No secret: uuid4 asks the kernel each time, and lets other threads in."""
    return f"{_chance.getrandbits(128):032x}"


def public_id(stream: UUID, seq: int) -> str:
    """The outside name of what event `seq` of `stream` made (an order, a trade, an RFQ, a quote)."""
    return f"{_in_letters(stream)}-{seq}"


@lru_cache(maxsize=1024)
def _in_letters(stream: UUID) -> str:
    number, text = stream.int, ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return text


def parse_public_id(text: str) -> tuple[UUID, int] | None:
    """The inverse of `public_id`; None where the text is none of ours."""
    head, dash, tail = text.partition("-")
    if not dash or not (tail.isascii() and tail.isdecimal()) or len(text) > 64:
        return None
    number = 0
    for character in head:
        digit = _ALPHABET.find(character)
        if digit < 0:
            return None
        number = number * 58 + digit
    if number >= 1 << 128 or int(tail) >= 1 << 63:
        return None
    stream, seq = UUID(int=number), int(tail)
    return (stream, seq) if public_id(stream, seq) == text else None
