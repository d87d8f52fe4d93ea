"""What the settlement page shows: the fixing on the prices it came from, a statement to recompute, and a what-if."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.clock import SECOND, now_us
from common.errors import DomainError
from common.money import format_units
from markets import queries, valuation
from markets.engine.events import Fixing
from markets.engine.state import CASH, TREASURY
from markets.queries import SessionInfo
from markets.web import charts, standings
from markets.web import prices as quoted
from markets.web.standings import Settled

_BEFORE = 3
"""How many windows before the fixing its picture begins; at least ten minutes."""
_LEAST_US, _MOST_POINTS = 600 * SECOND, 240


@dataclass(frozen=True, slots=True)
class Used:
    """A tick that the fixing was made of, prices in the session's units in the order of its legs."""

    seq: int
    at: int
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pictured:
    """A leg's fixing on its prices. `exact` is the fraction that was rounded to it, "" where nothing was."""

    leg: str
    price: int
    chart: charts.FixingChart | None
    exact: str


@dataclass(frozen=True, slots=True)
class Line:
    """x, S and x·S of one leg, in units of quantity, price and cash."""

    leg: str
    held: int
    price: int
    value: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What one of them is paid, leg by leg; `payout` is the sum of the lines and equals what the ledger says."""

    handle: str
    lines: tuple[Line, ...]
    payout: int
    cash: int
    recorded: int

    @property
    def total(self) -> int:
        return self.payout + self.cash

    @property
    def is_exact(self) -> bool:
        return self.payout == self.recorded


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A payout at typed prices, beside the one in force (or at the prices of now); bars in tenths of a percent."""

    handle: str
    payout: int
    before: int | None
    bar: int

    @property
    def difference(self) -> int | None:
        return None if self.before is None else self.payout - self.before


def used_ticks(session: SessionInfo, fixing: Fixing) -> list[Used]:
    """The ticks that a fixing names; none where it was typed or made of more than it lists."""
    factor = 10 ** (session.price_decimals - fixing.feed_decimals)
    return [Used(seq, at, tuple(price * factor for price in prices)) for seq, at, prices in fixing.ticks]


def pictures(session: SessionInfo, fixing: Fixing) -> list[Pictured]:
    """Each leg's prices before the fixing, with the window, the ticks used and S."""
    start = max(session.created_at, fixing.at - max(_BEFORE * fixing.window, _LEAST_US))
    ticks = quoted.sample(session, start=start, end=fixing.at, most=_MOST_POINTS)
    used = used_ticks(session, fixing)
    found = []
    for column, leg in enumerate(session.legs):
        points = [(tick.at, tick.prices[leg]) for tick in ticks if leg in tick.prices]
        dots = [(max(tick.at, fixing.at - fixing.window), tick.prices[column]) for tick in used]
        chart = charts.fixing(points, dots, fixed=fixing.prices[leg], at=fixing.at, window=fixing.window)
        found.append(Pictured(leg, fixing.prices[leg], chart, _exact(fixing, leg)))
    return found


def _exact(fixing: Fixing, leg: str) -> str:
    above, below = fixing.exact.get(leg, ("", "1"))
    return "" if below == "1" else f"{above} / {below}"


def statement(session: SessionInfo, paid: Settled, handle: str) -> Statement | None:
    """How the payout of `handle` comes about; None for whom nothing is paid."""
    recorded = {row.handle: row for row in paid.payouts}
    if handle not in recorded:
        return None
    held = queries.allocations(session.stream).get(handle, {})
    zero = queries.HoldingInfo(0, 0)
    lines = tuple(
        Line(leg, held.get(leg, zero).total, price, held.get(leg, zero).total * price)
        for leg, price in ((leg, paid.fixing.prices[leg]) for leg in session.legs)
    )
    cash = held.get(CASH, zero).total
    return Statement(handle, lines, sum(line.value for line in lines), cash, recorded[handle].payout)


def now(session: SessionInfo) -> tuple[Settled | None, str]:
    """(what settling at this moment would pay, "") or (None, why that cannot be said)."""
    try:
        return standings.preview(session, None), ""
    except DomainError as refusal:
        return None, refusal.detail


def typed_or_current(session: SessionInfo, typed: Mapping[str, str] | None) -> dict[str, str]:
    """Prices to put into the what-if form: those that were typed, else those in force."""
    current = valuation.current_prices(session).by_leg
    shown = {leg: format_units(price, session.price_decimals) for leg, price in current.items()}
    return {**shown, **(typed or {})}


def what_if(session: SessionInfo, typed: Mapping[str, str], paid: Settled | None) -> list[WhatIf]:
    """Everybody's payout at typed prices; a leg left blank is worth what it is worth now.

    Raises InvalidInput naming the leg.
    """
    found = valuation.settlement_preview(session, typed_or_current(session, typed), at=now_us())
    payouts = {**found.payouts, TREASURY: found.treasury_payout}
    before = {row.handle: row.payout for row in paid.payouts} if paid else {}
    largest = max([*payouts.values(), *before.values(), 1])
    return [WhatIf(who, units, before.get(who), units * 1000 // largest) for who, units in payouts.items()]
