"""One event → the next state, in place. The same function for live commands and for replay."""

from collections.abc import Callable
from typing import Any

from common.events import Event
from markets.engine import events as e
from markets.engine.state import (
    CASH,
    TREASURY,
    Announced,
    Changed,
    Order,
    Participant,
    Quote,
    Rfq,
    SessionState,
    Settled,
    Touched,
    Trade,
    book_key,
)

_REMEMBERED_TRADES = 64
"""Of a book, so that busting the last ones leaves the price before them."""
Step = Callable[[SessionState, Any, int], None]


def evolve(state: SessionState, event: Event, at: int) -> None:
    """Apply `event`, which happened at `at` (µs) as number `state.facts.seq` + 1."""
    state.facts.seq += 1
    _STEPS[type(event)](state, event, at)


def forget_changes(state: SessionState) -> None:
    """Begin afresh to note what is touched and changed."""
    state.touched, state.changed = Touched(), Changed()


# Session


def _created(state: SessionState, event: e.SessionCreated, at: int) -> None:
    facts = state.facts
    facts.session_id, facts.organiser, facts.status = event.session_id, event.organiser, "created"
    facts.legs, facts.quantity_decimals = event.legs, event.quantity_decimals
    facts.price_decimals, facts.cash_per_participant = event.price_decimals, event.cash_per_participant
    facts.start_mode, facts.end_mode = event.start_mode, event.end_mode
    facts.t1, facts.t2, facts.duration, facts.feed = event.t1, event.t2, event.duration, event.feed
    facts.fixing_rule, facts.fixing_window = event.fixing, event.fixing_window
    facts.fixing_max_age, facts.self_trade_prevention = event.fixing_max_age, event.self_trade_prevention
    facts.bounds, facts.lot, facts.tick, facts.created_at = event.bounds, event.lot, event.tick, at
    _fix_basket(state, event.q)


def _basket_fixed(state: SessionState, event: e.BasketFixed, at: int) -> None:
    _fix_basket(state, event.q)


def _fix_basket(state: SessionState, q: tuple[int, ...]) -> None:
    """The treasury is credited with q: from then on the holdings add up to it."""
    state.facts.q = q
    state.changed.session = True
    for leg, units in zip(state.facts.legs, q, strict=False):
        state.touch(TREASURY, leg).total += units
        state.touched.issued[leg] = state.touched.issued.get(leg, 0) + units


def _started(state: SessionState, event: e.SessionStarted, at: int) -> None:
    state.facts.t1, state.facts.t2 = event.t1, event.t2
    _set_status(state, "active")


def _halted(state: SessionState, event: e.SessionHalted, at: int) -> None:
    _set_status(state, "halted")


def _resumed(state: SessionState, event: e.SessionResumed, at: int) -> None:
    _set_status(state, "active")


def _closed(state: SessionState, event: e.SessionClosed, at: int) -> None:
    state.facts.closed_at = event.t2
    _set_status(state, "closed")


def _settled(state: SessionState, event: e.SessionSettled, at: int) -> None:
    facts = state.facts
    facts.settled_at, facts.settled_seq = at, facts.seq
    facts.fixing, facts.payouts, facts.treasury_payout = event.fixing, event.payouts, event.treasury
    state.changed.settlements.append(Settled(facts.seq, at, event.fixing, event.payouts, event.treasury, ""))
    _set_status(state, "settled")


def _corrected(state: SessionState, event: e.SettlementCorrected, at: int) -> None:
    facts = state.facts
    facts.fixing, facts.payouts, facts.treasury_payout = event.fixing, event.payouts, event.treasury
    facts.settled_at, facts.settled_seq = at, facts.seq
    state.changed.settlements.append(
        Settled(facts.seq, at, event.fixing, event.payouts, event.treasury, event.reason)
    )
    state.changed.session = True


def _cancelled(state: SessionState, event: e.SessionCancelled, at: int) -> None:
    _set_status(state, "cancelled")


def _announced(state: SessionState, event: e.AnnouncementMade, at: int) -> None:
    state.changed.announcements.append(Announced(state.facts.seq, at, event.participant, event.text))


def _price_fixed(state: SessionState, event: e.PriceFixed, at: int) -> None:
    state.facts.fixing = event.fixing
    for leg in state.facts.legs:
        state.facts.last_trades.pop(book_key(leg, CASH), None)  # the fixing is newer
    state.changed.session = True


def _set_status(state: SessionState, status: str) -> None:
    state.facts.status = status
    state.changed.session = True


# Participants


def _joined(state: SessionState, event: e.ParticipantJoined, at: int) -> None:
    person = Participant(event.participant, event.user, state.facts.seq, at)
    state.facts.participants[event.participant] = person
    state.changed.participants[event.participant] = person


def _cash_issued(state: SessionState, event: e.CashIssued, at: int) -> None:
    state.touch(event.participant, CASH).total += event.amount
    state.touched.issued[CASH] = state.touched.issued.get(CASH, 0) + event.amount
    state.facts.cash_issued += event.amount
    person = state.facts.participants[event.participant]
    person.issued += event.amount
    state.changed.participants[event.participant] = person
    state.changed.session = True


def _allocated(state: SessionState, event: e.InitialAllocationAssigned, at: int) -> None:
    person = state.facts.participants[event.participant]
    person.has_allocation = True
    state.changed.participants[person.handle] = person
    for leg, units in event.amounts.items():
        _move(state, TREASURY, person.handle, leg, units)


def _removed(state: SessionState, event: e.ParticipantRemoved, at: int) -> None:
    person = state.facts.participants[event.participant]
    person.is_removed = True
    state.changed.participants[person.handle] = person
    for asset, holding in state.facts.holdings.get(person.handle, {}).items():
        _move(state, person.handle, TREASURY, asset, holding.total)


def _move(state: SessionState, giver: str, taker: str, asset: str, units: int) -> None:
    state.touch(giver, asset).total -= units
    state.touch(taker, asset).total += units


# Orders


def _placed(state: SessionState, event: e.OrderPlaced, at: int) -> None:
    seq = state.facts.seq
    person = state.facts.participants[event.participant]
    order = Order(
        seq,
        event.participant,
        person.user,
        event.asset,
        event.quote_asset,
        event.is_buy,
        event.order_type,
        event.quantity,
        event.price,
        event.time_in_force,
        event.expires_at,
        event.post_only,
        event.client_order_id,
        at,
        at,
        seq,
    )
    state.orders[seq] = order
    state.facts.has_traded = True  # from the first order on, the basket is fixed
    state.touch_order(order)
    state.index(order)
    _reserve(state, order)


def _reserve(state: SessionState, order: Order) -> None:
    """Reserve what the rest of a limit order may spend, and release what was more than that."""
    wanted = 0
    if order.is_open and order.order_type == "limit":
        wanted = order.remaining
        if order.is_buy:
            wanted = state.cost(order.quote_asset, order.remaining, order.price)
    if wanted != order.reserved:
        state.touch(order.participant, order.spends).reserved += wanted - order.reserved
        order.reserved = wanted


def _matched(state: SessionState, event: e.OrderMatched, at: int) -> None:
    facts = state.facts
    maker, taker = state.orders[event.maker], state.orders[event.taker]
    buyer, seller = (taker, maker) if taker.is_buy else (maker, taker)
    cost = state.cost(maker.quote_asset, event.quantity, event.price)
    for order in (maker, taker):
        state.touch_order(order)
        if order.order_type == "limit":
            state.book(order.asset, order.quote_asset).shrink(order, event.quantity)
        order.filled += event.quantity
        order.updated_at = at
        if order.remaining == 0:
            _finish(state, order, "filled", "")
        else:
            order.status = "partially_filled"
            _reserve(state, order)
    _move(state, seller.participant, buyer.participant, maker.asset, event.quantity)
    _move(state, buyer.participant, seller.participant, maker.quote_asset, cost)
    last = facts.last_trades.setdefault(book_key(maker.asset, maker.quote_asset), [])
    last.append((facts.seq, event.price))
    del last[:-_REMEMBERED_TRADES]
    state.changed.trades.append(
        Trade(
            facts.seq,
            at,
            seller.participant,
            buyer.participant,
            maker.asset,
            maker.quote_asset,
            event.quantity,
            cost,
            event.price,
            maker.id,
            taker.id,
            taker_is_buy=taker.is_buy,
        )
    )


def _replaced(state: SessionState, event: e.OrderReplaced, at: int) -> None:
    order = state.orders[event.order]
    book = state.book(order.asset, order.quote_asset)
    state.touch_order(order)
    if event.keeps_priority:
        book.shrink(order, order.quantity - event.quantity)
        order.quantity = event.quantity
    else:
        book.remove(order)
        order.quantity, order.price, order.priority = event.quantity, event.price, state.facts.seq
        book.add(order)
    order.updated_at = at
    _reserve(state, order)


def _order_cancelled(state: SessionState, event: e.OrderCancelled, at: int) -> None:
    order = state.orders[event.order]
    order.updated_at = at
    _finish(state, order, "cancelled", event.reason)


def _order_expired(state: SessionState, event: e.OrderExpired, at: int) -> None:
    order = state.orders[event.order]
    order.updated_at = at
    _finish(state, order, "expired", event.reason)


def _finish(state: SessionState, order: Order, status: str, reason: str) -> None:
    """The order is over: out of the book and the lists, its reservation released."""
    state.touch_order(order)
    if order.order_type == "limit":
        state.book(order.asset, order.quote_asset).remove(order)
    order.status, order.reason = status, reason
    del state.orders[order.id]
    del state.open_orders[order.participant][order.id]
    state.unexpect(order.expires_at, order.id)
    _reserve(state, order)


# RFQs and quotes


def _rfq_requested(state: SessionState, event: e.RFQRequested, at: int) -> None:
    seq, person = state.facts.seq, state.facts.participants[event.participant]
    rfq = Rfq(seq, person.handle, person.user, event.leg_from, event.leg_to, event.amount_from, event.expires_at, at)
    state.rfqs[seq] = rfq
    state.facts.has_traded = True
    state.changed.rfqs[seq] = rfq
    state.expect(rfq.expires_at, seq)


def _rfq_cancelled(state: SessionState, event: e.RFQCancelled, at: int) -> None:
    _finish_rfq(state, event.rfq, "cancelled", event.reason)


def _rfq_expired(state: SessionState, event: e.RFQExpired, at: int) -> None:
    _finish_rfq(state, event.rfq, "expired", event.reason)


def _finish_rfq(state: SessionState, number: int, status: str, reason: str) -> None:
    rfq = state.rfqs.pop(number)
    rfq.status, rfq.reason = status, reason
    state.changed.rfqs[number] = rfq
    state.unexpect(rfq.expires_at, number)


def _quoted(state: SessionState, event: e.QuoteProvided, at: int) -> None:
    seq, person = state.facts.seq, state.facts.participants[event.participant]
    rfq = state.rfqs[event.rfq]
    quote = Quote(
        seq,
        event.rfq,
        person.handle,
        person.user,
        rfq.leg_to,
        event.rate,
        event.amount_to,
        event.firm,
        event.expires_at,
        at,
    )
    rfq.quotes.append(seq)
    state.quotes[seq] = quote
    state.touch_quote(quote)
    state.expect(quote.expires_at, seq)
    if quote.firm:
        quote.reserved = quote.amount_to
        state.touch(quote.participant, rfq.leg_to).reserved += quote.amount_to


def _quote_withdrawn(state: SessionState, event: e.QuoteWithdrawn, at: int) -> None:
    _finish_quote(state, event.quote, "withdrawn", event.reason)


def _quote_rejected(state: SessionState, event: e.QuoteRejected, at: int) -> None:
    _finish_quote(state, event.quote, "rejected", event.reason)


def _quote_expired(state: SessionState, event: e.QuoteExpired, at: int) -> None:
    _finish_quote(state, event.quote, "expired", event.reason)


def _finish_quote(state: SessionState, number: int, status: str, reason: str) -> Quote:
    quote = state.quotes.pop(number)
    rfq = state.rfqs.get(quote.rfq)
    if rfq is not None:
        rfq.quotes.remove(number)
    state.touch_quote(quote)
    if quote.reserved:
        state.touch(quote.participant, quote.leg_to).reserved -= quote.reserved
        quote.reserved = 0
    quote.status, quote.reason = status, reason
    state.unexpect(quote.expires_at, number)
    return quote


def _executed(state: SessionState, event: e.TradeExecuted, at: int) -> None:
    rfq = state.rfqs[event.rfq]
    quote = _finish_quote(state, event.quote, "accepted", "")
    _finish_rfq(state, event.rfq, "executed", "")
    a, b = rfq.participant, quote.participant
    _move(state, a, b, rfq.leg_from, rfq.amount_from)
    _move(state, b, a, rfq.leg_to, quote.amount_to)
    state.changed.trades.append(
        Trade(
            state.facts.seq,
            at,
            a,
            b,
            rfq.leg_from,
            rfq.leg_to,
            rfq.amount_from,
            quote.amount_to,
            rfq=rfq.id,
            quote=quote.id,
        )
    )


def _busted(state: SessionState, event: e.TradeBusted, at: int) -> None:
    _move(state, event.participant_b, event.participant_a, event.leg_from, event.amount_from)
    _move(state, event.participant_a, event.participant_b, event.leg_to, event.amount_to)
    last = state.facts.last_trades.get(book_key(event.leg_from, event.leg_to), [])
    last[:] = [trade for trade in last if trade[0] != event.trade]
    state.busted[event.trade] = event.reason
    state.changed.busts[event.trade] = event.reason


_STEPS: dict[type[Event], Step] = {
    e.SessionCreated: _created,
    e.BasketFixed: _basket_fixed,
    e.SessionStarted: _started,
    e.SessionHalted: _halted,
    e.SessionResumed: _resumed,
    e.SessionClosed: _closed,
    e.SessionSettled: _settled,
    e.SettlementCorrected: _corrected,
    e.SessionCancelled: _cancelled,
    e.PriceFixed: _price_fixed,
    e.AnnouncementMade: _announced,
    e.ParticipantJoined: _joined,
    e.ParticipantRemoved: _removed,
    e.CashIssued: _cash_issued,
    e.InitialAllocationAssigned: _allocated,
    e.OrderPlaced: _placed,
    e.OrderMatched: _matched,
    e.OrderReplaced: _replaced,
    e.OrderCancelled: _order_cancelled,
    e.OrderExpired: _order_expired,
    e.RFQRequested: _rfq_requested,
    e.RFQCancelled: _rfq_cancelled,
    e.RFQExpired: _rfq_expired,
    e.QuoteProvided: _quoted,
    e.QuoteWithdrawn: _quote_withdrawn,
    e.QuoteRejected: _quote_rejected,
    e.QuoteExpired: _quote_expired,
    e.TradeExecuted: _executed,
    e.TradeBusted: _busted,
}
