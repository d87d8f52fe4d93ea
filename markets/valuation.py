"""What holdings are worth, candles, and what a settlement would pay: reads that need prices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from common.errors import DomainError
from common.money import LIMIT
from markets import queries
from markets.engine.events import Fixing
from markets.engine.state import CASH, TREASURY
from markets.handlers import prices as fixings
from markets.handlers.sessions import feed_of
from markets.queries import HoldingInfo, SessionInfo, SettlementInfo
from oracle import facade as oracle

MOST_CANDLES = 500
_MOST_TICKS, _MOST_SAMPLES = 50_000, 480


@dataclass(frozen=True, slots=True)
class Prices:
    """One price per leg, in the session's units; empty where there is none. `source`: settlement, feed, fixing."""

    by_leg: Mapping[str, int]
    source: str
    at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody has, what it is worth, and how much more that is than what they were `given`, at these prices."""

    rank: int
    handle: str
    name: str
    cash: int
    holdings: Mapping[str, HoldingInfo]
    value: int
    gain: int
    given: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices in [start, start + interval); `volume` in quantity units, 0 for ticks."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int


def current_prices(session: SessionInfo) -> Prices:
    """The settlement's once settled, else the feed's newest, else the last fixing on record."""
    return current_prices_of([session])[session.stream]


def current_prices_of(sessions: Sequence[SessionInfo]) -> dict[UUID, Prices]:
    """`current_prices` of many sessions by stream, in one query."""
    newest = oracle.newest({feed_of(session) for session in sessions})
    return {session.stream: _current(session, newest.get(feed_of(session))) for session in sessions}


def _current(session: SessionInfo, newest: tuple[oracle.TickInfo, int] | None) -> Prices:
    if session.fixing and session.status == "settled":
        return Prices(session.fixing.prices, "settlement", session.fixing.at)
    if newest is not None:
        tick, decimals = newest
        factor = 10 ** (session.price_decimals - decimals)
        return Prices({leg: tick.prices[leg] * factor for leg in session.legs}, "feed", tick.published_at)
    if session.fixing:
        return Prices(session.fixing.prices, "fixing", session.fixing.at)
    return Prices({}, "none", 0)


def latest_tick(session: SessionInfo) -> oracle.TickInfo | None:
    """The newest tick of the session's feed; None before the first, or where there is no feed yet."""
    try:
        return oracle.latest_prices(feed_of(session))
    except DomainError:
        return None


def feed_decimals(session: SessionInfo) -> int:
    """The scale of the ticks of the session's feed."""
    try:
        return oracle.get_feed(feed_of(session)).price_decimals
    except DomainError:
        return session.price_decimals


def ticks_after(session: SessionInfo, seq: int, limit: int) -> list[oracle.TickInfo]:
    """The first `limit` ticks of the session's feed after tick `seq`."""
    try:
        return oracle.ticks_after(feed_of(session), seq=seq, limit=limit)
    except DomainError:
        return []


def leaderboard(session: SessionInfo, prices: Prices) -> list[Standing]:
    """Everybody by gain, then by handle. The gains add up to zero but for what removed people left behind."""
    held = queries.allocations(session.stream)
    given = queries.cash_issued(session.stream)
    net = queries.net_traded(session.stream)
    names = queries.display_names(session.stream, list(given))
    found = []
    for who, issued in given.items():
        traded = net.get(who, {})
        zero = HoldingInfo(0, 0)
        start = {leg: held[who].get(leg, zero).total - traded.get(leg, 0) for leg in session.legs} | {CASH: issued}
        value = worth(session, held[who], prices)
        started = issued + sum(start[leg] * prices.by_leg.get(leg, 0) for leg in session.legs)
        cash = held[who].get(CASH, zero).total
        found.append(Standing(0, who, names.get(who, who), cash, held[who], value, value - started, start))
    found.sort(key=lambda standing: (-standing.gain, standing.handle))
    return [replace(standing, rank=rank) for rank, standing in enumerate(found, start=1)]


@dataclass(frozen=True, slots=True)
class Gains:
    """What everybody had gained at some moments (µs): cash units by handle, one for each of `times`."""

    times: tuple[int, ...]
    by_handle: Mapping[str, tuple[int, ...]]


def gains_over_time(
    session: SessionInfo, prices: Prices, handles: Sequence[str], *, end: int, points: int = 120
) -> Gains:
    """The gains of `handles` at even distances since trading began: what they traded, at the prices of then.

    The last moment is at `prices`, so that it says what the leaderboard says. Trades that were undone never count.
    """
    start = min(session.t1 or session.created_at, end)
    width = max((end - start) // points, 1)
    traded: dict[int, list[tuple[str, str, int]]] = {}
    for slot, handle, asset, units in queries.net_traded_by(session.stream, start, width):
        traded.setdefault(max(slot, 0), []).append((handle, asset, units))
    priced = _prices_by_slot(session, start, width, end)
    net: dict[str, dict[str, int]] = {handle: {} for handle in handles}
    times, found = list[int](), {handle: list[int]() for handle in handles}
    current: Mapping[str, int] = {}
    for slot in range(max([points, *traded]) + 1):
        for handle, asset, units in traded.get(slot, ()):
            assets = net.setdefault(handle, {})
            assets[asset] = assets.get(asset, 0) + units
        current = priced.get(slot, current)
        if current and slot < points:
            times.append(start + (slot + 1) * width)
            for handle in handles:
                found[handle].append(_gain(net[handle], current))
    if prices.by_leg:
        times.append(max(end, times[-1] + 1 if times else end))
        for handle in handles:
            found[handle].append(_gain(net[handle], prices.by_leg))
    return Gains(tuple(times), {handle: tuple(line) for handle, line in found.items()})


def _gain(net: Mapping[str, int], prices: Mapping[str, int]) -> int:
    return sum(units * (1 if asset == CASH else prices.get(asset, 0)) for asset, units in net.items())


def _prices_by_slot(session: SessionInfo, start: int, width: int, end: int) -> dict[int, Mapping[str, int]]:
    """The last prices in each `width` µs from `start` on, in the session's units."""
    try:
        feed = oracle.get_feed(feed_of(session))
        ticks = oracle.sample(feed.id, start=start, end=end, most=_MOST_SAMPLES)
    except DomainError:
        return {}
    factor = 10 ** (session.price_decimals - feed.price_decimals)
    last = {(tick.published_at - start) // width: tick for tick in ticks}
    return {
        slot: {leg: tick.prices[leg] * factor for leg in session.legs if leg in tick.prices}
        for slot, tick in last.items()
    }


def worth(session: SessionInfo, held: Mapping[str, HoldingInfo], prices: Prices) -> int:
    """Cash and legs, in cash units; a leg without a price counts nothing."""
    legs = sum(held[leg].total * prices.by_leg.get(leg, 0) for leg in session.legs if leg in held)
    return legs + (held[CASH].total if CASH in held else 0)


def settlement_preview(session: SessionInfo, prices: Mapping[str, object] | None, *, at: int) -> SettlementInfo:
    """What settling now would pay, at typed prices or at the session's own fixing. Changes nothing.

    Raises DomainError `fixing_unavailable`, InvalidInput naming the leg.
    """
    fixing = fixings.manual(session, prices) if prices else fixings.fixing_of(session, at=at, final=False)
    return preview_at(session, fixing, at=at)


def preview_at(session: SessionInfo, fixing: Fixing, *, at: int) -> SettlementInfo:
    """x·S for everybody. Refuses what settling would refuse: DomainError `too_large`."""
    if sum(units * fixing.prices[leg] for leg, units in zip(session.legs, session.q, strict=True)) >= LIMIT:
        raise DomainError("too_large", "At these prices the basket is worth too much to be settled.", field="prices")
    held = queries.allocations(session.stream)
    paid = {
        who: sum(assets[leg].total * fixing.prices[leg] for leg in session.legs if leg in assets)
        for who, assets in held.items()
    }
    cash = {who: assets[CASH].total if CASH in assets else 0 for who, assets in held.items()}
    treasury_paid, treasury_cash = paid.pop(TREASURY), cash.pop(TREASURY)
    return SettlementInfo(0, at, fixing, paid, cash, treasury_paid, treasury_cash, "")


def candles(
    session: SessionInfo,
    asset: str,
    *,
    interval: int,
    end: int,
    count: int,
    from_trades: bool,
    quote_asset: str = CASH,
) -> list[Candle]:
    """The last `count` candles of `interval` µs before `end`, oldest first; empty ones are left out.

    Those of ticks come from the newest `_MOST_TICKS` of that time: where it had more, its beginning is left out.
    """
    start = max(0, ((end - 1) // interval - count + 1) * interval)
    if from_trades:
        slots = queries.traded_in_slots(session.stream, asset, quote_asset, start=start, end=end, width=interval)
        return [Candle(slot * interval, *figures) for slot, *figures in slots]
    try:
        feed = oracle.get_feed(feed_of(session))
        ticks = oracle.ticks_between(feed.id, start=start, end=end - 1, limit=_MOST_TICKS, newest=True)
    except DomainError:
        return []
    factor = 10 ** (session.price_decimals - feed.price_decimals)
    found = _candles([(tick.published_at, tick.prices[asset] * factor) for tick in ticks], interval)
    is_cut = len(ticks) == _MOST_TICKS and len(found) > 1
    return found[1:] if is_cut else found


def _candles(points: Iterable[tuple[int, int]], interval: int) -> list[Candle]:
    found: list[Candle] = []
    for at, price in points:
        start = at - at % interval
        if not found or found[-1].start != start:
            found.append(Candle(start, price, price, price, price, 0))
            continue
        last = found[-1]
        found[-1] = Candle(start, last.open, max(last.high, price), min(last.low, price), price, 0)
    return found
