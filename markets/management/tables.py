"""Tables for a terminal: allocations, books, fixings, payouts. Amounts are Decimals, shown at the scale they have."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from rich.table import Table

CASH = "CASH"


class Level(Protocol):
    """A line of a book."""

    @property
    def price(self) -> Decimal: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def orders(self) -> int: ...


def allocations(legs: Sequence[str], held: Mapping[str, Mapping[str, Decimal]], title: str) -> Table:
    """Who holds what, and that each column adds up."""
    assets = (*legs, CASH)
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for asset in assets:
        table.add_column(asset, justify="right")
    for who, amounts in held.items():
        table.add_row(who, *(_shown(amounts[asset]) for asset in assets))
    table.add_section()
    totals = (sum((amounts[asset] for amounts in held.values()), Decimal(0)) for asset in assets)
    table.add_row("total", *(_shown(total) for total in totals), style="bold")
    return table


def book(asset: str, bids: Sequence[Level], asks: Sequence[Level]) -> Table:
    """A depth ladder, asks above bids. Both sides come best first."""
    table = Table(title=f"Order book {asset}", title_justify="left")
    for name in ("", "price", "quantity", "orders"):
        table.add_column(name, justify="right" if name else "left")
    for side, levels in (("ask", tuple(reversed(asks))), ("bid", bids)):
        for level in levels:
            table.add_row(side, _shown(level.price), _shown(level.quantity), str(level.orders))
    if not table.rows:
        table.add_row("empty", "", "", "")
    return table


def fixing(q: Mapping[str, Decimal], prices: Mapping[str, Decimal], *, title: str, at: str) -> Table:
    """The prices S, and what the basket is worth at them."""
    table = Table(title=title, title_justify="left", caption=at)
    for name in ("", "q", "S", "q × S"):
        table.add_column(name, justify="right" if name else "left")
    for leg, quantity in q.items():
        table.add_row(leg, _shown(quantity), _shown(prices[leg]), _shown(quantity * prices[leg]))
    table.add_section()
    worth = sum((quantity * prices[leg] for leg, quantity in q.items()), Decimal(0))
    table.add_row("q·S", "", "", _shown(worth), style="bold")
    return table


def source(rule: str, *, tick_count: int, last_tick: int | None) -> str:
    """Where a fixing comes from."""
    return f"Fixing: {rule}, " + (f"{tick_count} ticks, the last is {last_tick}" if last_tick else "typed")


def payouts(paid: Mapping[str, Decimal], cash: Mapping[str, Decimal]) -> Table:
    """What everybody gets: x·S, and their cash beside it."""
    table = Table(title="Payouts", title_justify="left")
    for name in ("", "x·S", "cash"):
        table.add_column(name, justify="right" if name else "left")
    for who, amount in paid.items():
        table.add_row(who, _shown(amount), _shown(cash[who]))
    table.add_section()
    totals = (sum(amounts.values(), Decimal(0)) for amounts in (paid, cash))
    table.add_row("total", *(_shown(total) for total in totals), style="bold")
    return table


def _shown(amount: Decimal) -> str:
    return format(amount, "f")
