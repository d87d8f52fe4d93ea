"""Reads that only the console needs. Never writes."""

from dataclasses import dataclass
from uuid import UUID

import msgspec

from common.money import format_units
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
    return ", ".join(f"{leg} {format_units(units, row.quantity_decimals)}" for leg, units in pairs)
