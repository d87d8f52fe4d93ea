"""What each live fragment shows: rows → plain dataclasses, one function per template of templates/markets/live/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from uuid import UUID

from common.clock import now_us
from markets import queries, valuation
from markets.engine.state import CASH
from markets.models import Order, Quote, Rfq, Trade
from markets.queries import BookLevel, SessionInfo
from markets.web import prices as quoted
from markets.web.charts import polyline

Context = dict[str, object]
SPARK_WIDTH, SPARK_HEIGHT = 120, 32
DEPTH = 10
"""How many levels of a book are shown on each side."""
KNOWN_DEPTH = 100
"""How many the page knows, so that the ticket can say what a large order would cost."""


@dataclass(frozen=True, slots=True)
class Card:
    """A leg's price. `change` is in hundredths of a percent since the session's first tick, None before two."""

    leg: str
    quantity: int
    price: int | None
    change: int | None
    points: str

    @property
    def trend(self) -> str:
        return "flat" if not self.change else "up" if self.change > 0 else "down"

    @property
    def change_text(self) -> str:
        sign = "+" if (self.change or 0) > 0 else "−" if (self.change or 0) < 0 else ""
        return f"{sign}{abs(self.change or 0) // 100}.{abs(self.change or 0) % 100:02d} %"


@dataclass(frozen=True, slots=True)
class Step:
    """A level of the book; `total` is what stands up to and with it, `depth` that in percent of the larger side."""

    price: int
    quantity: int
    orders: int
    total: int
    depth: int


@dataclass(frozen=True, slots=True)
class Held:
    """A holding and its worth at the last price, None where there is no price; `weight` in tenths of a percent."""

    asset: str
    total: int
    available: int
    given: int
    decimals: int
    price: int | None
    value: int | None
    weight: int | None


@dataclass(frozen=True, slots=True)
class Ask:
    """An RFQ with its quotes, as `handle` sees it."""

    row: Rfq
    quotes: tuple[Quote, ...]
    mine: bool


def status(session: SessionInfo) -> Context:
    """Where the session stands, and when it ends."""
    return {"session": session, "now": now_us()}


def prices(session: SessionInfo, *, until: int | None = None) -> Context:
    """A card per leg, and what the basket is worth; by the ticks up to a moment (µs) where one is given.

    Once settled S is the price, whatever the feed goes on to say.
    """
    series, start = quoted.series(session, until=until), quoted.first(session)
    is_fixed = session.status == "settled" and session.fixing is not None
    last: Mapping[str, int] = series[-1].prices if series else {}
    if session.fixing and is_fixed:
        last = session.fixing.prices
    basket = dict(zip(session.legs, session.q, strict=True))
    cards = [
        Card(
            leg,
            basket[leg],
            last.get(leg),
            _change(start.prices.get(leg) if start else None, last.get(leg)),
            _spark([tick.prices[leg] for tick in series if leg in tick.prices]),
        )
        for leg in session.legs
    ]
    return {
        "session": session,
        "cards": cards,
        "basket_value": basket_value(session, last) if last else None,
        "priced_at": session.fixing.at if session.fixing and is_fixed else series[-1].at if series else 0,
        "is_fixed": is_fixed,
        "spark": f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}",
    }


def basket_value(session: SessionInfo, prices: Mapping[str, int]) -> int:
    """q·S, in cash units."""
    return sum(units * prices.get(leg, 0) for leg, units in zip(session.legs, session.q, strict=True))


def _spark(values: Sequence[int]) -> str:
    return polyline(values, width=SPARK_WIDTH, height=SPARK_HEIGHT)


def _change(start: int | None, last: int | None) -> int | None:
    return (last - start) * 10_000 // start if start and last is not None else None


def book_id(session: SessionInfo, asset: str, quote_asset: str) -> str:
    """The id of a book's fragment: legs by number, because their names may hold blanks."""
    quote = "cash" if quote_asset == CASH else str(session.legs.index(quote_asset))
    return f"book-{session.legs.index(asset)}-{quote}"


def book(session: SessionInfo, asset: str, quote_asset: str) -> Context:
    """Both sides of a book, the best prices in the middle."""
    found = queries.book(session.stream, asset, quote_asset, depth=KNOWN_DEPTH)
    return ladder(session, found, queries.last_price(session.stream, asset, quote_asset))


def ladder(session: SessionInfo, found: queries.BookInfo, last: int | None) -> Context:
    """A book and the price of its last trade, as its fragment shows them."""
    asset, quote_asset = found.asset, found.quote_asset
    asks, bids = found.asks[:DEPTH], found.bids[:DEPTH]
    deepest = max(sum(level.quantity for level in asks), sum(level.quantity for level in bids), 1)
    spread = found.asks[0].price - found.bids[0].price if found.asks and found.bids else None
    return {
        "session": session,
        "id": book_id(session, asset, quote_asset),
        "asset": asset,
        "quote_asset": quote_asset,
        "asks": tuple(reversed(_steps(asks, deepest))),
        "bids": _steps(bids, deepest),
        "deeper_asks": _deeper(found.asks),
        "deeper_bids": _deeper(found.bids),
        "cut_off": " ".join(
            name for name, side in (("asks", found.asks), ("bids", found.bids)) if len(side) >= KNOWN_DEPTH
        ),
        "spread": spread,
        "last": last,
    }


def _deeper(levels: Sequence[BookLevel]) -> str:
    """The levels below those that are shown: "price:quantity" in units, a blank between."""
    return " ".join(f"{level.price}:{level.quantity}" for level in levels[DEPTH:])


def _steps(levels: Sequence[BookLevel], deepest: int) -> tuple[Step, ...]:
    totals = accumulate(level.quantity for level in levels)
    return tuple(
        Step(level.price, level.quantity, level.orders, total, max(1, total * 100 // deepest))
        for level, total in zip(levels, totals, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Print:
    """A line of the tape. `side` is the taker's, "swap" for an RFQ's trade."""

    row: Trade
    side: str
    is_undone: bool


def tape(session: SessionInfo) -> Context:
    """The newest trades."""
    return prints(session, queries.recent_trades(session.stream))


def prints(session: SessionInfo, trades: Sequence[tuple[Trade, bool]]) -> Context:
    """Trades, and whether each was undone, as the tape shows them."""
    found = [
        Print(row, "swap" if row.rfq else "buy" if row.taker_is_buy else "sell", is_undone)
        for row, is_undone in trades
    ]
    return {"session": session, "trades": found}


def rfqs(session: SessionInfo, handle: str | None) -> Context:
    """RFQs and their quotes; with a handle, what that participant may do with each."""
    asks = [
        Ask(row, tuple(quotes), mine=row.participant == handle) for row, quotes in queries.recent_rfqs(session.stream)
    ]
    return {"session": session, "rfqs": asks, "handle": handle, "is_open": session.status == "active"}


def orders(session: SessionInfo, handle: str) -> Context:
    """A participant's orders, the open ones first."""
    found: list[Order] = queries.recent_orders(session.stream, handle)
    open_count = sum(row.status in queries.OPEN for row in found)
    if found and open_count == len(found):  # there may be more than are shown
        open_count = queries.count_open_orders(session.stream, handle)
    return {
        "session": session,
        "handle": handle,
        "orders": found,
        "open_count": open_count,
        "can_replace": session.status == "active",
    }


def holdings(session: SessionInfo, handle: str) -> Context:
    """A participant's holdings, their value, and what was gained on what they were given."""
    prices = valuation.current_prices(session)
    return wallet(session, handle, standings(session, prices).get(handle), prices)


def wallet(
    session: SessionInfo, handle: str, standing: valuation.Standing | None, prices: valuation.Prices
) -> Context:
    """What somebody has at these prices, as its fragment shows it."""
    rows = [_held(session, asset, standing, prices) for asset in (*session.legs, CASH)]
    basket, legs = basket_value(session, prices.by_leg), sum(row.value or 0 for row in rows if row.asset != CASH)
    return {
        "session": session,
        "handle": handle,
        "rows": rows,
        "value": standing.value if standing and prices.by_leg else None,
        "gain": standing.gain if standing and prices.by_leg else None,
        "basket_value": basket if prices.by_leg else None,
        "share": legs * 10_000 // basket if basket else None,
    }


def announcements(session: SessionInfo, handle: str) -> Context:
    """What the organiser said lately to everybody, and to this participant alone; newest first."""
    return {"session": session, "announcements": queries.announcements(session.stream, to=handle, limit=3)}


def standings(session: SessionInfo, prices: valuation.Prices) -> Mapping[str, valuation.Standing]:
    """Everybody's by handle, worked out once per event and tick, whoever looks."""
    seq, _ = queries.head(session.stream)
    return _standings(session.stream, seq, prices.at, prices.source)


@lru_cache(maxsize=64)
def _standings(stream: UUID, seq: int, at: int, source: str) -> Mapping[str, valuation.Standing]:
    session = queries.session_of(stream)
    return {found.handle: found for found in valuation.leaderboard(session, valuation.current_prices(session))}


def _held(session: SessionInfo, asset: str, standing: valuation.Standing | None, prices: valuation.Prices) -> Held:
    holding = (standing.holdings.get(asset) if standing else None) or queries.HoldingInfo(0, 0)
    is_cash = asset == CASH
    price = None if is_cash else prices.by_leg.get(asset)
    value = holding.total if is_cash else holding.total * price if price is not None else None
    decimals = session.cash_decimals if is_cash else session.quantity_decimals
    whole = standing.value if standing else 0
    weight = value * 1000 // whole if value is not None and whole else None
    given = standing.given[asset] if standing else 0
    return Held(asset, holding.total, holding.available, given, decimals, price, value, weight)
