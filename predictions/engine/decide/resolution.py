"""What a market pays: proposing, challenging, paying and correcting it."""

from collections.abc import Mapping
from typing import NamedTuple

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide import markets
from predictions.engine.decide.access import (
    acting,
    market_for,
    require_disinterested,
    require_organiser,
)
from predictions.engine.pricing import CENT, ceil_rate, floor_rate
from predictions.engine.records import NO, PROBABILITY, VOID, YES, Agent, Market
from predictions.engine.state import ExchangeState, escrow

_VALUES = {YES: 100, NO: 0, VOID: -1}


class Ruling(NamedTuple):
    """What was found, by whom, and from what."""

    outcome: str
    yes_value: int
    evidence: str
    resolver: int
    resolver_user: str
    early: bool


def resolve(state: ExchangeState, command: c.ResolveMarket, actor: Actor, now: int) -> list[Event]:
    """The market is closed if need be, then paid, or proposed where the exchange gives time to challenge."""
    market = market_for(state, command.market, "resolve it")
    agent = _judge(state, command, actor)
    require_disinterested(state, market, actor, agent)
    if market.status == "challenged" and agent and agent.id == market.resolver:
        raise DomainError("conflict_of_interest", "Somebody else decides what was challenged.")
    value = _checked_value(command.outcome, command.yes_value, command.evidence)
    closed: list[Event] = []
    if market.status == "open":  # its deadline is ahead: what is due was done before
        if not command.early:
            detail = "The deadline is ahead. To resolve early, say so: it is put on record."
            raise DomainError("too_early", detail, field="early")
        closed = markets.closing(state, market, "resolved_early")
    early = bool(closed) or market.early
    found = Ruling(command.outcome, value, command.evidence, command.agent, actor.id, early)
    window = state.facts.terms.challenge_window
    if window and market.status != "challenged":
        return [*closed, e.ResolutionProposed(market.id, *found, now + window)]
    return [*closed, *paying(state, market, found)]


def _judge(state: ExchangeState, command: c.ResolveMarket, actor: Actor) -> Agent | None:
    """The moderator who resolves; None where the organiser does."""
    if not command.agent:
        require_organiser(state, actor)
        return None
    agent = acting(state, command.agent, actor)
    if agent.role != "moderator":
        raise DomainError("not_moderator", "Only moderators resolve markets; the organiser grants that role.")
    return agent


def _checked_value(outcome: str, yes_value: int, evidence: str) -> int:
    """What a YES share pays in cents, -1 in a void."""
    if outcome not in {*_VALUES, PROBABILITY}:
        raise DomainError("invalid_resolution", "outcome must be YES, NO, VOID or PROBABILITY.", field="outcome")
    if outcome == PROBABILITY and not 1 <= yes_value <= 99:
        detail = "PROBABILITY needs a probability from 0.01 to 0.99 in whole cents."
        raise DomainError("invalid_resolution", detail, field="probability")
    if outcome != PROBABILITY and yes_value:
        raise DomainError("invalid_resolution", "probability goes with PROBABILITY.", field="probability")
    if not evidence.strip() or len(evidence) > 2000:
        detail = "Say what the outcome rests on, in at most 2000 characters."
        raise DomainError("evidence_required", detail, field="evidence")
    return _VALUES.get(outcome, yes_value)


def challenge(state: ExchangeState, command: c.ChallengeResolution, actor: Actor, now: int) -> list[Event]:
    """ResolutionChallenged: nothing is paid until somebody else decides. For those with shares at stake."""
    market = market_for(state, command.market, "challenge its resolution")
    agent = acting(state, command.agent, actor)
    if not state.position(market.id, agent.id).is_held or agent.role == "house":
        raise DomainError("not_holder", "Only who holds shares of a market may challenge its resolution.")
    if not command.reason.strip() or len(command.reason) > 2000:
        raise DomainError("reason_required", "Say why: the ledger keeps the reason.", field="reason")
    return [e.ResolutionChallenged(market.id, agent.id, command.reason)]


def paying_proposed(state: ExchangeState, market: Market) -> list[Event]:
    """What was proposed and not challenged in time."""
    found = Ruling(
        market.outcome, market.yes_value, market.evidence, market.resolver, market.resolver_user, market.early
    )
    return paying(state, market, found)


def paying(state: ExchangeState, market: Market, found: Ruling) -> list[Event]:
    """MarketResolved with everybody's payout and the moderator's reward; nothing comes from nowhere."""
    fees, owed, profits = dict[int, int](), dict[int, int](), 0
    for position in state.holders(market.id):
        worth, cost = _worth(position.yes, position.no, position.paid, found.yes_value), position.cost
        profit = max(0, worth - cost) if found.outcome != VOID else 0
        fees[position.agent] = _settlement_fee(state, position.agent, profit)
        owed[position.agent] = worth - fees[position.agent]
        profits += profit if fees[position.agent] else 0
    reward = _reward(state, found.resolver, sum(fees.values()), profits)
    freed, paid = _distribute(state, owed, escrow(market.pairs) - reward, market.id)
    payouts = tuple(e.Payout(agent, paid[agent], fees[agent]) for agent in sorted(owed) if paid[agent] or fees[agent])
    return [*freed, e.MarketResolved(market.id, *found, payouts, reward)]


def correct(state: ExchangeState, command: c.CorrectResolution, actor: Actor, now: int) -> list[Event]:
    """ResolutionCorrected: for each what is missing or too much; the first resolver's reward is taken back."""
    require_organiser(state, actor)
    market = market_for(state, command.market, "correct its resolution")
    require_disinterested(state, market, actor, None)
    value = _checked_value(command.outcome, command.yes_value, command.evidence)
    if (command.outcome, value) == (market.outcome, market.yes_value):
        raise DomainError("nothing_to_correct", "That is how the market was resolved.", field="outcome")
    if not command.reason.strip() or len(command.reason) > 2000:
        raise DomainError("reason_required", "Say why: the ledger keeps the reason.", field="reason")
    fees, owed = dict[int, int](), dict[int, int]()
    claims = state.claims.get(market.id, {})
    for agent, claim in sorted(claims.items()):
        worth = _worth(claim.yes, claim.no, claim.cost - claim.realised, value)
        profit = max(0, worth - claim.cost) if command.outcome != VOID else 0
        fees[agent] = _settlement_fee(state, agent, profit)
        owed[agent] = worth - fees[agent] - claim.amount
    reward = _taken_back(state, market, owed)
    freed, paid = _distribute(state, owed, reward, market.id)
    changes = tuple(
        e.Payout(agent, paid[agent], fees[agent])
        for agent in sorted(owed)
        if paid[agent] or fees[agent] != claims[agent].fee
    )
    return [
        *freed,
        *_freeing(state, market.resolver, reward, {event.order for event in freed}),
        e.ResolutionCorrected(market.id, command.outcome, value, command.evidence, command.reason, changes, reward),
    ]


def _taken_back(state: ExchangeState, market: Market, owed: Mapping[int, int]) -> int:
    """What the first resolver still has of the reward; nothing of one who owes a payout besides."""
    if not market.reward or owed.get(market.resolver, 0) < 0:
        return 0
    return min(market.reward, state.agents[market.resolver].balance)


def _worth(yes: int, no: int, paid: int, yes_value: int) -> int:
    """What shares are paid; in a void, what went in and did not come back."""
    return paid if yes_value < 0 else (yes * yes_value + no * (100 - yes_value)) * CENT


def _settlement_fee(state: ExchangeState, number: int, profit: int) -> int:
    if state.agents[number].role == "house":
        return 0
    return ceil_rate(profit, state.facts.terms.settlement_fee)


def _reward(state: ExchangeState, resolver: int, fees: int, profits: int) -> int:
    """A moderator's share of the fees and bonus on the profits, never more than the fees."""
    if not resolver:
        return 0
    terms = state.facts.terms
    return min(fees, floor_rate(fees, terms.moderator_share) + floor_rate(profits, terms.moderator_bonus))


def _distribute(
    state: ExchangeState, owed: Mapping[int, int], pool: int, market: int
) -> tuple[list[e.OrderCancelled], dict[int, int]]:
    """(orders cancelled to free money, what each gets or gives back) so that it adds up.

    Who owes gives back what they have, their purchases cancelled if need be. What is missing then comes from the
    platform's fees, and what those don't cover is missing to all who are owed, in proportion.
    """
    gone = set(state.of_market.get(market, {}))
    freed, paid = list[e.OrderCancelled](), dict[int, int]()
    for agent, amount in owed.items():
        if amount < 0:
            freed += _freeing(state, agent, -amount, gone)
            amount = -min(-amount, state.agents[agent].balance)
        paid[agent] = amount
    due = sum(amount for amount in paid.values() if amount > 0)
    funds = pool + state.facts.platform - sum(amount for amount in paid.values() if amount < 0)
    if due > funds:
        for agent, amount in paid.items():
            if amount > 0:
                paid[agent] = amount * funds // due
    return freed, paid


def _freeing(state: ExchangeState, number: int, amount: int, gone: set[int]) -> list[e.OrderCancelled]:
    """The cancels of an agent's purchases, where what is available does not cover `amount`."""
    if not amount or state.agents[number].available >= amount:
        return []
    orders = sorted(state.of_agent.get(number, {}).items())
    return [e.OrderCancelled(order, "money_owed") for order, each in orders if each.is_purchase and order not in gone]
