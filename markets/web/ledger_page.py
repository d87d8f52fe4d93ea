"""What the ledger page shows: events found by type, actor and text, a past state, and the verdict of verify."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import DomainError, Throttled, Unavailable
from ledger.models import Event
from markets import queries, verification
from markets.engine.events import EVENTS
from markets.engine.state import CASH
from markets.web.access import Visitor

_PER_PAGE = 50
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as the page shows it; `facts` are the members of its payload as text.

    Withheld: it is about somebody else's order, or was said to somebody else alone. Its place and hash are shown, so
    that the chain can be followed.
    """

    row: Event
    actor: str
    facts: tuple[tuple[str, str], ...]
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verify found: `lie` is empty where all is true, `refusal` where it was verified at all."""

    lie: str
    refusal: str
    seq: int
    hash: str
    took_ms: int


def context(who: Visitor, data: Mapping[str, Any]) -> dict[str, object]:
    """Events newest first. Unusable numbers in the address count as absent."""
    names = queries.people(who.stream)
    kind, actor, text = (_plain(data.get(name, "")) for name in ("type", "actor", "q"))
    kinds = sorted(event.__name__ for event in EVENTS)
    rows = queries.search_events(
        who.stream,
        kind=kind if kind in kinds else "",
        actors=_actors(who, names, actor),
        text=text,
        before=_number(data.get("before", "")),
        limit=_PER_PAGE + 1,
        reader=None if who.is_organiser else who.actor.id,
    )
    return {
        "session": who.session,
        "who": who,
        "tab": "ledger",
        "entries": _entries(who, names, rows[:_PER_PAGE]),
        "older": rows[_PER_PAGE - 1].seq if len(rows) > _PER_PAGE else 0,
        "kinds": kinds,
        "search": {"type": kind, "actor": actor, "q": text},
        "is_narrowed": bool(kind or actor or text or data.get("before")),
        **_past(who, data.get("at", "")),
    }


def _entries(who: Visitor, names: dict[str, str], rows: Sequence[Event]) -> list[Entry]:
    orders = {row.seq: _order_of(row) for row in rows if row.type in queries.ORDER_EVENTS and not who.is_organiser}
    owners = queries.order_owners(who.stream, set(orders.values()))
    found = []
    for row in rows:
        if (row.seq in orders and owners.get(orders[row.seq]) != who.handle) or _is_for_another(who, row):
            found.append(Entry(row, "", (), is_withheld=True))
        else:
            found.append(Entry(row, _actor(who, names, row.actor), _facts(row.payload), is_withheld=False))
    return found


def _is_for_another(who: Visitor, row: Event) -> bool:
    """Whether it is an announcement to one participant, who isn't the reader."""
    if row.type != "AnnouncementMade" or who.is_organiser:
        return False
    return json.loads(row.payload)["participant"] not in {"", who.handle}


def _order_of(row: Event) -> int:
    """The order that an event of queries.ORDER_EVENTS is about."""
    return row.seq if row.type == "OrderPlaced" else int(json.loads(row.payload)["order"])


def _past(who: Visitor, asked: str) -> dict[str, object]:
    """The state after the event that was asked for."""
    seq = _number(asked)
    if not asked:
        return {}
    try:
        past = queries.state_at(who.stream, seq)
    except DomainError as refusal:
        return {"past_refusal": refusal.detail, "asked": asked}
    totals = {
        asset: sum(held[asset].total for held in past.held.values() if asset in held)
        for asset in (*who.session.legs, CASH)
    }
    return {"past": past, "past_totals": totals, "asked": asked}


def verdict(who: Visitor) -> Verdict:
    """Verify the session now."""
    try:
        found = verification.verify(who.stream, who.actor)
    except (Throttled, Unavailable) as refusal:
        seq, digest = queries.head(who.stream)
        return Verdict("", refusal.detail, seq, digest, 0)
    return Verdict(next(iter(found.findings), ""), "", found.seq, found.head, found.took_ms)


def _actors(who: Visitor, names: dict[str, str], wanted: str) -> tuple[str, ...]:
    """Handle, `organiser`, or the id itself → the ids to look for."""
    if not wanted:
        return ()
    by_handle = [user for user, handle in names.items() if handle == wanted]
    return (*by_handle, *((who.session.organiser,) if wanted == "organiser" else ()), wanted)


def _actor(who: Visitor, names: dict[str, str], actor: str) -> str:
    return names.get(actor) or ("organiser" if actor == who.session.organiser else actor)


def _facts(payload: str) -> tuple[tuple[str, str], ...]:
    found = json.loads(payload)
    shown = ((name, _shown(value)) for name, value in found.items())
    return tuple((name, text) for name, text in shown if text)


def _shown(value: object) -> str:
    """A member of a payload; what says nothing is left out."""
    if value in ("", None) or value == [] or value == {}:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:160]}…"


def _number(text: object) -> int:
    digits = str(text).strip()
    found = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
    return found if found <= _LARGEST else 0


def _plain(text: object) -> str:
    """Search text without what no database can look for."""
    return "".join(sign for sign in str(text)[:200] if ord(sign) >= 32).strip()
