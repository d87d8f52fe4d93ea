"""What agents are worth and how well they judge: standings, profiles, Brier scores. Integers, from rows."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, F, Q, Sum

from common.money import divide_half_even
from predictions import queries
from predictions.engine.pricing import CENT
from predictions.models import Comment, Market, Order, Position, Trade
from predictions.queries import AgentInfo

_RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Standing:
    """An agent's place. Equity: balance and shares at the last price; profit: equity without what was deposited."""

    rank: int
    agent: AgentInfo
    equity: int
    profit: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """How often it came true when an agent said a probability of `low` to `high` cents."""

    low: int
    high: int
    count: int
    came_true: int
    """In hundredths of a percent, over all of `count`."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The last forecast before each market closed. `brier`: 0 is perfect, 10_000 is always wrong."""

    count: int
    brier: int | None
    calibration: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """All about an agent that everybody may know. Money in hundredths of a cent, rates in hundredths of a percent."""

    agent: AgentInfo
    equity: int
    profit: int
    realised: int
    trades: int
    orders: int
    markets: int
    created: int
    resolved: int
    volume: int
    win_rate: int | None
    best: int | None
    worst: int | None
    ranks: dict[str, int]
    judgement: Judgement
    positions: Sequence[Position]
    of_markets: dict[int, Market]


def standings(stream: UUID, *, role: str = "", by: str = "profit") -> list[Standing]:
    """All agents, ranked `by` profit, equity, balance or reputation; who is equal shares a rank."""
    agents = queries.agents(stream, role=role)
    worth = _marks(stream)
    found = []
    for agent in agents:
        equity = agent.row.balance + worth[agent.number]
        found.append(Standing(0, agent, equity, equity - agent.row.deposits))
    found.sort(key=lambda one: place(one, by))
    values = {one.agent.number: _value(one, by) for one in found}
    ranked: list[Standing] = []
    for rank, one in enumerate(found, start=1):
        last = ranked[-1] if ranked else None
        same = last and values[last.agent.number] == values[one.agent.number]
        ranked.append(Standing(last.rank if last and same else rank, one.agent, one.equity, one.profit))
    return ranked


def place(one: Standing, by: str) -> tuple[int, int]:
    """What standings are sorted by: the best first, who is equal by number."""
    return -_value(one, by), one.agent.number


def _value(one: Standing, by: str) -> int:
    amounts = {
        "profit": one.profit,
        "equity": one.equity,
        "balance": one.agent.row.balance,
        "reputation": one.agent.row.reputation,
    }
    return amounts[by]


def _marks(stream: UUID) -> defaultdict[int, int]:
    """agent → what its shares are worth at the last prices."""
    prices = dict(Market.objects.filter(stream_id=stream, pairs__gt=0).values_list("number", "last_price"))
    worth: defaultdict[int, int] = defaultdict(int)
    rows = Position.objects.filter(stream_id=stream, market__in=prices).filter(Q(yes__gt=0) | Q(no__gt=0))
    for market, agent, yes, no in rows.values_list("market", "agent", "yes", "no"):
        worth[agent] += marked(yes, no, prices[market])
    return worth


def marked(yes: int, no: int, price: int) -> int:
    """What shares are worth at a price in cents of YES."""
    return (yes * price + no * (100 - price)) * CENT


def profile(stream: UUID, number: int) -> Profile:
    """Everything about one agent. Raises DomainError `not_found`."""
    agent = queries.agent(stream, number)
    positions = queries.positions(stream, agent=number, is_held=False)
    of_markets = queries.markets_by_number(stream, [position.market for position in positions])
    equity = agent.row.balance + sum(
        marked(one.yes, one.no, of_markets[one.market].last_price) for one in positions if one.yes or one.no
    )
    ended = [one.realised - one.fees for one in positions if of_markets[one.market].status == _RESOLVED]
    won = sum(result > 0 for result in ended)
    mine = Trade.objects.filter(stream_id=stream).filter(Q(bidder=number) | Q(asker=number))
    traded = mine.aggregate(count=Count("number"), volume=Sum(F("price") * F("size")))
    return Profile(
        agent=agent,
        equity=equity,
        profit=equity - agent.row.deposits,
        realised=sum(one.realised for one in positions),
        trades=traded["count"],
        orders=Order.objects.filter(stream_id=stream, agent=number).count(),
        markets=len(positions),
        created=Market.objects.filter(stream_id=stream, creator=number).count(),
        resolved=Market.objects.filter(stream_id=stream, resolver=number, status=_RESOLVED).count(),
        volume=(traded["volume"] or 0) * CENT,
        win_rate=divide_half_even(won * 10_000, len(ended)) if ended else None,
        best=max(ended, default=None),
        worst=min(ended, default=None),
        ranks=_ranks(stream, number),
        judgement=judgement(stream, number),
        positions=positions,
        of_markets=of_markets,
    )


def _ranks(stream: UUID, number: int) -> dict[str, int]:
    """Where the agent stands among those of its role, by each measure."""
    found = {}
    for by in ("profit", "equity", "balance", "reputation"):
        for one in standings(stream, by=by):
            if one.agent.number == number:
                found[by] = one.rank
    return found


def judgement(stream: UUID, number: int) -> Judgement:
    """How good the agent's forecasts were: in each resolved market the last one it gave before the closing."""
    said: dict[int, int] = {}
    rows = Comment.objects.filter(stream_id=stream, agent=number, prediction__gt=0, is_deleted=False).order_by("id")
    forecasts = list(rows.values_list("market", "created_at", "prediction"))
    of_markets = queries.markets_by_number(stream, [market for market, _, _ in forecasts])
    for market, at, prediction in forecasts:
        row = of_markets.get(market)
        if row and row.status == _RESOLVED and row.outcome != "VOID" and at <= row.closed_at:
            said[market] = prediction
    pairs = [(prediction, of_markets[market].yes_value) for market, prediction in said.items()]
    error = sum((prediction - value) ** 2 for prediction, value in pairs)
    return Judgement(len(pairs), divide_half_even(error, len(pairs)) if pairs else None, _calibration(pairs))


def _calibration(pairs: Sequence[tuple[int, int]]) -> tuple[Bucket, ...]:
    buckets = []
    for low in range(0, 100, 10):
        values = [value for prediction, value in pairs if low <= prediction < low + 10]
        if values:
            share = divide_half_even(sum(values) * 100, len(values))
            buckets.append(Bucket(low, low + 10, len(values), share))
    return tuple(buckets)
