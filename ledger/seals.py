"""Seals: what no event says, an outcome's fingerprint or a snapshot's engine, cannot be changed unseen either.

A seal is 63 bits of the SHA-256 of a row's other columns. A stream's row holds the exclusive or of the seals of all
its outcomes, so that one that was added or taken away shows too, whatever their order. Like the hash of an event it
needs no secret: it finds what was changed, not who rewrote everything.
"""

from functools import reduce
from hashlib import sha256
from operator import xor

import msgspec

_ENCODER = msgspec.json.Encoder()


def seal(*columns: object) -> int:
    """The seal of a row's columns: a number below 2^63. UUIDs are told by their text."""
    return int.from_bytes(sha256(_ENCODER.encode(columns)).digest()[:8]) >> 1


def joined(*seals: int) -> int:
    """One number for any number of seals. Joining one a second time takes it out again."""
    return reduce(xor, seals, 0)
