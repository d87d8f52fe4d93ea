"""What changed → HTMX out-of-band fragments. The only module that whoever pushes to pages calls.

Each fragment is one template of templates/markets/live/, used by the page's include, the swap and the push alike. A
page keeps what it shows and drops the rest (static/js/app.js), so a push may hold everything that changed.
"""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from django.template.loader import render_to_string

from common.clock import now_us
from common.errors import DomainError
from ledger.domain import Committed
from markets import queries
from markets.engine import events as e
from markets.web import panels

_RFQ_EVENTS = (
    e.RFQRequested,
    e.RFQCancelled,
    e.RFQExpired,
    e.QuoteProvided,
    e.QuoteWithdrawn,
    e.QuoteRejected,
    e.QuoteExpired,
    e.TradeExecuted,
)
_ORDER_EVENTS = (e.OrderReplaced, e.OrderCancelled, e.OrderExpired)  # these may leave holdings untouched
_TRADES = (e.OrderMatched, e.TradeExecuted, e.TradeBusted)


class Change(Protocol):
    """What happened on a stream since the last push.

    `books` are (asset, quote_asset), `holders` the handles whose holdings moved, `ticks` any new prices.
    """

    @property
    def stream(self) -> UUID: ...
    @property
    def seq(self) -> int: ...
    @property
    def events(self) -> Sequence[Committed]: ...
    @property
    def books(self) -> Collection[tuple[str, str]]: ...
    @property
    def holders(self) -> Collection[str]: ...
    @property
    def ticks(self) -> Sequence[object]: ...
    @property
    def status_changed(self) -> bool: ...


def render_public(change: Change) -> str:
    """What everybody in the session may see of `change`, and the server's time; "" once the session is gone."""
    session = _session(change.stream)
    if session is None:
        return ""
    parts = [_rendered("head", {"seq": change.seq}), _rendered("heartbeat", {"at": now_us()})]
    if change.status_changed:
        parts.append(_rendered("status", panels.status(session)))
    if change.ticks:
        parts.append(_rendered("prices", panels.prices(session)))
    parts += [_rendered("book", panels.book(session, *pair)) for pair in sorted(change.books)]
    if _has(change, _TRADES):
        parts.append(_rendered("tape", panels.tape(session)))
    if _has(change, _RFQ_EVENTS):
        parts.append(_rendered("rfqs", panels.rfqs(session, None)))
    if _told(change, ""):
        parts.append(_rendered("announcements", panels.announcements(session, "")))
    return "".join(parts)


def render_own(change: Change, handle: str) -> str:
    """What the participant `handle` alone may see of `change`: orders, holdings, RFQs with their buttons,
    announcements to it."""
    session = _session(change.stream)
    if session is None:
        return ""
    parts = []
    if handle in change.holders or _has(change, _ORDER_EVENTS):
        parts.append(_rendered("orders", panels.orders(session, handle)))
    if handle in change.holders or change.ticks or _has(change, _TRADES):
        parts.append(_rendered("holdings", panels.holdings(session, handle)))
    if _has(change, _RFQ_EVENTS):
        parts.append(_rendered("rfqs", panels.rfqs(session, handle)))
    if _told(change, "", handle):
        parts.append(_rendered("announcements", panels.announcements(session, handle)))
    return "".join(parts)


def _told(change: Change, *who: str) -> bool:
    """Whether something was said to one of these; "" is everybody."""
    return any(isinstance(item.event, e.AnnouncementMade) and item.event.participant in who for item in change.events)


def _has(change: Change, kinds: tuple[type, ...]) -> bool:
    return any(isinstance(item.event, kinds) for item in change.events)


def _session(stream: UUID) -> queries.SessionInfo | None:
    try:
        return queries.session_of(stream)
    except DomainError:
        return None


def _rendered(name: str, context: dict[str, object]) -> str:
    return render_to_string(f"markets/live/{name}.html", {**context, "oob": True})
