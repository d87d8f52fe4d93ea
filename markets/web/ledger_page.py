"""What the ledger page shows: events found by type, participant and text, a past state, and whether all is true."""

import json
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from accounts import facade as accounts
from common.errors import Throttled, Unavailable
from ledger import chain, store
from ledger.models import Event
from markets import queries, verification
from markets.engine.events import EVENTS
from markets.engine.state import CASH, TREASURY, Order, SessionState
from markets.web import past
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
class Best:
    """The best prices of one book and what stands behind them; 0 where nobody is."""

    asset: str
    quote_asset: str
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int


@dataclass(frozen=True, slots=True)
class Past:
    """A session as it was after event `seq`. `held` is what each held of the legs, then cash; `orders` are the
    reader's own open ones, everybody's for an organiser."""

    seq: int
    at: int
    kind: str
    hash: str
    status: str
    held: tuple[tuple[str, tuple[int, ...], int], ...]
    totals: tuple[int, ...]
    cash: int
    books: tuple[Best, ...]
    orders: tuple[Order, ...]
    open_orders: int
    open_rfqs: int


@dataclass(frozen=True, slots=True)
class Links:
    """A stretch of the chain: the last event that fits and its hash. `broken` is the first that does not, or 0."""

    seq: int
    hash: str
    broken: int


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
        about=actor if actor in names.values() else "",
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
        "actors": sorted(names.values()),
        "search": {"type": kind, "actor": actor, "q": text},
        "is_narrowed": bool(kind or actor or text or data.get("before")),
        **past_at(who, data.get("at", "")),
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


def past_at(who: Visitor, asked: str) -> dict[str, object]:
    """The state after the event that was asked for."""
    if not asked:
        return {}
    row = Event.objects.filter(stream_id=who.stream, seq=_number(asked)).first()
    if row is None:
        return {"past_refusal": f"The ledger has no event {asked[:40]}.", "asked": asked}
    with past.state_after(who.stream, row.seq) as state:
        return {"past": _seen(who, row, state), "asked": asked}


def _seen(who: Visitor, row: Event, state: SessionState) -> Past:
    legs, facts = state.facts.legs, state.facts
    handles = [TREASURY, *(person.handle for person in state.members())]
    held = tuple(
        (name, tuple(state.held(name, leg).total for leg in legs), state.held(name, CASH).total) for name in handles
    )
    open_orders = [order for order in state.orders.values() if order.is_open]
    return Past(
        row.seq,
        row.at,
        row.type,
        row.hash,
        facts.status,
        held,
        tuple(sum(units[at] for _, units, _ in held) for at in range(len(legs))),
        sum(cash for _, _, cash in held),
        _bests(state),
        tuple(copy(order) for order in open_orders if who.is_organiser or order.participant == who.handle),
        len(open_orders),
        sum(rfq.status == "open" for rfq in state.rfqs.values()),
    )


def _bests(state: SessionState) -> tuple[Best, ...]:
    """The books in which somebody has an order."""
    found = []
    for name, book in sorted(state.books.items()):
        bids, asks = (book.depth(is_buy=is_buy, limit=1) for is_buy in (True, False))
        if bids or asks:
            asset, quote = name.split("/")
            bid, ask = (side[0] if side else (0, 0, 0) for side in (bids, asks))
            found.append(Best(asset, quote, bid[0], bid[1], ask[0], ask[1]))
    return tuple(found)


LINKS = accounts.Rule("looks at the chain", burst=300, per_minute=600)
_AT_ONCE = 1000
_HASH = re.compile(r"[0-9a-f]{64}")


def links(who: Visitor, after: str, previous: str) -> Links:
    """Follow the chain for a thousand events after `after`, whose hash is `previous`. Raises Throttled."""
    accounts.take(LINKS, who.actor.id)
    seq, digest = _number(after), previous
    if not seq or not _HASH.fullmatch(previous):
        seq, digest = 0, chain.GENESIS
    for number, kind, version, payload, actor, command_id, at, told in store.read_raw(
        who.stream, after=seq, upto=min(seq + _AT_ONCE, _LARGEST)
    ):
        if number != seq + 1 or told != chain.link(
            digest, who.stream, number, kind, version, payload, actor, command_id, at
        ):
            return Links(seq, digest, seq + 1)
        seq, digest = number, told
    return Links(seq, digest, 0)


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
