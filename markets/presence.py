"""Who is connected, and what was last refused to whom: noted in memory, written down every few seconds.

No part of the ledger: it helps an organiser to see who needs help, and may be lost.
"""

from collections.abc import Collection, Mapping
from threading import Lock
from uuid import UUID

from django.db.models import Count

from common.clock import SECOND, now_us
from common.errors import DomainError
from markets.models import Presence

CONNECTED_WITHIN = 15 * SECOND
"""The feed writes down every five seconds who listens."""
_MOST_NOTED = 10_000
_noted: dict[tuple[UUID, str], tuple[int, str]] = {}
_mutex = Lock()


def refused(stream: UUID, handle: str | None, refusal: DomainError) -> None:
    """Note that a participant was refused something."""
    if not handle:
        return
    with _mutex:
        if len(_noted) < _MOST_NOTED:
            _noted[stream, handle] = now_us(), f"{refusal.code}: {refusal.detail}"[:300]


def write_down(connected: Mapping[UUID, Collection[str]]) -> None:
    """The handles that are connected now, by session, and what was noted since the last call."""
    now = now_us()
    with _mutex:
        noted = dict(_noted)
        _noted.clear()
    seen = [Presence(stream_id=stream, handle=who, seen_at=now) for stream, all_ in connected.items() for who in all_]
    refusals = [
        Presence(stream_id=stream, handle=who, refused_at=at, refusal=text)
        for (stream, who), (at, text) in noted.items()
    ]
    _upsert(seen, ["seen_at"])
    _upsert(refusals, ["refused_at", "refusal"])


def _upsert(rows: list[Presence], fields: list[str]) -> None:
    if rows:
        keys = ["stream_id", "handle"]
        Presence.objects.bulk_create(rows, update_conflicts=True, update_fields=fields, unique_fields=keys)


def of_session(stream: UUID) -> dict[str, Presence]:
    """{handle: what is known}. What this process noted is written down first."""
    write_down({})
    return {row.handle: row for row in Presence.objects.filter(stream_id=stream)}


def connected(streams: Collection[UUID], now: int) -> dict[UUID, int]:
    """How many are connected to each of these sessions."""
    rows = Presence.objects.filter(stream_id__in=streams, seen_at__gt=now - CONNECTED_WITHIN)
    return dict(rows.values_list("stream_id").annotate(number=Count("handle")).order_by())
