"""What events make of markets, from their opening to the correction of their resolution."""

from predictions.engine import events as e
from predictions.engine.records import Agent, Claim, Market, Verdict
from predictions.engine.state import ExchangeState, due_of, escrow
from predictions.engine.steps.agents import add_agent
from predictions.engine.steps.money import pay


def market_created(state: ExchangeState, event: e.MarketCreated, at: int) -> None:
    seq = state.facts.seq
    market = Market(
        seq,
        event.creator,
        event.creator_user,
        event.question,
        event.description,
        event.category,
        event.criteria,
        event.source,
        event.deadline,
        at,
    )
    state.markets[seq] = market
    state.changed.markets[seq] = market
    state.expect_market(market)
    if event.fee:
        agent = state.touch_agent(event.creator)
        agent.fees_paid += event.fee
        state.facts.creation_fees += event.fee
        state.take_fee(event.fee)
        pay(state, agent, -event.fee, at, "market_created", market=seq)


def house_opened(state: ExchangeState, event: e.HouseOpened, at: int) -> None:
    seq = state.facts.seq
    market = state.markets[event.market]
    market.house, market.liquidity = seq, event.liquidity
    state.changed.markets[market.id] = market
    add_agent(state, Agent(seq, f"house-{seq}", "", at, role="house"))


def market_closed(state: ExchangeState, event: e.MarketClosed, at: int) -> None:
    market = _changing(state, event.market)
    market.status, market.closed_at = "closed", at


def _changing(state: ExchangeState, number: int) -> Market:
    """A market whose next deadline is about to be another one."""
    market = state.touch_market(number)
    state.changed.markets[number] = market
    state.unexpect(due_of(market), number)
    return market


def proposed(state: ExchangeState, event: e.ResolutionProposed, at: int) -> None:
    market = _changing(state, event.market)
    _judge(market, event)
    market.status, market.pays_at = "proposed", event.pays_at
    market.resolver, market.resolver_user, market.early = event.resolver, event.resolver_user, event.early
    state.expect_market(market)
    _note(state, market, at, "proposed", event.resolver, event.resolver_user)


def challenged(state: ExchangeState, event: e.ResolutionChallenged, at: int) -> None:
    market = _changing(state, event.market)
    market.status, market.pays_at = "challenged", 0
    _note(state, market, at, "challenged", event.agent, state.agents[event.agent].user, event.reason)


def _judge(market: Market, event: "e.ResolutionProposed | e.MarketResolved | e.ResolutionCorrected") -> None:
    market.outcome, market.yes_value, market.evidence = event.outcome, event.yes_value, event.evidence


def _note(state: ExchangeState, market: Market, at: int, kind: str, agent: int, user: str, text: str = "") -> None:
    state.changed.verdicts.append(
        Verdict(
            state.facts.seq,
            market.id,
            at,
            kind,
            market.outcome,
            market.yes_value,
            agent,
            user,
            market.early,
            text,
            market.evidence,
        )
    )


def resolved(state: ExchangeState, event: e.MarketResolved, at: int) -> None:
    market = _changing(state, event.market)
    _judge(market, event)
    market.status, market.pays_at, market.resolved_at = "resolved", 0, at
    market.resolver, market.resolver_user, market.early = event.resolver, event.resolver_user, event.early
    market.reward = event.reward
    left = escrow(market.pairs) - sum(payout.amount for payout in event.payouts) - event.reward
    market.pairs = 0
    amounts = {payout.agent: payout for payout in event.payouts}
    for number in sorted(state.positions.get(market.id, {})):
        _redeem(state, market, number, amounts.get(number) or e.Payout(number, 0), at)
    state.take_fee(left)
    state.facts.settlement_fees += sum(payout.fee for payout in event.payouts)
    if event.reward:
        _reward(state, market, event.reward, at)
    _note(state, market, at, "resolved", event.resolver, event.resolver_user)


def _redeem(state: ExchangeState, market: Market, number: int, payout: e.Payout, at: int) -> None:
    """Turn a position into what it is paid, and remember what it was."""
    position, agent = state.touch_position(market.id, number), state.touch_agent(number)
    had = (position.yes, position.no, position.cost, position.realised)
    claim = Claim(market.id, number, *had, payout.amount, payout.fee)
    state.claims.setdefault(market.id, {})[number] = claim
    position.yes = position.no = position.yes_cost = position.no_cost = 0
    position.realised = claim.realised + payout.amount + payout.fee - claim.cost
    position.fees += payout.fee
    agent.reputation += position.realised
    agent.fees_paid += payout.fee
    if payout.amount:
        pay(state, agent, payout.amount, at, "payout", market=market.id)


def _reward(state: ExchangeState, market: Market, amount: int, at: int) -> None:
    agent = state.touch_agent(market.resolver)
    agent.rewards += amount
    state.facts.rewards += amount
    pay(state, agent, amount, at, "reward", market=market.id)


def corrected(state: ExchangeState, event: e.ResolutionCorrected, at: int) -> None:
    market = _changing(state, event.market)
    _judge(market, event)
    for change in event.changes:
        _compensate(state, market, change, at)
    if event.reward:
        _reward(state, market, -event.reward, at)
        market.reward -= event.reward
    state.take_fee(event.reward - sum(change.amount for change in event.changes))
    _note(state, market, at, "corrected", 0, "", event.reason)


def _compensate(state: ExchangeState, market: Market, change: e.Payout, at: int) -> None:
    position, agent = state.touch_position(market.id, change.agent), state.touch_agent(change.agent)
    claim = state.claims[market.id][change.agent]
    more_fee = change.fee - claim.fee
    claim.amount += change.amount
    claim.fee = change.fee
    position.realised += change.amount + more_fee
    position.fees += more_fee
    agent.reputation += change.amount + more_fee
    agent.fees_paid += more_fee
    state.facts.settlement_fees += more_fee
    if change.amount:
        pay(state, agent, change.amount, at, "correction", market=market.id)
