"""What each fragment of the market page shows: rows → plain dataclasses, one function per template of live/."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from common.clock import now_us
from predictions import discussion, queries
from predictions.engine.decide.access import LEGAL
from predictions.engine.pricing import SHARE, ceil_rate
from predictions.models import Market, Order, Position, Trade, Verdict
from predictions.queries import AgentInfo, BookInfo, ExchangeInfo, Level
from predictions.valuation import marked
from predictions.web import reads
from predictions.web.access import Visitor
from predictions.web.charts import line

Context = dict[str, object]
_DEPTH = 12
_MOST_TRADES = 40
_MOST_DONE = 15


@dataclass(frozen=True, slots=True)
class Odds:
    """What the market says: the last trade's price, else the middle of the book, else nothing."""

    probability: int | None
    bid: int | None
    ask: int | None

    @property
    def yes(self) -> int | None:
        """What buying YES costs now."""
        return self.ask

    @property
    def no(self) -> int | None:
        """What buying NO costs now."""
        return None if self.bid is None else 100 - self.bid


def odds(market: Market, touch: reads.Touch) -> Odds:
    """From the market's row and the best bid and ask."""
    bid, ask = touch
    if market.status == "resolved":
        return Odds(market.yes_value if market.yes_value >= 0 else None, None, None)
    if market.trades:
        return Odds(market.last_price, bid, ask)
    middle = (bid + ask) // 2 if bid is not None and ask is not None else None
    return Odds(middle, bid, ask)


@dataclass(frozen=True, slots=True)
class Step:
    """A level of the book in cents of YES; `total` up to and with it, `depth` that in percent of the larger side."""

    price: int
    size: int
    orders: int
    total: int
    depth: int


def book(found: BookInfo) -> Context:
    """Both sides, the asks from above."""
    bids, asks = found.bids[:_DEPTH], found.asks[:_DEPTH]
    most = max(sum(level.size for level in side) for side in (bids, asks)) or 1
    bid, ask = found.best_bid, found.best_ask
    spread = ask - bid if bid is not None and ask is not None else None
    return {"bids": _steps(bids, most), "asks": _steps(asks, most)[::-1], "spread": spread}


def _steps(levels: Sequence[Level], most: int) -> list[Step]:
    totals = accumulate(level.size for level in levels)
    return [
        Step(level.price, level.size, level.orders, total, total * 100 // most)
        for level, total in zip(levels, totals, strict=True)
    ]


def tape(market: Market, who: Visitor) -> Context:
    """The newest trades."""
    rows: list[Trade] = list(queries.trades(who.stream, market=market.number)[:_MOST_TRADES])
    return {"trades": [(row, who.number in {row.bidder, row.asker} if who.agent else False) for row in rows]}


def orders(market: Market, who: Visitor) -> Context:
    """The acting agent's orders in this market: all live ones, then the newest that are done."""
    if not who.agent:
        return {"orders": []}
    rows = queries.orders(who.stream, who.number, market=market.number)
    live: list[Order] = list(rows.filter(status__in=queries.LIVE))
    over: list[Order] = list(rows.exclude(status__in=queries.LIVE)[:_MOST_DONE])
    return {"orders": [*live, *over], "live_count": len(live)}


@dataclass(frozen=True, slots=True)
class Held:
    """One outcome's shares of an agent and their worth at the last price."""

    outcome: str
    shares: int
    free: int
    average: int | None
    """In hundredths of a cent."""
    value: int
    result: int


def position(market: Market, who: Visitor, row: Position | None = None) -> Context:
    """What the acting agent holds here, and what it gained."""
    if not who.agent:
        return {"position": None}
    row = row or queries.position(who.stream, market.number, who.number)
    price = market.last_price
    held = [
        _held("YES", row.yes, row.yes_locked, row.yes_cost, marked(row.yes, 0, price)),
        _held("NO", row.no, row.no_locked, row.no_cost, marked(0, row.no, price)),
    ]
    value = sum(one.value for one in held)
    sets = min(row.yes - row.yes_locked, row.no - row.no_locked)
    gain = value - row.yes_cost - row.no_cost + row.realised - row.fees
    return {
        "position": row,
        "held": [one for one in held if one.shares],
        "sets": max(0, sets),
        "value": value,
        "gain": gain,
        "if_yes": _if(who.exchange, row, row.yes),
        "if_no": _if(who.exchange, row, row.no),
    }


def _held(outcome: str, shares: int, locked: int, cost: int, value: int) -> Held:
    return Held(outcome, shares, shares - locked, cost // shares if shares else None, value, value - cost)


def _if(exchange: ExchangeInfo, row: Position, winning: int) -> int:
    """What the agent would have gained in all if these shares won, after the settlement fee."""
    worth, cost = winning * SHARE, row.yes_cost + row.no_cost
    fee = ceil_rate(max(0, worth - cost), exchange.terms.settlement_fee)
    return worth - cost - fee + row.realised - row.fees


def status(market: Market, who: Visitor, found: BookInfo) -> Context:
    """Where the market stands and what it says."""
    return {
        "market": market,
        "exchange": who.exchange,
        "odds": odds(market, (found.best_bid, found.best_ask)),
        "is_open": market.status == "open" and market.deadline > now_us(),
        "now": now_us(),
    }


def chart(market: Market, who: Visitor) -> Context:
    """The probability since the first trade, as a picture."""
    points = queries.price_history(who.stream, market.number)
    return {"line": line(points, market.closed_at or now_us())}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A step of a resolution with the name of who took it."""

    row: Verdict
    by: str


def resolution(market: Market, who: Visitor) -> Context:
    """How the market is, was or will be resolved, and what the visitor may do about it."""
    found = queries.verdicts(who.stream, market.number)
    names = {one.number: one.name for one in queries.agents(who.stream, {row.agent for row in found})}
    steps = [Ruling(row, names.get(row.agent) or "the organiser") for row in found]
    creator = queries.agents(who.stream, [market.creator]) if market.creator else []
    return {
        "steps": steps,
        "creator": creator[0] if creator else None,
        "may_resolve": (who.is_moderator or who.is_organiser) and market.status in LEGAL["resolve it"],
        "may_correct": who.is_organiser and market.status in LEGAL["correct its resolution"],
        "may_challenge": who.agent is not None and market.status in LEGAL["challenge its resolution"],
        "payout": _paid(market, who.agent),
    }


def _paid(market: Market, agent: AgentInfo | None) -> int | None:
    """What the acting agent was paid in this market, corrections and all."""
    if agent is None or market.status != "resolved":
        return None
    kinds = ("payout", "correction")
    rows = queries.entries(market.stream_id, agent.number).filter(market=market.number, kind__in=kinds)
    return sum(rows.values_list("amount", flat=True))


SORTS = discussion.SORTS


def talk(market: Market, who: Visitor, sort: str = "top") -> Context:
    """What is said about the market."""
    sort = sort if sort in SORTS else SORTS[0]
    said = discussion.thread(who.stream, market.number, sort=sort, reader=who.number)
    return {"said": said, "mood": discussion.mood(who.stream, market.number), "sort": sort, "sorts": SORTS}
