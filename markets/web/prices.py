"""The oracle's ticks in a session's own price units, for cards and charts. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.clock import now_us
from common.errors import DomainError
from markets.handlers.sessions import feed_of
from markets.queries import SessionInfo
from oracle import facade as oracle


@dataclass(frozen=True, slots=True)
class Quoted:
    """The prices of one tick, in units of 10^-price_decimals of the session; `at` in µs."""

    seq: int
    at: int
    prices: dict[str, int]


def series(session: SessionInfo, *, limit: int = 60, until: int | None = None) -> list[Quoted]:
    """The newest `limit` ticks (up to a moment in µs), oldest first; none where nothing was published."""
    try:
        feed = oracle.get_feed(feed_of(session))
    except DomainError:
        return []
    last = feed.last_seq
    if until is not None:
        last = next((tick.seq for tick in oracle.sample(feed.id, start=0, end=until, most=1)), 0)
    ticks = oracle.ticks_after(feed.id, seq=max(0, last - limit), limit=min(limit, last))
    return [_quoted(session, feed, tick) for tick in ticks]


def sample(session: SessionInfo, *, start: int, end: int, most: int) -> list[Quoted]:
    """At most `most` ticks between two moments (µs), evenly spaced; none where there is no feed."""
    try:
        feed = oracle.get_feed(feed_of(session))
    except DomainError:
        return []
    return [_quoted(session, feed, tick) for tick in oracle.sample(feed.id, start=start, end=end, most=most)]


def between(session: SessionInfo, *, start: int, end: int, limit: int) -> list[Quoted]:
    """The first `limit` ticks after `start` up to and with `end` (µs)."""
    try:
        feed = oracle.get_feed(feed_of(session))
    except DomainError:
        return []
    return [_quoted(session, feed, t) for t in oracle.ticks_between(feed.id, start=start + 1, end=end, limit=limit)]


def first(session: SessionInfo) -> Quoted | None:
    """The first tick since the session was created: what changes are measured from."""
    try:
        feed = oracle.get_feed(feed_of(session))
    except DomainError:
        return None
    ticks = oracle.ticks_between(feed.id, start=session.created_at, end=now_us(), limit=1)
    return _quoted(session, feed, ticks[0]) if ticks else None


def quoted(session: SessionInfo, ticks: Sequence[oracle.TickInfo]) -> list[Quoted]:
    """Ticks of the session's feed in the session's units."""
    if not ticks:
        return []
    feed = oracle.get_feed(feed_of(session))
    return [_quoted(session, feed, tick) for tick in ticks]


def _quoted(session: SessionInfo, feed: oracle.FeedInfo, tick: oracle.TickInfo) -> Quoted:
    factor = 10 ** (session.price_decimals - feed.price_decimals)
    prices = {leg: tick.prices[leg] * factor for leg in session.legs if leg in tick.prices}
    return Quoted(tick.seq, tick.published_at, prices)
