"""What the portfolio, leaderboard and settlement pages show: rows → plain dataclasses whose columns add up."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from common.clock import now_us
from common.money import round_shown
from markets import queries, valuation
from markets.engine.events import Fixing
from markets.engine.state import CASH, TREASURY
from markets.queries import SessionInfo
from markets.web import charts, panels


@dataclass(frozen=True, slots=True)
class Held:
    """Units of a leg, and what part of its holder's worth they are, in tenths of a percent; None without a price."""

    units: int
    weight: int | None


@dataclass(frozen=True, slots=True)
class Member:
    """What one of them holds: the legs, cash in shown cents with its weight, and its worth."""

    handle: str
    name: str
    legs: tuple[Held, ...]
    cash_cents: int
    cash_weight: int | None
    value: int | None
    is_treasury: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Whose part of a leg or of the cash: where its bar begins, how wide it is, and its share, in thousandths."""

    handle: str
    x: int
    width: int
    share: int


@dataclass(frozen=True, slots=True)
class Whole:
    """One asset, all of it: the parts of everybody, their sum, and what there must be. Units of `decimals`."""

    asset: str
    parts: tuple[Part, ...]
    total: int
    expected: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everybody's holdings with their totals, beside what there must be."""

    members: tuple[Member, ...]
    wholes: tuple[Whole, ...]
    cash_cents: int

    @property
    def is_conserved(self) -> bool:
        return all(whole.total == whole.expected for whole in self.wholes)


def portfolio(session: SessionInfo) -> Portfolio:
    """Holdings of all, the treasury included."""
    held, prices = queries.allocations(session.stream), valuation.current_prices(session)
    names = queries.display_names(session.stream, list(held))
    zero = queries.HoldingInfo(0, 0)
    cents = _cents(session, [assets.get(CASH, zero).total for assets in held.values()])
    members = []
    for (who, assets), shown in zip(held.items(), cents, strict=True):
        value = valuation.worth(session, assets, prices) if prices.by_leg else None
        legs = tuple(
            Held(units, _weight(units * prices.by_leg.get(leg, 0), value))
            for leg, units in ((leg, assets.get(leg, zero).total) for leg in session.legs)
        )
        cash_weight = _weight(assets.get(CASH, zero).total, value)
        members.append(Member(who, names.get(who, ""), legs, shown, cash_weight, value, who == TREASURY))
    expected = dict(zip(session.legs, session.q, strict=True)) | {CASH: session.cash_issued}
    wholes = tuple(_whole(session, asset, held, must_be) for asset, must_be in expected.items())
    return Portfolio(tuple(members), wholes, sum(cents))


def _weight(worth: int, value: int | None) -> int | None:
    return worth * 1000 // value if value else None


def _whole(
    session: SessionInfo, asset: str, held: Mapping[str, Mapping[str, queries.HoldingInfo]], expected: int
) -> Whole:
    """The parts end to end: each ends where its running sum does, so that they fill the bar whatever is rounded."""
    decimals = session.cash_decimals if asset == CASH else session.quantity_decimals
    owned = [
        (who, assets[asset].total) for who, assets in held.items() if asset in assets and assets[asset].total > 0
    ]
    total, before, parts = sum(units for _, units in owned), 0, []
    for who, units in owned:
        x, end = before * 1000 // total, (before + units) * 1000 // total
        parts.append(Part(who, x, end - x, units * 1000 // total))
        before += units
    return Whole(asset, tuple(parts), total, expected, decimals)


def _cents(session: SessionInfo, amounts: list[int]) -> list[int]:
    """Cash in hundredths for a column that still adds up."""
    decimals = session.cash_decimals
    if decimals >= 2:
        return round_shown(amounts, 10 ** (decimals - 2))
    return [amount * 10 ** (2 - decimals) for amount in amounts]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the leaderboard. `percent` is the gain in hundredths of a percent of what they were given."""

    standing: valuation.Standing
    percent: int

    @property
    def percent_text(self) -> str:
        """With its sign."""
        sign = "+" if self.percent > 0 else "−" if self.percent < 0 else ""
        return f"{sign}{abs(self.percent) // 100}.{abs(self.percent) % 100:02d} %"


def leaderboard(session: SessionInfo) -> dict[str, object]:
    """Everybody by what they gained on what they were given, and where the prices come from."""
    prices = valuation.current_prices(session)
    found = panels.standings(session, prices).values()
    return {"places": [Place(standing, _percent(standing)) for standing in found], "prices": prices}


_MOST_LINES = 8
"""How many lines the chart of gains shows, the reader's own among them."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Gains over time: the picture that stands there without scripts, and for leaders.js the numbers as JSON."""

    lines: tuple[charts.Line, ...]
    zero_y: str
    start: int
    end: int
    data: str


def curves(session: SessionInfo, handle: str) -> Curves | None:
    """The leaders' gains since trading began, and the reader's own; None before there is anything to show."""
    prices = valuation.current_prices(session)
    found = panels.standings(session, prices)
    shown = list(found)[:_MOST_LINES]
    if handle in found and handle not in shown:
        shown[-1] = handle
    end = queries.ended_at(session) or now_us()
    gains = valuation.gains_over_time(session, prices, shown, end=end)
    if len(gains.times) < 2:
        return None
    drawn, zero_y = charts.lines(gains.by_handle)
    times = [at // 1_000_000 for at in gains.times]
    data = {"times": times, "own": handle, "decimals": session.cash_decimals, "lines": gains.by_handle}
    return Curves(drawn, zero_y, gains.times[0], gains.times[-1], json.dumps(data, ensure_ascii=False))


def _percent(standing: valuation.Standing) -> int:
    given = standing.value - standing.gain
    return int(standing.gain * 10_000 / given) if given else 0


@dataclass(frozen=True, slots=True)
class FixedLeg:
    leg: str
    quantity: int
    price: int
    value: int


@dataclass(frozen=True, slots=True)
class Paid:
    """A payout and the cash beside it, in shown cents; the exact payout in units, `bar` in tenths of a percent."""

    handle: str
    payout: int
    payout_cents: int
    cash_cents: int
    is_treasury: bool
    bar: int


@dataclass(frozen=True, slots=True)
class Settled:
    """A fixing, what each leg is worth at it, and what everybody gets; both sides add up to q·S."""

    fixing: Fixing
    legs: tuple[FixedLeg, ...]
    basket_value: int
    payouts: tuple[Paid, ...]
    paid: int
    paid_cents: int
    cash_cents: int
    at: int
    seq: int
    reason: str

    @property
    def is_exact(self) -> bool:
        return self.paid == self.basket_value


def settled(session: SessionInfo) -> Settled | None:
    """The settlement in force; None before it."""
    found = queries.settlement(session.stream)
    if found is None:
        return None
    return _settled(session, found)


def preview(session: SessionInfo, typed: Mapping[str, object] | None) -> Settled:
    """What settling now would pay. Raises DomainError `fixing_unavailable`, InvalidInput naming the leg."""
    return _settled(session, valuation.settlement_preview(session, typed, at=now_us()))


def _settled(session: SessionInfo, found: queries.SettlementInfo) -> Settled:
    payouts, cash = {**found.payouts, TREASURY: found.treasury_payout}, {**found.cash, TREASURY: found.treasury_cash}
    fixing = found.fixing
    legs = tuple(
        FixedLeg(leg, units, fixing.prices[leg], units * fixing.prices[leg])
        for leg, units in zip(session.legs, session.q, strict=True)
    )
    shown, shown_cash = _cents(session, list(payouts.values())), _cents(session, [cash[who] for who in payouts])
    largest = max([*payouts.values(), 1])
    rows = tuple(
        Paid(who, payout, cents, cash_cents, who == TREASURY, payout * 1000 // largest)
        for (who, payout), cents, cash_cents in zip(payouts.items(), shown, shown_cash, strict=True)
    )
    return Settled(
        fixing,
        legs,
        sum(leg.value for leg in legs),
        rows,
        sum(payouts.values()),
        sum(shown),
        sum(shown_cash),
        found.at,
        found.seq,
        found.reason,
    )
