"""State → rows. The only writer of exchange, agent, market, position, order, trade, entry and verdict rows."""

from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

from common.db import Row, Table
from predictions import models
from predictions.engine.evolve import forget_changes
from predictions.engine.records import Agent, Entry, Facts, Market, Order, Position, Trade, Verdict
from predictions.engine.state import ExchangeState, due_of

_ENCODER = msgspec.json.Encoder(order="sorted")
_LIVE = {"open", "partially_filled", "pending_approval"}

EXCHANGES = Table(models.Exchange)
AGENTS = Table(models.Agent)
MARKETS = Table(models.Market)
POSITIONS = Table(models.Position)
ORDERS = Table(models.Order)
TRADES = Table(models.Trade)
ENTRIES = Table(models.Entry)
VERDICTS = Table(models.Verdict)
TABLES = (EXCHANGES, AGENTS, MARKETS, POSITIONS, ORDERS, TRADES, ENTRIES, VERDICTS)


def take_writes(state: ExchangeState) -> list[tuple[Table, list[Row]]]:
    """Whole rows of everything that changed since the last call, in key order, and forget what changed."""
    changed, facts, stream = state.changed, state.facts, state.stream
    forget_changes(state)
    writes: list[tuple[Table, list[Row]]] = []
    if changed.exchange:
        writes.append((EXCHANGES, [_exchange(stream, facts)]))
    _add(writes, AGENTS, changed.agents.items(), lambda agent: _agent(stream, agent))
    _add(writes, MARKETS, changed.markets.items(), lambda market: _market(stream, market))
    _add(writes, POSITIONS, changed.positions.items(), lambda position: _position(stream, position))
    _add(writes, ORDERS, changed.orders.items(), lambda order: _order(stream, order))
    _add(writes, TRADES, ((trade.id, trade) for trade in changed.trades), lambda trade: _trade(stream, trade))
    entries = (((entry.agent, entry.seq, entry.kind), entry) for entry in changed.entries)
    _add(writes, ENTRIES, entries, lambda entry: _entry(stream, entry))
    _add(writes, VERDICTS, ((each.seq, each) for each in changed.verdicts), lambda each: _verdict(stream, each))
    return writes


def _add(writes: list[tuple[Table, list[Row]]], table: Table, items: Iterable, row: Callable[..., Row]) -> None:  # type: ignore[type-arg]  # keys differ
    rows = [row(item) for _, item in sorted(items, key=lambda pair: pair[0])]
    if rows:
        writes.append((table, rows))


def _exchange(stream: UUID, facts: Facts) -> Row:
    return (
        stream,
        facts.name,
        facts.organiser,
        _ENCODER.encode(facts.terms).decode(),
        facts.created_at,
        facts.issued,
        facts.platform,
        facts.trading_fees,
        facts.creation_fees,
        facts.settlement_fees,
        facts.rewards,
    )


def _agent(stream: UUID, agent: Agent) -> Row:
    return (
        stream,
        agent.id,
        agent.user,
        agent.owner,
        agent.mode,
        agent.role,
        agent.balance,
        agent.locked,
        agent.fees_locked,
        agent.deposits,
        agent.drawn,
        agent.reputation,
        agent.fees_paid,
        agent.rewards,
        agent.created_at,
    )


def _market(stream: UUID, market: Market) -> Row:
    return (
        stream,
        market.id,
        market.creator,
        market.creator_user,
        market.question,
        market.description,
        market.category,
        market.criteria,
        market.source,
        market.deadline,
        market.created_at,
        market.status,
        market.pairs,
        market.last_price,
        market.volume,
        market.trades,
        market.closed_at,
        market.outcome,
        market.yes_value,
        market.evidence,
        market.resolver,
        market.resolver_user,
        market.early,
        market.pays_at,
        market.resolved_at,
        market.reward,
        market.house,
        market.liquidity,
        due_of(market),
    )


def _position(stream: UUID, position: Position) -> Row:
    return (
        stream,
        position.market,
        position.agent,
        position.yes,
        position.no,
        position.yes_locked,
        position.no_locked,
        position.yes_cost,
        position.no_cost,
        position.realised,
        position.fees,
    )


def _order(stream: UUID, order: Order) -> Row:
    return (
        stream,
        order.id,
        order.agent,
        order.market,
        order.outcome,
        order.action,
        order.order_type,
        order.size,
        order.limit,
        order.time_in_force,
        order.expires_at,
        order.approve_by,
        order.client_order_id,
        order.filled,
        order.reserved,
        order.fee_reserved,
        order.notional,
        order.fee,
        order.status,
        order.reason,
        order.priority,
        order.ends_at if order.status in _LIVE else 0,
        order.created_at,
        order.updated_at,
    )


def _trade(stream: UUID, trade: Trade) -> Row:
    return (
        stream,
        trade.id,
        trade.at,
        trade.market,
        trade.kind,
        trade.outcome,
        trade.price,
        trade.size,
        trade.bidder,
        trade.asker,
        trade.bid_order,
        trade.ask_order,
        trade.bid_fee,
        trade.ask_fee,
        trade.taker_is_bidder,
    )


def _entry(stream: UUID, entry: Entry) -> Row:
    return (
        stream,
        entry.agent,
        entry.seq,
        entry.at,
        entry.kind,
        entry.amount,
        entry.balance_after,
        entry.market,
        entry.counterparty,
        entry.note,
    )


def _verdict(stream: UUID, verdict: Verdict) -> Row:
    return (
        stream,
        verdict.market,
        verdict.seq,
        verdict.at,
        verdict.kind,
        verdict.outcome,
        verdict.yes_value,
        verdict.agent,
        verdict.user,
        verdict.early,
        verdict.text,
        verdict.evidence,
    )
