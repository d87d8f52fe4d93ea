"""A stream's events as JSON lines, a header first: what export writes, byte for byte what was hashed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from common.clock import isoformat, now_us
from ledger import registry, software, store
from ledger.models import Stream

FORMAT = "session-contracts/bundle/1"
COLUMNS = ("seq", "type", "version", "payload", "actor", "command_id", "at", "hash")


def lines(row: Stream, sources: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The header and every event up to the stream's seq, each a line.

    `sources`: where outside facts came from, seeds included: they tell prices to come, so no trader may see them.
    """
    header = {
        "format": FORMAT,
        "software": software.version(),
        "domain": row.domain,
        "engine_version": registry.get(row.domain).engine_version,
        "name": row.name,
        "stream": str(row.id),
        "seq": row.seq,
        "head": row.head,
        "exported_at": isoformat(now_us()),
        "sources": sources or {},
    }
    yield json.dumps(header) + "\n"
    for columns in store.read_raw(row.id):
        if columns[0] > row.seq:
            return
        yield json.dumps(dict(zip(COLUMNS, columns, strict=True)), ensure_ascii=False) + "\n"
