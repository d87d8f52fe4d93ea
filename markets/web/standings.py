"""What the portfolio, leaderboard and settlement pages show: rows → plain dataclasses whose columns add up."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.clock import now_us
from common.money import round_shown
from markets import queries, valuation
from markets.engine.events import Fixing
from markets.engine.state import CASH, TREASURY
from markets.queries import SessionInfo
from markets.web import panels


@dataclass(frozen=True, slots=True)
class Member:
    """What one of them holds: units per leg, cash in shown cents, and its worth."""

    handle: str
    name: str
    legs: tuple[int, ...]
    cash_cents: int
    value: int | None
    is_treasury: bool


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everybody's holdings with their totals, beside what there must be."""

    members: tuple[Member, ...]
    totals: tuple[int, ...]
    q: tuple[int, ...]
    cash_cents: int
    cash_is_conserved: bool
    issued: int

    @property
    def is_conserved(self) -> bool:
        return self.totals == self.q and self.cash_is_conserved


def portfolio(session: SessionInfo) -> Portfolio:
    """Holdings of all, the treasury included."""
    held, prices = queries.allocations(session.stream), valuation.current_prices(session)
    names = queries.display_names(session.stream, list(held))
    zero = queries.HoldingInfo(0, 0)
    cash = [assets.get(CASH, zero).total for assets in held.values()]
    cents = _cents(session, cash)
    members = []
    for (who, assets), shown in zip(held.items(), cents, strict=True):
        legs = {leg: assets.get(leg, zero).total for leg in session.legs}
        value = valuation.worth(session, assets, prices) if prices.by_leg else None
        members.append(Member(who, names.get(who, ""), tuple(legs.values()), shown, value, who == TREASURY))
    totals = tuple(sum(member.legs[index] for member in members) for index in range(len(session.legs)))
    return Portfolio(
        tuple(members), totals, session.q, sum(cents), sum(cash) == session.cash_issued, session.cash_issued
    )


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
    """A payout and the cash beside it, in shown cents; the exact payout in units."""

    handle: str
    payout: int
    payout_cents: int
    cash_cents: int
    is_treasury: bool


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
    rows = tuple(
        Paid(who, payout, cents, cash_cents, who == TREASURY)
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
