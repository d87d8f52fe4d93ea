"""Reads: rows → rows and plain dataclasses. Never writes, never sees a warm state."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from common.errors import DomainError, InvalidInput
from predictions.engine.events import Terms
from predictions.engine.records import YES
from predictions.models import Agent, AgentName, Entry, Exchange, Market, Order, Position, Trade, Verdict

OPEN = ("open", "partially_filled")
LIVE = (*OPEN, "pending_approval")
_UNDECIDED = ("closed", "proposed", "challenged")
MAIN = "main"
"""The exchange that is there without being made."""


@dataclass(frozen=True, slots=True)
class ExchangeInfo:
    """An exchange as its row has it. Money in hundredths of a cent."""

    stream: UUID
    name: str
    organiser: str
    terms: Terms
    created_at: int
    issued: int
    platform: int
    trading_fees: int
    creation_fees: int
    settlement_fees: int
    rewards: int


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """An agent with its name."""

    row: Agent
    name: str

    @property
    def number(self) -> int:
        return self.row.number

    @property
    def available(self) -> int:
        return self.row.balance - self.row.locked - self.row.fees_locked


@dataclass(frozen=True, slots=True)
class Level:
    """`price` in cents of YES."""

    price: int
    size: int
    orders: int


@dataclass(frozen=True, slots=True)
class BookInfo:
    """The one book of a market in cents of YES, best price first: buying NO at 0.40 is an ask at 0.60."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def best_bid(self) -> int | None:
        return self.bids[0].price if self.bids else None

    @property
    def best_ask(self) -> int | None:
        return self.asks[0].price if self.asks else None


# Exchanges


def exchange(name: str) -> ExchangeInfo:
    """The live exchange of this name. Raises DomainError `not_found`."""
    row = None if "\0" in name else Exchange.objects.filter(name=name).first()  # PostgreSQL's texts have no NUL
    if row is None:
        raise DomainError("not_found", f"There is no exchange {name!r}.", field="exchange")
    return _exchange(row)


def exchange_of(stream: UUID) -> ExchangeInfo:
    """The live exchange with this stream. Raises DomainError `not_found`."""
    row = Exchange.objects.filter(stream_id=stream).first()
    if row is None:
        raise DomainError("not_found", "There is no such exchange.")
    return _exchange(row)


def exchanges() -> list[ExchangeInfo]:
    """All exchanges, the oldest first."""
    return [_exchange(row) for row in Exchange.objects.order_by("created_at", "stream_id")]


def _exchange(row: Exchange) -> ExchangeInfo:
    return ExchangeInfo(
        row.stream_id,
        row.name,
        row.organiser,
        msgspec.json.decode(row.terms, type=Terms),
        row.created_at,
        row.issued,
        row.platform,
        row.trading_fees,
        row.creation_fees,
        row.settlement_fees,
        row.rewards,
    )


_DUE = """
    SELECT stream_id FROM predictions_market WHERE due_at > 0 AND due_at <= %s
    UNION SELECT stream_id FROM predictions_order WHERE ends_at > 0 AND ends_at <= %s
"""


def due_exchanges(now: int) -> list[UUID]:
    """The exchanges in which time alone makes something happen by `now`. Asked four times a second.

    In SQL, for SQLite uses a partial index only where the condition stands there literally.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [now] * 2)
        return [stream if isinstance(stream, UUID) else UUID(hex=stream) for (stream,) in cursor.fetchall()]


# Agents


def names(stream: UUID, users: Collection[str] | None = None) -> dict[str, str]:
    """user → what the agent is called."""
    rows = AgentName.objects.filter(stream_id=stream)
    if users is not None:
        rows = rows.filter(user__in=users)
    return dict(rows.values_list("user", "name"))


def name_of(row: Agent, known: dict[str, str]) -> str:
    """What an agent is called; a house has no name of its own, and a forgotten one neither."""
    return known.get(row.user) or ("House" if row.role == "house" else f"agent {row.number}")


def agent(stream: UUID, number: int) -> AgentInfo:
    """Raises DomainError `not_found`."""
    return _named(Agent.objects.filter(stream_id=stream, number=number).first())


def agent_of(stream: UUID, user: str) -> AgentInfo:
    """The agent whose key belongs to this user. Raises DomainError `not_found`."""
    return _named(Agent.objects.filter(stream_id=stream, user=user).first())


def agent_named(stream: UUID, name: str, *, field: str = "name") -> AgentInfo:
    """The agent that is called so, whatever its case. Raises DomainError `not_found`."""
    known = AgentName.objects.filter(stream_id=stream, folded=name.casefold()).first()
    row = Agent.objects.filter(stream_id=stream, user=known.user).first() if known else None
    if known is None or row is None:
        raise DomainError("not_found", f"There is no agent {name!r} on this exchange.", field=field)
    return AgentInfo(row, known.name)


def _named(row: Agent | None) -> AgentInfo:
    if row is None:
        raise DomainError("not_found", "There is no such agent.", field="agent_id")
    return AgentInfo(row, name_of(row, names(row.stream_id, [row.user])))


def agents(stream: UUID, numbers: Collection[int] | None = None, *, role: str = "") -> list[AgentInfo]:
    """Agents with their names, by number; houses only where they are asked for by number."""
    rows = Agent.objects.filter(stream_id=stream).order_by("number")
    rows = rows.exclude(role="house") if numbers is None else rows.filter(number__in=numbers)
    found = list(rows.filter(role=role) if role else rows)
    known = names(stream, None if numbers is None else [row.user for row in found])
    return [AgentInfo(row, name_of(row, known)) for row in found]


def agents_of_user(stream: UUID, user: str) -> list[int]:
    """The number of the agent whose key belongs to this user, or nothing."""
    return list(Agent.objects.filter(stream_id=stream, user=user).values_list("number", flat=True))


def agents_owned(owner: str, stream: UUID | None = None) -> list[AgentInfo]:
    """The agents that somebody owns, on one exchange or on all."""
    rows = Agent.objects.filter(owner=owner).exclude(owner="").order_by("stream_id", "number")
    found = list(rows.filter(stream_id=stream) if stream else rows)
    known = {one: names(one, [row.user for row in found]) for one in {row.stream_id for row in found}}
    return [AgentInfo(row, name_of(row, known[row.stream_id])) for row in found]


# Markets

SORTS = {
    "newest": ("-number",),
    "closing": ("deadline", "number"),
    "volume": ("-volume", "-number"),
    "trades": ("-trades", "-number"),
}


def markets(
    stream: UUID,
    *,
    status: str = "",
    category: str = "",
    creator: int = 0,
    search: str = "",
    sort: str = "newest",
    after: int = 0,
    before: int = 0,
) -> "QuerySet[Market]":
    """An exchange's markets. `after` and `before` bound the deadline; slice it for a page."""
    rows = Market.objects.filter(stream_id=stream)
    wanted = {"status": status, "category": category, "creator": creator}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if search:
        rows = rows.filter(Q(question__icontains=search) | Q(description__icontains=search))
    if after:
        rows = rows.filter(deadline__gte=after)
    if before:
        rows = rows.filter(deadline__lte=before)
    return rows.order_by(*SORTS[sort])


def markets_page(rows: "QuerySet[Market]", sort: str, after: str, limit: int) -> tuple[list[Market], str]:
    """(a page of sorted markets, the cursor of the next). Raises DomainError `invalid_input` for a made-up cursor."""
    column = SORTS[sort][0].removeprefix("-")
    if after:
        value, _, last = after.partition("-")
        if not (value.isascii() and value.isdecimal() and last.isascii() and last.isdecimal() and len(after) < 39):
            raise InvalidInput("cursor", "cursor comes from `next` of the page before.")
        is_falling, number = SORTS[sort][0].startswith("-"), int(last)
        beyond = Q(**{f"{column}__{'lt' if is_falling else 'gt'}": int(value)})
        beside = Q(number__lt=number) if SORTS[sort][-1].startswith("-") else Q(number__gt=number)
        rows = rows.filter(beyond | (Q(**{column: int(value)}) & beside))
    found = list(rows[:limit])
    return found, f"{getattr(found[-1], column)}-{found[-1].number}" if len(found) == limit else ""


def market(stream: UUID, number: int) -> Market:
    """Raises DomainError `not_found`."""
    row = Market.objects.filter(stream_id=stream, number=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such market.", field="market_id")
    return row


def markets_by_number(stream: UUID, numbers: Collection[int]) -> dict[int, Market]:
    """number → market."""
    rows = Market.objects.filter(stream_id=stream, number__in=set(numbers))
    return {row.number: row for row in rows}


def overdue(stream: UUID, now: int) -> "QuerySet[Market]":
    """Markets past their deadline that nobody has resolved, the most overdue first: the moderators' desk."""
    rows = Market.objects.filter(stream_id=stream, status__in=_UNDECIDED, deadline__lte=now)
    return rows.order_by("deadline", "number")


def waiting(streams: Collection[UUID], now: int) -> dict[UUID, tuple[int, int]]:
    """{exchange: (markets that are open, markets that are overdue)}."""
    is_open, is_overdue = Q(status="open"), Q(status__in=_UNDECIDED, deadline__lte=now)
    rows = Market.objects.filter(stream_id__in=streams).values("stream_id").order_by()
    found = rows.annotate(open=Count("number", filter=is_open), overdue=Count("number", filter=is_overdue))
    return {row["stream_id"]: (row["open"], row["overdue"]) for row in found}


def verdicts(stream: UUID, market: int) -> list[Verdict]:
    """The steps of a market's resolution, in order."""
    return list(Verdict.objects.filter(stream_id=stream, market=market).order_by("seq"))


def book(stream: UUID, market: int, *, depth: int = 100) -> BookInfo:
    """The market's book as its resting orders make it."""
    rows = (
        Order.objects.filter(stream_id=stream, market=market, status__in=OPEN, order_type="limit")
        .values("outcome", "action", "price")
        .annotate(rest=Sum(F("size") - F("filled")), orders=Count("number"))
        .order_by()
    )
    sides: dict[bool, dict[int, tuple[int, int]]] = {True: {}, False: {}}
    for row in rows:
        is_yes = row["outcome"] == YES
        side = sides[(row["action"] == "buy") == is_yes]
        price = row["price"] if is_yes else 100 - row["price"]
        size, count = side.get(price, (0, 0))
        side[price] = (size + row["rest"], count + row["orders"])
    bids = [Level(price, *side) for price, side in sorted(sides[True].items(), reverse=True)]
    asks = [Level(price, *side) for price, side in sorted(sides[False].items())]
    return BookInfo(tuple(bids[:depth]), tuple(asks[:depth]))


# Orders, trades, positions, statements


def own_prices(stream: UUID, market: int, agents: Iterable[AgentInfo], *, is_bid: bool) -> set[int]:
    """At which prices, in cents of YES, these agents' orders stand on one side of a market's book."""
    numbers = [agent.number for agent in agents]
    rows = Order.objects.filter(
        stream_id=stream, market=market, agent__in=numbers, status__in=OPEN, order_type="limit"
    ).values_list("outcome", "action", "price")
    return {
        price if outcome == "YES" else 100 - price
        for outcome, action, price in rows
        if ((action == "buy") == (outcome == "YES")) == is_bid
    }


def order(stream: UUID, number: int) -> Order:
    """Raises DomainError `not_found`."""
    row = Order.objects.filter(stream_id=stream, number=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such order.")
    return row


def orders(
    stream: UUID, agent: int, *, status: str = "", market: int = 0, client_order_id: str = "", before: int = 0
) -> "QuerySet[Order]":
    """An agent's orders, the newest first. `status` live: whatever may still trade or waits."""
    rows = Order.objects.filter(stream_id=stream, agent=agent).order_by("-number")
    if status:
        rows = rows.filter(status__in=LIVE if status == "live" else (status,))
    wanted = {"market": market, "client_order_id": client_order_id}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return rows.filter(number__lt=before) if before else rows


def orders_of(stream: UUID, agents: Collection[int], *, status: str, before: int = 0) -> "QuerySet[Order]":
    """The orders of several agents, the newest first."""
    rows = Order.objects.filter(stream_id=stream, agent__in=agents, status=status).order_by("-number")
    return rows.filter(number__lt=before) if before else rows


def trades(stream: UUID, *, market: int = 0, agent: int = 0, before: int = 0) -> "QuerySet[Trade]":
    """Trades of a market, of an agent, or of the whole exchange, the newest first."""
    rows = Trade.objects.filter(stream_id=stream).order_by("-number")
    if market:
        rows = rows.filter(market=market)
    if agent:
        rows = rows.filter(Q(bidder=agent) | Q(asker=agent))
    return rows.filter(number__lt=before) if before else rows


def trades_of_orders(stream: UUID, numbers: Sequence[int]) -> dict[int, list[Trade]]:
    """order → its trades, in order."""
    found: dict[int, list[Trade]] = {number: [] for number in numbers}
    rows = Trade.objects.filter(stream_id=stream).filter(Q(bid_order__in=numbers) | Q(ask_order__in=numbers))
    for row in rows.order_by("number"):
        for number in (row.bid_order, row.ask_order):
            if number in found:
                found[number].append(row)
    return found


def price_history(stream: UUID, market: int, *, limit: int = 500) -> list[tuple[int, int]]:
    """(time, cents of YES) of the newest trades, the oldest first."""
    rows = trades(stream, market=market).values_list("at", "price")[:limit]
    return list(reversed(rows))


def positions(stream: UUID, *, agent: int = 0, market: int = 0, is_held: bool = True) -> list[Position]:
    """Positions of an agent or in a market; `is_held`: only those with shares."""
    rows = Position.objects.filter(stream_id=stream).order_by("market", "agent")
    wanted = {"agent": agent, "market": market}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return list(rows.filter(Q(yes__gt=0) | Q(no__gt=0)) if is_held else rows)


def position(stream: UUID, market: int, agent: int) -> Position:
    """One position; an empty one where there is none."""
    row = Position.objects.filter(stream_id=stream, market=market, agent=agent).first()
    return row or Position(
        stream_id=stream,
        market=market,
        agent=agent,
        **dict.fromkeys(("yes", "no", "yes_locked", "no_locked", "yes_cost", "no_cost", "realised", "fees"), 0),
    )


def entries(stream: UUID, agent: int, *, kind: str = "", before: tuple[int, str] | None = None) -> "QuerySet[Entry]":
    """An agent's statement but for its trades, `before` one (seq, kind); the newest first."""
    rows = Entry.objects.filter(stream_id=stream, agent=agent).order_by("-seq", "-kind")
    rows = rows.filter(kind=kind) if kind else rows
    return rows.filter(Q(seq__lt=before[0]) | Q(seq=before[0], kind__lt=before[1])) if before else rows
