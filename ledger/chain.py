"""The hash chain: each event's hash covers the one before it and every column."""

from hashlib import sha256
from uuid import UUID

import msgspec

GENESIS = "0" * 64
"""What stands before a stream's first event."""
_ENCODER = msgspec.json.Encoder()


def link(
    previous: str,
    stream: UUID,
    seq: int,
    kind: str,
    version: int,
    payload: str,
    actor: str,
    command_id: str,
    at: int,
) -> str:
    """SHA-256 over the JSON array of the previous hash and all columns: an encoding no two events share."""
    columns = (previous, stream.hex, seq, kind, version, payload, actor, command_id, at)
    return sha256(_ENCODER.encode(columns)).hexdigest()
