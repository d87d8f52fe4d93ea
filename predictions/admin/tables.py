"""Rows → tables of text for the console's templates of exchanges."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from accounts import roster
from common.clock import SECOND, isoformat
from common.money import format_units
from ledger.models import Event
from predictions import queries
from predictions.engine.decide.access import money
from predictions.engine.events import Terms
from predictions.models import Market, Order, Trade
from predictions.queries import ExchangeInfo

PAGE = 50


@dataclass(frozen=True, slots=True)
class Table:
    """`kinds` are the columns' CSS classes, `older` where the next page begins (0: nowhere)."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    older: int = 0
    numbers: frozenset[int] = frozenset()

    @property
    def cells(self) -> list[list[tuple[str, bool]]]:
        """(text, whether it is a number) by row."""
        return [[(text, at in self.numbers) for at, text in enumerate(row)] for row in self.rows]


def moment(at: int) -> str:
    """µs → UTC, to the second."""
    return isoformat(at)[:19].replace("T", " ") if at else "—"


def facts(exchange: ExchangeInfo, organiser: str) -> list[tuple[str, str]]:
    """The terms and what came of them."""
    terms: Terms = exchange.terms
    return [
        ("Organiser", organiser),
        ("Created", moment(exchange.created_at)),
        ("Starting balance", money(terms.starting_balance)),
        ("Trading fee", _percent(terms.trading_fee)),
        ("Creation fee", money(terms.creation_fee)),
        ("Settlement fee", _percent(terms.settlement_fee)),
        (
            "Moderators get",
            f"{_percent(terms.moderator_share)} of the fees, {_percent(terms.moderator_bonus)} of profits",
        ),
        ("Time to challenge", f"{terms.challenge_window // SECOND} s"),
        ("Time to approve", f"{terms.approval_window // SECOND} s"),
        ("Faucet", money(terms.faucet_limit) if terms.faucet_limit else "none"),
        ("Own orders that meet", terms.self_trade_prevention.replace("_", " ")),
    ]


def sums(exchange: ExchangeInfo) -> list[tuple[str, str]]:
    """The exchange's own money."""
    return [
        ("Money issued", money(exchange.issued)),
        ("Fees held now", money(exchange.platform)),
        ("Trading fees", money(exchange.trading_fees)),
        ("Creation fees", money(exchange.creation_fees)),
        ("Settlement fees", money(exchange.settlement_fees)),
        ("Rewards passed on", money(exchange.rewards)),
    ]


def agents(exchange: ExchangeInfo, before: int) -> Table:
    """Agents with their owners, the newest first."""
    found = [one for one in reversed(queries.agents(exchange.stream)) if not before or one.number < before][:PAGE]
    owners = roster.names_of([one.row.owner for one in found if one.row.owner])
    rows = [
        (
            str(one.number),
            one.name,
            owners.get(one.row.owner, one.row.owner or "nobody"),
            one.row.role,
            one.row.mode,
            money(one.row.balance),
            money(one.available),
            moment(one.row.created_at),
        )
        for one in found
    ]
    titles = ("Number", "Agent", "Owner", "Role", "Mode", "Balance", "Available", "Registered (UTC)")
    return Table(titles, rows, _older([one.number for one in found]), frozenset({0, 5, 6}))


def markets(exchange: ExchangeInfo, before: int) -> Table:
    """Markets, the newest first."""
    rows = Market.objects.filter(stream_id=exchange.stream).order_by("-number")
    found = list((rows.filter(number__lt=before) if before else rows)[:PAGE])
    shown = [
        (
            str(row.number),
            row.question,
            row.category,
            row.status,
            row.outcome or "—",
            f"{row.last_price}¢" if row.trades else "—",
            money(row.volume),
            str(row.pairs),
            moment(row.deadline),
        )
        for row in found
    ]
    titles = ("Number", "Question", "Category", "Status", "Outcome", "Price", "Volume", "Pairs", "Deadline (UTC)")
    return Table(titles, shown, _older([row.number for row in found]), frozenset({0, 5, 6, 7}))


def orders(exchange: ExchangeInfo, before: int) -> Table:
    """Orders, the newest first."""
    rows = Order.objects.filter(stream_id=exchange.stream).order_by("-number")
    found = list((rows.filter(number__lt=before) if before else rows)[:PAGE])
    names = _names(exchange, [row.agent for row in found])
    shown = [
        (
            str(row.number),
            names[row.agent],
            str(row.market),
            f"{row.action} {row.outcome}",
            f"{row.price}¢" if row.price else "market",
            f"{row.filled} / {row.size}",
            f"{row.status.replace('_', ' ')} {row.reason.replace('_', ' ')}".strip(),
            moment(row.created_at),
        )
        for row in found
    ]
    titles = ("Number", "Agent", "Market", "Order", "Price", "Filled / shares", "Status", "Placed (UTC)")
    return Table(titles, shown, _older([row.number for row in found]), frozenset({0, 2, 4, 5}))


def trades(exchange: ExchangeInfo, before: int) -> Table:
    """Trades, the newest first."""
    found: list[Trade] = list(queries.trades(exchange.stream, before=before)[:PAGE])
    names = _names(exchange, [agent for row in found for agent in (row.bidder, row.asker)])
    shown = [
        (
            str(row.number),
            str(row.market),
            row.kind,
            f"{row.price}¢",
            str(row.size),
            names[row.bidder],
            names[row.asker],
            money(row.bid_fee + row.ask_fee),
            moment(row.at),
        )
        for row in found
    ]
    titles = ("Number", "Market", "Kind", "YES", "Shares", "For YES", "Against YES", "Fees", "At (UTC)")
    return Table(titles, shown, _older([row.number for row in found]), frozenset({0, 1, 3, 4, 7}))


def events(exchange: ExchangeInfo, before: int) -> Table:
    """The exchange's ledger, the newest first: who did what."""
    rows = Event.objects.filter(stream_id=exchange.stream).order_by("-seq")
    found = list((rows.filter(seq__lt=before) if before else rows)[:PAGE])
    people = roster.names_of(row.actor for row in found)
    programs = queries.names(exchange.stream, {row.actor for row in found})
    known: Mapping[str, str] = {**programs, **people, "clock": "the clock", "operator": "the operator"}
    shown = [
        (str(row.seq), row.type, known.get(row.actor, row.actor), row.payload, row.hash[:12], moment(row.at))
        for row in found
    ]
    titles = ("Seq", "Event", "By", "Facts", "Hash", "At (UTC)")
    return Table(titles, shown, _older([row.seq for row in found]), frozenset({0}))


LISTS: Mapping[str, Callable[[ExchangeInfo, int], Table]] = {
    "agents": agents,
    "markets": markets,
    "orders": orders,
    "trades": trades,
    "events": events,
}


def _names(exchange: ExchangeInfo, numbers: Sequence[int]) -> dict[int, str]:
    return {one.number: one.name for one in queries.agents(exchange.stream, set(numbers))}


def _older(numbers: Sequence[int]) -> int:
    return numbers[-1] if len(numbers) == PAGE else 0


def _percent(rate: int) -> str:
    return f"{format_units(rate, 2)} %"
