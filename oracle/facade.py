"""What other apps may ask of oracle. Plain values go in and out, never a row."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from common.clock import Clock, now_us
from common.errors import InvalidInput
from oracle import feeds
from oracle import fixing as rules
from oracle.feeds import PriceSet, after_publish
from oracle.fixing import DEFAULT_MAX_AGE, RULES, Fixing, PricedTick, check_rule
from oracle.models import Feed, Tick
from oracle.sources.replay import source as replays
from oracle.sources.replay.source import Replay, ReplayFileError

__all__ = [
    "DEFAULT_MAX_AGE",
    "RULES",
    "FeedInfo",
    "Fixing",
    "PriceSet",
    "PricedTick",
    "Replay",
    "ReplayFileError",
    "TickInfo",
    "advance_feed",
    "after_publish",
    "change_source",
    "check_rule",
    "create_feed",
    "fixing",
    "get_feed",
    "latest_prices",
    "legs_of",
    "list_feeds",
    "load_replay",
    "manual_fixing",
    "newest",
    "publish",
    "publish_many",
    "published",
    "read_replay",
    "running_feeds",
    "sample",
    "start_feed",
    "stop_feed",
    "ticks_after",
    "ticks_between",
]

FeedRef = UUID | str
"""A feed's id (a UUID) or its name (a text)."""


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """A feed as it is now. `settings` are the source's parameters and pace; `last_seq` 0: no tick yet."""

    id: UUID
    name: str
    instruments: tuple[str, ...]
    price_decimals: int
    mode: str
    settings: dict[str, object]
    status: str
    last_seq: int
    created_at: int
    started_at: int | None


@dataclass(frozen=True, slots=True)
class TickInfo:
    """One published set of prices, in units of 10^-price_decimals of its feed. Times in µs; `restart`: a
    replay began again with it."""

    feed_id: UUID
    seq: int
    prices: dict[str, int]
    source_at: int | None
    published_at: int
    restart: bool


def create_feed(
    *,
    name: str,
    mode: str,
    instruments: Sequence[str] = (),
    price_decimals: int = 4,
    settings: Mapping[str, object] | None = None,
    replay: Replay | None = None,
    clock: Clock = now_us,
) -> FeedInfo:
    """The feed of this name, made if there is none. A push feed runs at once; a sim or replay wants
    `start_feed`.

    A replay takes its instruments and decimals from `replay` (see `load_replay`). `settings` of a sim: start,
    drift, volatility, rho or correlation, seed, step_seconds; of a sim or replay: tick_ms, max_ticks; of a
    replay: loop. Raises DomainError `feed_exists` if the feed that is there says something else, InvalidInput
    naming the argument.
    """
    if replay is not None:
        instruments, price_decimals = instruments or replay.instruments, replay.price_decimals
    feed = feeds.create(
        name=name,
        instruments=instruments,
        price_decimals=price_decimals,
        mode=mode,
        settings=settings or {},
        replay=replay,
        clock=clock,
    )
    return _feed_info(feed)


def change_source(
    feed: FeedRef,
    *,
    mode: str,
    settings: Mapping[str, object] | None = None,
    replay: Replay | None = None,
    clock: Clock = now_us,
) -> FeedInfo:
    """Gives a feed another source (arguments as in `create_feed`); ticks go on with the next seq.

    Raises DomainError `feed_running` while a sim or replay runs, InvalidInput naming the argument.
    """
    found = feeds.find(feed)
    changed = feeds.change_source(found.pk, mode=mode, settings=settings or {}, replay=replay, clock=clock)
    return _feed_info(changed)


def get_feed(feed: FeedRef) -> FeedInfo:
    """Raises DomainError `unknown_feed`."""
    return _feed_info(feeds.find(feed))


def list_feeds() -> list[FeedInfo]:
    """All feeds, by name: by its code points, which no database's collation changes."""
    return [_feed_info(feed) for feed in sorted(Feed.objects.all(), key=attrgetter("name"))]


def load_replay(path: Path | str, *, price_decimals: int = 4) -> Replay:
    """The CSV in the file, checked whole. Raises ReplayFileError with every bad row's line number."""
    return replays.load(Path(path), price_decimals=price_decimals)


def read_replay(stream: BinaryIO, *, price_decimals: int = 4) -> Replay:
    """As `load_replay`, from an open binary file (an upload)."""
    return replays.read(stream, price_decimals=price_decimals)


def legs_of(path: Path | str) -> tuple[str, ...]:
    """The instruments in the CSV's header. Raises ReplayFileError; the rows are not looked at."""
    return replays.legs_of(Path(path))


def start_feed(feed: FeedRef, *, pace: Mapping[str, object] | None = None, clock: Clock = now_us) -> FeedInfo:
    """Lets the feed run, at `pace` (tick_ms, max_ticks, loop) if given. Running already: no change."""
    return _feed_info(feeds.start(feeds.find(feed).pk, pace=pace, clock=clock))


def stop_feed(feed: FeedRef) -> FeedInfo:
    """Nothing more is published until it is started again. Stopped already: no change."""
    return _feed_info(feeds.stop(feeds.find(feed).pk))


def running_feeds() -> list[UUID]:
    """The sims and replays that the clock is to advance."""
    return feeds.running()


def advance_feed(feed: FeedRef, *, clock: Clock = now_us) -> list[TickInfo]:
    """Publishes what is due of a running sim or replay. Any number of callers may call it at any time."""
    found = feeds.find(feed)
    return _tick_infos(found, feeds.advance(found.pk, clock=clock))


def publish(feed: FeedRef, *, prices: object, source_at: int | None = None, clock: Clock = now_us) -> TickInfo:
    """Publishes one set of prices {instrument: text, int or Decimal} on a push feed.

    Raises InvalidInput naming prices.<instrument>, DomainError `feed_not_push` or `feed_stopped`.
    """
    return publish_many(feed, price_sets=[PriceSet(prices, source_at)], clock=clock)[0]


def publish_many(feed: FeedRef, *, price_sets: Sequence[PriceSet], clock: Clock = now_us) -> list[TickInfo]:
    """Publishes up to 1000 sets in order, all or none. Raises as `publish`, naming ticks.<index>.prices..."""
    found = feeds.find(feed)
    return _tick_infos(found, feeds.publish_many(found.pk, price_sets, clock=clock))


def latest_prices(feed: FeedRef) -> TickInfo | None:
    """The newest tick, None before the first."""
    found = feeds.find(feed)
    tick = feeds.latest(found.pk)
    return _tick_infos(found, [tick])[0] if tick else None


def newest(names: Collection[str]) -> dict[str, tuple[TickInfo, int]]:
    """(the newest tick, the feed's price_decimals) by the names of the feeds that have one, in one query."""
    return {
        tick.feed.name: (_tick_infos(tick.feed, [tick])[0], tick.feed.price_decimals) for tick in feeds.newest(names)
    }


def published() -> int:
    """How many ticks there are of all feeds: it grows with every new one."""
    return feeds.published()


def ticks_after(feed: FeedRef, *, seq: int, limit: int = 1000) -> list[TickInfo]:
    """The first `limit` ticks after tick `seq`: what a reader that has seen `seq` lacks."""
    found = feeds.find(feed)
    return _tick_infos(found, feeds.ticks_after(found.pk, seq=seq, limit=limit))


def ticks_between(feed: FeedRef, *, start: int, end: int, limit: int = 1000, newest: bool = False) -> list[TickInfo]:
    """The first `limit` ticks with start <= published_at <= end (µs), or the `newest`; oldest first."""
    found = feeds.find(feed)
    return _tick_infos(found, feeds.ticks_between(found.pk, start=start, end=end, limit=limit, newest=newest))


def sample(feed: FeedRef, *, start: int, end: int, most: int) -> list[TickInfo]:
    """At most `most` (up to 500) ticks with start <= published_at <= end (µs), evenly spaced, the last among them."""
    found = feeds.find(feed)
    return _tick_infos(found, feeds.sample(found.pk, start=start, end=end, most=most))


def fixing(
    feed: FeedRef,
    *,
    instruments: Sequence[str],
    rule: str,
    at: int,
    window: int = 0,
    max_age: int = DEFAULT_MAX_AGE,
    not_before: int = 0,
    final: bool = True,
    clock: Clock = now_us,
) -> Fixing:
    """The fixing at `at` (µs) by `rule` (last, twap, median) for some or all of the feed's instruments.

    `window` and `max_age` are µs, `not_before` the session's creation. A final one seals the feed up to `at`,
    so that asking again always answers the same; final=False (a preview) writes nothing. Call it outside a
    transaction. Raises DomainError `fixing_unavailable` with the reason, InvalidInput on a bad argument.
    """
    check_rule(rule=rule, window=window, max_age=max_age)
    found = feeds.find(feed)
    if not instruments:
        raise InvalidInput("instruments", "A fixing needs at least one instrument.")
    if final:
        feeds.seal(found.pk, at=at, clock=clock)
    start = at if rule == rules.LAST else at - window
    ticks = feeds.priced_ticks(found, instruments=instruments, start=start, at=at, not_before=not_before)
    return rules.compute(
        rule=rule,
        at=at,
        ticks=ticks,
        instruments=instruments,
        price_decimals=found.price_decimals,
        window=window,
        max_age=max_age,
        not_before=not_before,
    )


def manual_fixing(
    *, prices: Mapping[str, object], instruments: Sequence[str], price_decimals: int, at: int
) -> Fixing:
    """The fixing an organiser typed: a price above 0 for each instrument.

    Raises InvalidInput naming prices.<instrument>.
    """
    return rules.manual(prices=prices, instruments=instruments, price_decimals=price_decimals, at=at)


def _feed_info(feed: Feed) -> FeedInfo:
    return FeedInfo(
        id=feed.pk,
        name=feed.name,
        instruments=feed.instrument_names,
        price_decimals=feed.price_decimals,
        mode=feed.mode,
        settings=json.loads(feed.settings),
        status=feed.status,
        last_seq=feed.last_seq,
        created_at=feed.created_at,
        started_at=feed.started_at,
    )


def _tick_infos(feed: Feed, ticks: Sequence[Tick]) -> list[TickInfo]:
    names = feed.instrument_names
    return [
        TickInfo(
            feed_id=feed.pk,
            seq=tick.seq,
            prices=dict(zip(names, tick.price_units, strict=True)),
            source_at=tick.source_at,
            published_at=tick.published_at,
            restart=tick.restart,
        )
        for tick in ticks
    ]
