"""A stream's events as JSON lines, a header first: what export writes, byte for byte what was hashed."""

import json
from collections.abc import Iterator

from common.clock import isoformat, now_us
from ledger import registry, store
from ledger.models import Stream

_COLUMNS = ("seq", "type", "version", "payload", "actor", "command_id", "at", "hash")


def lines(row: Stream) -> Iterator[str]:
    """The header and every event up to the stream's seq, each a line."""
    header = {
        "format": "session-contracts/events/1",
        "domain": row.domain,
        "name": row.name,
        "stream": str(row.id),
        "seq": row.seq,
        "head": row.head,
        "engine_version": registry.get(row.domain).engine_version,
        "exported_at": isoformat(now_us()),
    }
    yield json.dumps(header) + "\n"
    for columns in store.read_raw(row.id):
        if columns[0] > row.seq:
            return
        yield json.dumps(dict(zip(_COLUMNS, columns, strict=True)), ensure_ascii=False) + "\n"
