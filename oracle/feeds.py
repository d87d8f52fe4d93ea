"""Feeds and ticks in the database: the only writer of oracle's rows, the only locker of a feed."""

import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Sum

from common.clock import Clock, now_us
from common.errors import DomainError, InvalidInput
from oracle.fixing import PricedTick
from oracle.instruments import check_instruments
from oracle.models import Feed, ReplayRow, Tick
from oracle.schedule import Due, Run, due, is_restart
from oracle.sources.push.source import parse_prices
from oracle.sources.replay.source import Replay
from oracle.sources.settings import (
    canonical,
    pace_of,
    row_count,
    settings_text,
    sim_source,
    source_parameters,
    with_pace,
)

MAX_PUBLISHED_AT_ONCE = 1000
after_publish: list[Callable[[str], None]] = []
"""Called with the feed's name once new ticks of it are committed, on the thread that published: nothing may wait."""


class PriceSet(NamedTuple):
    """What a writer pushes: {instrument: price as text, int or Decimal}, and the source's own time (µs)."""

    prices: object
    source_at: int | None = None


class _NewTick(NamedTuple):
    prices: Sequence[int]
    source_at: int | None
    restart: bool = False


def find(feed: uuid.UUID | str) -> Feed:
    """The feed with this id (a UUID) or name (a text). Raises DomainError `unknown_feed`."""
    by = {"pk": feed} if isinstance(feed, uuid.UUID) else {"name": feed}
    # PostgreSQL cannot even be asked for a text with a NUL.
    found = None if "\0" in str(feed) else Feed.objects.filter(**by).first()
    if found is None:
        raise DomainError("unknown_feed", f"There is no feed {str(feed)[:80]!r}.", field="feed")
    return found


def create(
    *,
    name: str,
    instruments: Sequence[str],
    price_decimals: int,
    mode: str,
    settings: Mapping[str, object],
    replay: Replay | None = None,
    clock: Clock = now_us,
) -> Feed:
    """The feed of this name, made if there is none; a push feed runs at once.

    The same call again answers the same feed. Raises DomainError `feed_exists` if a feed of this name has
    another mode, other instruments, decimals or source parameters (its pace may differ), InvalidInput on a
    bad argument.
    """
    _check_name(name)
    if isinstance(price_decimals, bool) or not 0 <= price_decimals <= 6:
        raise InvalidInput("price_decimals", "price_decimals must be from 0 to 6.")
    names = check_instruments(instruments, field="instruments")
    text = settings_text(
        mode=mode, settings=settings, instruments=names, price_decimals=price_decimals, replay=replay
    )
    now, push = clock(), mode == Feed.Mode.PUSH
    wanted: dict[str, object] = {
        "instruments": canonical(names),
        "price_decimals": price_decimals,
        "mode": mode,
        "settings": text,
        "status": Feed.Status.RUNNING if push else Feed.Status.STOPPED,
        "started_at": now if push else None,
        "created_at": now,
    }
    with transaction.atomic():
        feed, created = Feed.objects.get_or_create(name=name, defaults=wanted)
        if created and replay is not None:
            _keep_rows(feed, replay)
    if not created:
        _check_same(feed, wanted)
    return feed


def change_source(
    feed_id: uuid.UUID,
    *,
    mode: str,
    settings: Mapping[str, object],
    replay: Replay | None = None,
    clock: Clock = now_us,
) -> Feed:
    """Gives the feed another source; its ticks go on with the next seq. A sim or replay must be stopped first.

    Raises DomainError `feed_running`, InvalidInput on a bad argument.
    """
    with transaction.atomic():
        feed = _locked(feed_id)
        if feed.status == Feed.Status.RUNNING and feed.mode != Feed.Mode.PUSH:
            raise DomainError("feed_running", f"Feed {feed.name} is running; stop it first.")
        feed.settings = settings_text(
            mode=mode,
            settings=settings,
            instruments=feed.instrument_names,
            price_decimals=feed.price_decimals,
            replay=replay,
        )
        push = mode == Feed.Mode.PUSH
        feed.mode, feed.status = mode, Feed.Status.RUNNING if push else Feed.Status.STOPPED
        feed.started_at = clock() if push else None
        feed.position = feed.start_position = feed.run_ticks = 0
        feed.save()
        ReplayRow.objects.filter(feed=feed).delete()
        if replay is not None:
            _keep_rows(feed, replay)
    return feed


def start(feed_id: uuid.UUID, *, pace: Mapping[str, object] | None = None, clock: Clock = now_us) -> Feed:
    """Lets the feed run; the next tick of its source is due at once. A feed that runs is left as it is.

    `pace` (tick_ms, max_ticks, loop) replaces what the feed has, and its schedule begins anew. A replay that
    had ended begins again, with a restart mark. Raises InvalidInput naming settings.<key>.
    """
    with transaction.atomic():
        feed = _locked(feed_id)
        if feed.status == Feed.Status.RUNNING and not pace:
            return feed
        feed.settings = with_pace(feed.settings, mode=feed.mode, pace=pace or {})
        feed.status = Feed.Status.RUNNING
        feed.started_at = clock()
        feed.start_position = feed.position
        feed.run_ticks = 0
        feed.save(update_fields=["settings", "status", "started_at", "start_position", "run_ticks"])
    return feed


def stop(feed_id: uuid.UUID) -> Feed:
    """Publishes nothing more until it is started again. A feed that is stopped is left as it is."""
    with transaction.atomic():
        feed = _locked(feed_id)
        feed.status, feed.started_at = Feed.Status.STOPPED, None
        feed.save(update_fields=["status", "started_at"])
    return feed


def publish_many(feed_id: uuid.UUID, price_sets: Sequence[PriceSet], *, clock: Clock = now_us) -> list[Tick]:
    """Publishes the sets as the feed's next ticks, in their order: all or none.

    Raises InvalidInput naming prices.<instrument> (ticks.<index>.prices.<instrument> if there are several),
    and DomainError `feed_not_push` or `feed_stopped`.
    """
    if len(price_sets) > MAX_PUBLISHED_AT_ONCE:
        raise InvalidInput("ticks", f"At most {MAX_PUBLISHED_AT_ONCE} ticks can be published at once.")
    feed = find(feed_id)
    if feed.mode != Feed.Mode.PUSH:
        raise DomainError(
            "feed_not_push", f"Feed {feed.name} makes its own prices ({feed.mode}); none can be pushed to it."
        )
    one = len(price_sets) == 1
    new = [
        _NewTick(
            parse_prices(
                pushed.prices,
                instruments=feed.instrument_names,
                price_decimals=feed.price_decimals,
                field="prices" if one else f"ticks.{index}.prices",
            ),
            pushed.source_at,
        )
        for index, pushed in enumerate(price_sets)
    ]
    with transaction.atomic():
        feed = _locked(feed_id)
        if feed.status != Feed.Status.RUNNING:
            raise DomainError("feed_stopped", f"Feed {feed.name} is stopped.")
        return _append(feed, new, now=clock())


def advance(feed_id: uuid.UUID, *, clock: Clock = now_us) -> list[Tick]:
    """Publishes the ticks of a running sim or replay that are due; [] where there are none.

    Any number of callers may call it at any time: what is due is judged under the feed's lock, from the
    position stored there, so a tick number is published once.
    """
    feed = find(feed_id)
    if _due(feed, clock()) is None:  # a look without the lock, for most calls find nothing to do
        return []
    with transaction.atomic():
        feed = _locked(feed_id)
        now = clock()
        what = _due(feed, now)
        if what is None:
            return []
        feed.position, feed.start_position = what.position, what.start_position
        feed.started_at = what.started_at
        feed.run_ticks += len(what.numbers)
        if what.stop:
            feed.status, feed.started_at = Feed.Status.STOPPED, None
        feed.save(update_fields=["position", "start_position", "started_at", "run_ticks", "status"])
        return _append(feed, _made(feed, what), now=now)


def seal(feed_id: uuid.UUID, *, at: int, clock: Clock = now_us) -> None:
    """After this no tick will ever bear a published_at of `at` or before: a fixing at `at` is final.

    The lock waits for writers whose ticks are not yet committed. Raises DomainError `fixing_unavailable` if
    `at` is still to come.
    """
    if find(feed_id).earliest_at > at:
        return
    with transaction.atomic():
        feed = _locked(feed_id)
        if at > clock():
            raise DomainError("fixing_unavailable", "The fixing time is not reached yet.")
        feed.earliest_at = max(feed.earliest_at, at + 1)
        feed.save(update_fields=["earliest_at"])


def running() -> list[uuid.UUID]:
    """The sims and replays that `advance` may have something to do for."""
    makes_ticks = Feed.objects.filter(status=Feed.Status.RUNNING).exclude(mode=Feed.Mode.PUSH)
    return list(makes_ticks.order_by("created_at").values_list("pk", flat=True))


def latest(feed_id: uuid.UUID) -> Tick | None:
    """The newest tick, None before the first."""
    return Tick.objects.filter(feed_id=feed_id).order_by("-seq").first()


def newest(names: Collection[str]) -> list[Tick]:
    """The newest tick of each of these feeds that has any, its feed with it."""
    found = Tick.objects.filter(feed__name__in=names, seq=F("feed__last_seq"))
    return list(found.select_related("feed"))


def published() -> int:
    """How many ticks there are of all feeds."""
    return Feed.objects.aggregate(total=Sum("last_seq"))["total"] or 0


def ticks_after(feed_id: uuid.UUID, *, seq: int, limit: int) -> list[Tick]:
    """The first `limit` ticks after tick `seq`, in order."""
    return list(Tick.objects.filter(feed_id=feed_id, seq__gt=seq).order_by("seq")[:limit])


def ticks_between(feed_id: uuid.UUID, *, start: int, end: int, limit: int, newest: bool) -> list[Tick]:
    """The first `limit` ticks with start <= published_at <= end (µs), or the `newest`; in order."""
    found = Tick.objects.filter(feed_id=feed_id, published_at__range=(start, end))
    if newest:
        return list(found.order_by("-published_at", "-seq")[:limit])[::-1]
    return list(found.order_by("published_at", "seq")[:limit])


def sample(feed_id: uuid.UUID, *, start: int, end: int, most: int) -> list[Tick]:
    """At most `most` ticks with start <= published_at <= end (µs), evenly spaced by seq, the last among them."""
    found = Tick.objects.filter(feed_id=feed_id, published_at__range=(start, end))
    first, last = (found.order_by(by, sign + "seq").values_list("seq", flat=True).first() for by, sign in _ENDS)
    if first is None or last is None:
        return []
    step = max(1, -(-(last - first + 1) // most))
    return list(Tick.objects.filter(feed_id=feed_id, seq__in=range(last, first - 1, -step)).order_by("seq"))


_ENDS = (("published_at", ""), ("-published_at", "-"))


def priced_ticks(feed: Feed, *, instruments: Sequence[str], start: int, at: int, not_before: int) -> list[PricedTick]:
    """What a fixing over [start, at] may use: the tick in force at `start` and those up to `at`, in order.

    Prices in the order of `instruments`. Raises InvalidInput naming `instruments` if the feed lacks one.
    """
    names = feed.instrument_names
    missing = [name for name in instruments if name not in names]
    if missing:
        raise InvalidInput("instruments", f"Feed {feed.name} has no {', '.join(missing)}.")
    columns = [names.index(name) for name in instruments]
    ticks = Tick.objects.filter(feed=feed, published_at__gte=not_before)
    rows = ticks.values_list("seq", "published_at", "prices")
    in_force = rows.filter(published_at__lte=start).order_by("-published_at", "-seq")[:1]
    inside = rows.filter(published_at__gt=start, published_at__lte=at).order_by("published_at", "seq")
    found: list[PricedTick] = []
    for seq, published_at, text in [*in_force, *inside]:
        prices = json.loads(text)
        found.append(PricedTick(seq, published_at, tuple(prices[column] for column in columns)))
    return found


def _locked(feed_id: uuid.UUID) -> Feed:
    """The feed's row, locked until the transaction ends. On SQLite the transaction itself is the lock."""
    assert connection.in_atomic_block
    return Feed.objects.select_for_update().get(pk=feed_id)


def _append(feed: Feed, new: Sequence[_NewTick], *, now: int) -> list[Tick]:
    """Needs the feed's lock. Writes the ticks with the next seqs, published now but never before the last."""
    assert connection.in_atomic_block
    published_at = max(now, feed.earliest_at)
    ticks = [
        Tick(
            feed=feed,
            seq=feed.last_seq + offset,
            prices=canonical(tick.prices),
            source_at=tick.source_at,
            published_at=published_at,
            restart=tick.restart,
        )
        for offset, tick in enumerate(new, start=1)
    ]
    if not ticks:
        return []
    feed.last_seq, feed.earliest_at = ticks[-1].seq, published_at
    feed.save(update_fields=["last_seq", "earliest_at"])
    for told in after_publish:
        transaction.on_commit(partial(told, feed.name), robust=True)
    return Tick.objects.bulk_create(ticks)


def _due(feed: Feed, now: int) -> Due | None:
    if feed.status != Feed.Status.RUNNING or feed.mode == Feed.Mode.PUSH or feed.started_at is None:
        return None
    run = Run(
        pace=pace_of(feed.settings),
        started_at=feed.started_at,
        start_position=feed.start_position,
        position=feed.position,
        run_ticks=feed.run_ticks,
        rows=row_count(feed.settings),
    )
    return due(run, now=now)


def _made(feed: Feed, what: Due) -> list[_NewTick]:
    """The ticks that the feed's source makes of these numbers."""
    if feed.mode == Feed.Mode.SIM:
        source = sim_source(feed.settings, feed.instrument_names, feed.price_decimals)
        prices = source.prices(first=what.numbers.start, count=len(what.numbers))
        return [_NewTick(units, None) for units in prices]
    rows = row_count(feed.settings)
    wanted = {number % rows for number in what.numbers}
    kept = {row.number: row for row in ReplayRow.objects.filter(feed=feed, number__in=wanted)}
    new: list[_NewTick] = []
    for number in what.numbers:
        row = kept[number % rows]
        new.append(_NewTick(row.price_units, row.source_at, is_restart(number, rows=rows)))
    return new


def _keep_rows(feed: Feed, replay: Replay) -> None:
    ReplayRow.objects.bulk_create(
        (
            ReplayRow(feed=feed, number=number, prices=canonical(row.prices), source_at=row.source_at)
            for number, row in enumerate(replay.rows)
        ),
        batch_size=2000,
    )


def _check_same(feed: Feed, wanted: Mapping[str, object]) -> None:
    differs = [key for key in ("mode", "instruments", "price_decimals") if getattr(feed, key) != wanted[key]]
    if source_parameters(feed.settings) != source_parameters(str(wanted["settings"])):
        differs.append("settings")
    if differs:
        raise DomainError(
            "feed_exists",
            f"There is a feed {feed.name} already, with other {', '.join(differs)}.",
            field="name",
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= 80 or not name.isprintable() or name != name.strip():
        raise InvalidInput("name", "name must be 1 to 80 printable characters, no space at either end.")
