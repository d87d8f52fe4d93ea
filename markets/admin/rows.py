"""Reads that only the console needs. Never writes."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from common.money import format_units, trimmed
from ledger.models import Event
from markets.models import DisplayName, MarketSession, Participant


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """A participant, removed ones included. `user` is the opaque id of who they are, `name` what they are called."""

    handle: str
    user: str
    name: str
    joined_at: int
    has_allocation: bool
    is_removed: bool


def members(stream: UUID) -> list[MemberInfo]:
    """Everybody who joined, in that order."""
    names = dict(DisplayName.objects.filter(stream_id=stream).values_list("handle", "name"))
    return [
        MemberInfo(row.handle, row.user, names.get(row.handle, ""), row.joined_at, row.has_allocation, row.is_removed)
        for row in Participant.objects.filter(stream_id=stream).order_by("joined_seq")
    ]


def newest_events(stream: UUID, before: int, limit: int) -> list[Event]:
    """The ledger's own rows, the newest first; `before` a seq, 0 from the end."""
    rows = Event.objects.filter(stream_id=stream)
    return list((rows.filter(seq__lt=before) if before else rows).order_by("-seq")[:limit])


def basket_text(row: MarketSession) -> str:
    """A session's legs with their quantities, for a line in a list."""
    legs, q = msgspec.json.decode(row.legs, type=tuple[str, ...]), msgspec.json.decode(row.q, type=tuple[int, ...])
    pairs = zip(legs, q, strict=True)
    return ", ".join(f"{leg} {trimmed(format_units(units, row.quantity_decimals))}" for leg, units in pairs)


Before = tuple[int, int]
"""Where a page of acts begins: below these seqs of the session's ledger and of the platform's; 0: at the newest."""


def acts(
    stream: UUID, platform: UUID, *, not_by: Collection[str], before: Before, limit: int
) -> tuple[list[Event], Before]:
    """The newest events of a session that none of these caused, and the platform's about it; where the next begin."""
    own = Event.objects.filter(stream_id=stream).exclude(actor__in=not_by)
    about = Event.objects.filter(stream_id=platform, payload__contains=f'"stream":"{stream.hex}"')
    return _merged(own, about, before, limit)


def platform_acts(platform: UUID, *, only_by: str, before: Before, limit: int) -> tuple[list[Event], Before]:
    """The newest acts on the platform, by one person or ("") by all; where the next begin."""
    rows = Event.objects.filter(stream_id=platform)
    return _merged(rows.none(), rows.filter(actor=only_by) if only_by else rows, before, limit)


def subjects(found: Iterable[Event]) -> set[str]:
    """Whom or what the platform's acts were done to."""
    return {str(json.loads(row.payload).get("subject", "")) for row in found} - {""}


def names_of_sessions(found: Iterable[Event]) -> dict[str, tuple[UUID, str]]:
    """{stream as the acts name it: (stream, name)} of the live sessions that the platform's acts were about."""
    about = {str(json.loads(row.payload).get("stream", "")) for row in found} - {""}
    rows = MarketSession.objects.filter(stream_id__in=about).values_list("stream_id", "session_id")
    return {stream.hex: (stream, name) for stream, name in rows}


def _merged(own: QuerySet[Event], about: QuerySet[Event], before: Before, limit: int) -> tuple[list[Event], Before]:
    """The newest of both; within one stream, time never runs against the order of events."""
    found = [
        (row, source)
        for source, (rows, bound) in enumerate(zip((own, about), before, strict=True))
        for row in (rows.filter(seq__lt=bound) if bound else rows).order_by("-seq")[:limit]
    ]
    found.sort(key=lambda one: (one[0].at, one[0].seq), reverse=True)
    page = found[:limit]
    lowest = [min((row.seq for row, of in page if of == source), default=before[source]) for source in (0, 1)]
    return [row for row, _ in page], (lowest[0], lowest[1])


def first_allocations(stream: UUID) -> dict[str, dict[str, int]]:
    """What each participant was given from the treasury, by leg: the sum of their allocations."""
    found: dict[str, dict[str, int]] = {}
    texts = Event.objects.filter(stream_id=stream, type="InitialAllocationAssigned").order_by("seq")
    for text in texts.values_list("payload", flat=True):
        payload = json.loads(text)
        held = found.setdefault(payload["participant"], {})
        for leg, units in payload["amounts"].items():
            held[leg] = held.get(leg, 0) + units
    return found
