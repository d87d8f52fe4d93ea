"""Tables for a terminal: allocations, books, fixings, payouts."""

from rich.table import Table

from common.clock import isoformat
from common.money import format_units
from markets.engine.events import Fixing
from markets.engine.state import CASH
from markets.queries import BookInfo, HoldingInfo, SessionInfo, SettlementInfo


def allocations(session: SessionInfo, held: dict[str, dict[str, HoldingInfo]], title: str) -> Table:
    """Who holds what, and that each column adds up."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for asset in (*session.legs, CASH):
        table.add_column(asset, justify="right")
    for who, assets in held.items():
        table.add_row(who, *_amounts(session, {asset: holding.total for asset, holding in assets.items()}))
    totals = {
        asset: sum(assets[asset].total for assets in held.values() if asset in assets)
        for asset in (*session.legs, CASH)
    }
    table.add_section()
    table.add_row("total", *_amounts(session, totals), style="bold")
    return table


def _amounts(session: SessionInfo, amounts: dict[str, int]) -> list[str]:
    legs = [format_units(amounts.get(leg, 0), session.quantity_decimals) for leg in session.legs]
    return [*legs, format_units(amounts.get(CASH, 0), session.cash_decimals)]


def book(session: SessionInfo, book: BookInfo) -> Table:
    """A depth ladder, asks above bids."""
    table = Table(title=f"Order book {book.asset}", title_justify="left")
    for name in ("", "price", "quantity", "orders"):
        table.add_column(name, justify="right" if name else "left")
    for side, levels in (("ask", tuple(reversed(book.asks))), ("bid", book.bids)):
        for level in levels:
            table.add_row(
                side,
                format_units(level.price, session.price_decimals),
                format_units(level.quantity, session.quantity_decimals),
                str(level.orders),
            )
    if not table.rows:
        table.add_row("empty", "", "", "")
    return table


def fixing(session: SessionInfo, fixing: Fixing) -> Table:
    """The prices S, and where they come from."""
    source = f"{fixing.tick_count} ticks, the last is {fixing.last_seq}" if fixing.feed else "typed"
    title = f"Fixing: {fixing.rule}, {source}"
    table = Table(title=title, title_justify="left", caption=isoformat(fixing.at))
    for name in ("", "q", "S", "q × S"):
        table.add_column(name, justify="right" if name else "left")
    worth = 0
    for leg, units in zip(session.legs, session.q, strict=True):
        value = units * fixing.prices[leg]
        worth += value
        table.add_row(
            leg,
            format_units(units, session.quantity_decimals),
            format_units(fixing.prices[leg], session.price_decimals),
            format_units(value, session.cash_decimals),
        )
    table.add_section()
    table.add_row("q·S", "", "", format_units(worth, session.cash_decimals), style="bold")
    return table


def payouts(session: SessionInfo, settlement: SettlementInfo) -> Table:
    """What everybody gets: x·S, and their cash beside it."""
    table = Table(title="Payouts", title_justify="left")
    for name in ("", "x·S", "cash"):
        table.add_column(name, justify="right" if name else "left")
    rows = [(who, units, settlement.cash[who]) for who, units in settlement.payouts.items()]
    rows.append(("treasury", settlement.treasury_payout, settlement.treasury_cash))
    for who, payout, cash in rows:
        table.add_row(who, format_units(payout, session.cash_decimals), format_units(cash, session.cash_decimals))
    table.add_section()
    paid, cash = sum(row[1] for row in rows), sum(row[2] for row in rows)
    table.add_row(
        "total",
        format_units(paid, session.cash_decimals),
        format_units(cash, session.cash_decimals),
        style="bold",
    )
    return table
