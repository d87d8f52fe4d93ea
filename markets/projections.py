"""State → rows. The only writer of the rows of sessions, and of all that happens in them."""

from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

from common.db import Row, Table
from markets import models
from markets.engine.evolve import forget_changes
from markets.engine.state import Facts, Holding, Order, Participant, Quote, Rfq, SessionState, Settled, Trade

_ENCODER = msgspec.json.Encoder(order="sorted")
_TERMS = (
    "cash_per_participant",
    "start_mode",
    "end_mode",
    "duration",
    "fixing_rule",
    "fixing_window",
    "fixing_max_age",
    "self_trade_prevention",
    "bounds",
    "lot",
    "tick",
)

SESSIONS = Table(models.MarketSession)
PARTICIPANTS = Table(models.Participant)
HOLDINGS = Table(models.Holding)
ORDERS = Table(models.Order)
TRADES = Table(models.Trade)
BUSTS = Table(models.TradeBust)
RFQS = Table(models.Rfq)
QUOTES = Table(models.Quote)
SETTLEMENTS = Table(models.Settlement)
ANNOUNCEMENTS = Table(models.Announcement)
TABLES = (SESSIONS, PARTICIPANTS, HOLDINGS, ORDERS, TRADES, BUSTS, RFQS, QUOTES, SETTLEMENTS, ANNOUNCEMENTS)


def take_writes(state: SessionState) -> list[tuple[Table, list[Row]]]:
    """Whole rows of everything that changed since the last call, in key order, and forget what changed."""
    changed, facts, stream = state.changed, state.facts, state.stream
    forget_changes(state)
    writes: list[tuple[Table, list[Row]]] = []
    if changed.session:
        writes.append((SESSIONS, [_session(stream, facts)]))
    _add(writes, PARTICIPANTS, changed.participants.items(), lambda _, person: _participant(stream, person))
    _add(writes, HOLDINGS, changed.holdings.items(), lambda key, holding: _holding(stream, key, holding))
    _add(writes, ORDERS, changed.orders.items(), lambda _, order: _order(stream, order))
    _add(writes, TRADES, ((trade.id, trade) for trade in changed.trades), lambda _, trade: _trade(stream, trade))
    _add(writes, BUSTS, changed.busts.items(), lambda number, reason: (stream, number, reason))
    _add(writes, RFQS, changed.rfqs.items(), lambda _, rfq: _rfq(stream, rfq))
    _add(writes, QUOTES, changed.quotes.items(), lambda _, quote: _quote(stream, quote))
    if changed.settlements:
        writes.append((SETTLEMENTS, [_settlement(stream, settled) for settled in changed.settlements]))
    if changed.announcements:
        writes.append((ANNOUNCEMENTS, [(stream, *said) for said in changed.announcements]))
    return writes


def _add(writes: list[tuple[Table, list[Row]]], table: Table, items: Iterable, row: Callable[..., Row]) -> None:  # type: ignore[type-arg]  # keys differ
    rows = [row(key, item) for key, item in sorted(items, key=lambda pair: pair[0])]
    if rows:
        writes.append((table, rows))


def _json(value: object) -> str:
    return _ENCODER.encode(value).decode()


def _session(stream: UUID, facts: Facts) -> Row:
    return (
        stream,
        facts.session_id,
        facts.organiser,
        facts.status,
        _json(facts.legs),
        _json(facts.q),
        facts.quantity_decimals,
        facts.price_decimals,
        facts.feed,
        _json({name: getattr(facts, name) for name in _TERMS}),
        facts.t1,
        facts.t2,
        facts.created_at,
        facts.closed_at,
        facts.settled_at,
        facts.cash_issued,
        _json(facts.fixing),
    )


def _participant(stream: UUID, person: Participant) -> Row:
    return (
        stream,
        person.handle,
        person.user,
        person.joined,
        person.joined_at,
        person.issued,
        person.has_allocation,
        person.is_removed,
    )


def _holding(stream: UUID, key: tuple[str, str], holding: Holding) -> Row:
    return (stream, *key, holding.total, holding.reserved)


def _order(stream: UUID, order: Order) -> Row:
    return (
        stream,
        order.id,
        order.participant,
        order.asset,
        order.quote_asset,
        order.is_buy,
        order.order_type,
        order.quantity,
        order.price,
        order.time_in_force,
        order.expires_at,
        order.post_only,
        order.client_order_id,
        order.filled,
        order.reserved,
        order.status,
        order.reason,
        order.priority,
        order.created_at,
        order.updated_at,
    )


def _trade(stream: UUID, trade: Trade) -> Row:
    return (
        stream,
        trade.id,
        trade.at,
        trade.a,
        trade.b,
        trade.leg_from,
        trade.leg_to,
        trade.amount_from,
        trade.amount_to,
        trade.price,
        trade.maker,
        trade.taker,
        trade.taker_is_buy,
        trade.rfq,
        trade.quote,
    )


def _rfq(stream: UUID, rfq: Rfq) -> Row:
    return (
        stream,
        rfq.id,
        rfq.participant,
        rfq.leg_from,
        rfq.leg_to,
        rfq.amount_from,
        rfq.expires_at,
        rfq.status,
        rfq.reason,
        rfq.created_at,
    )


def _quote(stream: UUID, quote: Quote) -> Row:
    return (
        stream,
        quote.id,
        quote.rfq,
        quote.participant,
        quote.leg_to,
        quote.rate,
        quote.amount_to,
        quote.firm,
        quote.reserved,
        quote.expires_at,
        quote.status,
        quote.reason,
        quote.created_at,
    )


def _settlement(stream: UUID, settled: Settled) -> Row:
    return (
        stream,
        settled.seq,
        settled.at,
        _json(settled.fixing),
        _json(settled.payouts),
        settled.treasury,
        settled.reason,
    )
