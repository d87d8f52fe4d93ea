"""What the live feed reads from the database, in threads of its own: the event loop never waits for SQL."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, Sum

from common.errors import DomainError
from ledger import warm
from ledger.domain import Committed
from ledger.models import Stream
from ledger.runtime import committed_events
from markets import queries, tokens
from markets.domain import SESSIONS
from markets.engine.events import TradeBusted
from markets.models import Trade
from markets.ws.mirror import Mirror
from oracle import facade as oracle

MOST_TICKS = 1000


class Watch(NamedTuple):
    """A session that somebody watches, and the last tick of its feed that they have."""

    stream: UUID
    feed: str
    feed_seq: int


class News(NamedTuple):
    """How far a watched session is: 0 when it is deleted. `ticks` are new."""

    seq: int
    ticks: Sequence[oracle.TickInfo]
    price_decimals: int


def mirror_of(stream: UUID) -> Mirror | None:
    """The session as its committed events say it is now; None when it is deleted."""
    row = Stream.objects.filter(id=stream, deleted_at=None).first()
    return Mirror(warm.load(SESSIONS, stream, upto=row.seq).state, row.last_at) if row else None


def everywhere() -> tuple[int, int, int]:
    """(live streams, events of theirs, ticks of all feeds): another answer means that something moved somewhere."""
    found = Stream.objects.filter(deleted_at=None).aggregate(number=Count("id"), events=Sum("seq"))
    return found["number"], found["events"] or 0, oracle.published()


def screen(token: str) -> str | None:
    """How far a room's screen is, another after every change of what it shows; None where its address is no good."""
    try:
        session = queries.session_of(tokens.projector(token).stream)
    except DomainError:
        return None
    tick, _ = latest_tick(session.feed)
    return f"{seq_of(session.stream)}.{tick.seq if tick else 0}"


def seq_of(stream: UUID) -> int:
    """The last committed event of a stream; 0 when it is deleted."""
    return Stream.objects.filter(id=stream, deleted_at=None).values_list("seq", flat=True).first() or 0


def news(watched: Collection[Watch]) -> dict[UUID, News]:
    """What is new of the watched sessions: one query for all, and one per feed."""
    streams = [watch.stream for watch in watched]
    seqs = dict(Stream.objects.filter(id__in=streams, deleted_at=None).values_list("id", "seq"))
    found = {}
    for watch in watched:
        ticks, decimals = ticks_after(watch.feed, watch.feed_seq)
        found[watch.stream] = News(seqs.get(watch.stream, 0), ticks, decimals)
    return found


def events_after(stream: UUID, seq: int) -> list[Committed]:
    """The committed events after `seq`, up to the end of a batch."""
    return committed_events(stream, seq)


def undone_by(stream: UUID, events: Sequence[Committed]) -> dict[int, Trade]:
    """The rows of the trades that these events bust."""
    numbers = [item.event.trade for item in events if isinstance(item.event, TradeBusted)]
    return {number: queries.trade(stream, number) for number in numbers}


def latest_tick(feed: str) -> tuple[oracle.TickInfo | None, int]:
    """(the newest tick or None, the feed's price_decimals)."""
    try:
        return oracle.latest_prices(feed), oracle.get_feed(feed).price_decimals
    except DomainError:
        return None, 0  # a session's own feed is made with its first price


def ticks_after(feed: str, seq: int) -> tuple[list[oracle.TickInfo], int]:
    """(up to MOST_TICKS ticks after tick `seq`, the feed's price_decimals)."""
    try:
        found = oracle.get_feed(feed)
    except DomainError:
        return [], 0
    ticks = oracle.ticks_after(feed, seq=seq, limit=MOST_TICKS) if found.last_seq > seq else []
    return ticks, found.price_decimals
