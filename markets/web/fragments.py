"""What changed → HTMX out-of-band fragments. The only module that whoever pushes to pages calls.

Each fragment is one template of templates/markets/live/, used by the page's include, the swap and the push alike. A
page keeps what it shows and drops the rest (static/js/app.js), so a push may hold everything that changed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from django.template.loader import render_to_string

from common.clock import now_us
from common.errors import DomainError
from ledger.domain import Committed
from markets import queries
from markets.engine import events as e
from markets.engine.state import CASH
from markets.queries import SessionInfo
from markets.web import news, panels, prices
from oracle.facade import TickInfo

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
    def ticks(self) -> Sequence[TickInfo]: ...
    @property
    def status_changed(self) -> bool: ...


def render(change: Change, handles: Collection[str | None]) -> dict[str | None, str]:
    """audience → its fragments. A handle is a participant's; None stands for organisers who don't take part.

    What is public is rendered once, what is somebody's own only if it changed. Empty once the session is gone.
    """
    try:
        session = queries.session_of(change.stream)
    except DomainError:
        return {}
    found = news.happened(session, change.events)
    public = _public(session, change, found)
    requests = _Requests(session) if change.status_changed or _has(change, _RFQ_EVENTS) else None
    return {
        handle: public
        + (_own(session, change, found, handle) if handle else "")
        + (requests.seen_by(handle) if requests else "")
        for handle in handles
    }


def _public(session: SessionInfo, change: Change, found: news.Happened) -> str:
    """What everybody in the session may see, and the server's time."""
    ticks = prices.quoted(session, change.ticks)
    parts = [_rendered("head", {"seq": change.seq, **news.public(found, ticks)})]
    parts.append(_rendered("heartbeat", {"at": now_us()}))
    if change.status_changed:
        parts.append(_rendered("status", panels.status(session)))
        parts.append(_rendered("banner", panels.status(session)))
    if change.ticks:
        parts.append(_rendered("prices", panels.prices(session)))
    parts += [_rendered("book", panels.book(session, *pair)) for pair in sorted(_books(session, change))]
    if _has(change, _TRADES):
        parts.append(_rendered("tape", panels.tape(session)))
    if _told(change, ""):
        parts.append(_rendered("announcements", panels.announcements(session, "")))
    return "".join(parts)


def _books(session: SessionInfo, change: Change) -> set[tuple[str, str]]:
    """Those that changed; an empty book says what can be done in it, which the session's status decides."""
    in_cash = {(leg, CASH) for leg in session.legs} if change.status_changed else set()
    return {*change.books, *in_cash}


def _own(session: SessionInfo, change: Change, found: news.Happened, handle: str) -> str:
    """What the participant `handle` alone may see: their news, orders, holdings and announcements."""
    parts = []
    if (told := news.own(found, handle)) is not None:
        parts.append(_rendered("own", told))
    if change.status_changed or handle in change.holders or handle in found.concerned:
        parts.append(_rendered("orders", panels.orders(session, handle)))
    if handle in change.holders:
        parts.append(_rendered("holdings", panels.holdings(session, handle)))
    if _told(change, "", handle):
        parts.append(_rendered("announcements", panels.announcements(session, handle)))
    return "".join(parts)


class _Requests:
    """The RFQ panel for each audience. Those who neither asked nor quoted see the same one."""

    def __init__(self, session: SessionInfo) -> None:
        self._session = session
        shown: list[panels.Ask] = panels.rfqs(session, None)["rfqs"]  # type: ignore[assignment]  # a context
        self._involved = {who for ask in shown for who in (ask.row.participant, *(q.participant for q in ask.quotes))}
        self._made: dict[str | None, str] = {}

    def seen_by(self, handle: str | None) -> str:
        viewer = handle if handle is None or handle in self._involved else _ANYBODY
        if viewer not in self._made:
            self._made[viewer] = _rendered("rfqs", panels.rfqs(self._session, viewer))
        return self._made[viewer]


_ANYBODY = " "
"""A participant's handle that nobody can have."""


def _has(change: Change, kinds: tuple[type, ...]) -> bool:
    return any(isinstance(item.event, kinds) for item in change.events)


def _told(change: Change, *who: str) -> bool:
    """Whether something was said to one of these; "" is everybody."""
    return any(isinstance(item.event, e.AnnouncementMade) and item.event.participant in who for item in change.events)


def _rendered(name: str, context: Mapping[str, object]) -> str:
    return render_to_string(f"markets/live/{name}.html", {**context, "oob": True})
