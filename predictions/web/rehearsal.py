"""What a resolution would do: decided on a private copy of the exchange's state, shown, and thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from common.clock import now_us
from common.events import Event
from common.ids import Actor
from ledger import warm
from predictions import queries
from predictions.domain import EXCHANGES
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide import resolution
from predictions.engine.state import ExchangeState
from predictions.models import Position
from predictions.web import reads

Command = c.ResolveMarket | c.CorrectResolution


@dataclass(frozen=True, slots=True)
class Payee:
    """An agent who holds shares or is paid. `change` is signed: what a correction takes back is below zero."""

    name: str
    yes: int
    no: int
    amount: int
    fee: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would be paid, to whom, and when (`pays_at` 0: at once)."""

    outcome: str
    yes_value: int
    payees: tuple[Payee, ...]
    cancelled: int
    fees: int
    reward: int
    pays_at: int
    early: bool

    @property
    def total(self) -> int:
        return sum(payee.amount for payee in self.payees)


def rehearse(stream: UUID, command: Command, actor: Actor) -> Outlook:
    """What `command` would do now. Raises the DomainError with which it would be refused."""
    state: ExchangeState = warm.load(EXCHANGES, stream, upto=reads.head(stream)).state
    now = now_us()
    while due := EXCHANGES.due(state, now):
        _apply(state, due, now)
    found = list(EXCHANGES.decide(state, command, actor, now))
    _apply(state, found, now)
    market = state.markets[command.market]
    pays_at = market.pays_at
    if market.status == "proposed":
        found += resolution.paying_proposed(state, market)
    final = found[-1]
    assert isinstance(final, e.MarketResolved | e.ResolutionCorrected)
    payouts = final.payouts if isinstance(final, e.MarketResolved) else final.changes
    names = {one.number: one.name for one in queries.agents(stream, [payout.agent for payout in payouts])}
    held = {row.agent: row for row in queries.positions(stream, market=command.market)}
    return Outlook(
        final.outcome,
        final.yes_value,
        tuple(_payee(payout, names, held) for payout in payouts),
        sum(isinstance(event, e.OrderCancelled) for event in found),
        sum(payout.fee for payout in payouts),
        final.reward if isinstance(final, e.MarketResolved) else -final.reward,
        pays_at,
        isinstance(final, e.MarketResolved) and final.early,
    )


def _apply(state: ExchangeState, found: Sequence[Event], now: int) -> None:
    for event in found:
        EXCHANGES.evolve(state, event, now)


def _payee(payout: e.Payout, names: Mapping[int, str], held: Mapping[int, Position]) -> Payee:
    row = held.get(payout.agent)
    yes, no = (row.yes, row.no) if row else (0, 0)
    return Payee(names.get(payout.agent, ""), yes, no, payout.amount, payout.fee)
