"""What events make of orders, trades and complete sets."""

from predictions.engine import events as e
from predictions.engine.pricing import CENT, SHARE, ceil_rate
from predictions.engine.records import NO, YES, Order, Trade
from predictions.engine.state import ExchangeState, yes_price
from predictions.engine.steps.money import gain, give, pay


def placed(state: ExchangeState, event: e.OrderPlaced, at: int) -> None:
    seq, outcome, is_buy = state.facts.seq, event.outcome, event.action == "buy"
    order = Order(
        seq,
        event.agent,
        state.agents[event.agent].person,
        event.market,
        outcome,
        event.action,
        event.order_type,
        event.size,
        event.price,
        event.time_in_force,
        event.expires_at,
        event.client_order_id,
        at,
        at,
        seq,
        event.approve_by,
        is_buy == (outcome == YES),
        yes_price(outcome, event.price),
    )
    if event.approve_by:
        order.status = "pending_approval"
    state.orders[seq] = order
    state.touch_order(order)
    state.index(order)
    _reserve(state, order, *state.wanted(order))


def approved(state: ExchangeState, event: e.OrderApproved, at: int) -> None:
    order = state.orders[event.order]
    state.touch_order(order)
    state.unexpect(order.ends_at, order.id)
    order.status, order.priority, order.updated_at = "open", state.facts.seq, at
    state.index(order)


def _reserve(state: ExchangeState, order: Order, wanted: int, fee: int) -> None:
    """Reserve what the rest of an order may need, and release what was more than that."""
    more, more_fee = wanted - order.reserved, fee - order.fee_reserved
    if not more and not more_fee:
        return
    if order.is_purchase:
        agent = state.touch_agent(order.agent)
        agent.locked += more
        agent.fees_locked += more_fee
    elif order.outcome == YES:
        state.touch_position(order.market, order.agent).yes_locked += more
    else:
        state.touch_position(order.market, order.agent).no_locked += more
    order.reserved, order.fee_reserved = wanted, fee


def matched(state: ExchangeState, event: e.OrderMatched, at: int) -> None:
    maker, taker = state.orders[event.maker], state.orders[event.taker]
    bid, ask = (maker, taker) if maker.is_buy else (taker, maker)
    market, size, price = state.touch_market(maker.market), event.size, event.price
    bid_fee, ask_fee = _fill(state, bid, size, price, at), _fill(state, ask, size, price, at)
    kind, outcome = "transfer", bid.outcome if bid.is_purchase else ask.outcome
    if bid.is_purchase and ask.is_purchase:
        kind, outcome = "mint", YES
        market.pairs += size
    elif not bid.is_purchase and not ask.is_purchase:
        kind, outcome = "burn", YES
        market.pairs -= size
    market.last_price = price
    market.volume += size * price * CENT
    market.trades += 1
    state.changed.markets[market.id] = market
    fee = bid_fee + ask_fee
    if fee:
        state.facts.trading_fees += fee
        state.take_fee(fee)
    state.changed.trades.append(
        Trade(
            state.facts.seq,
            at,
            market.id,
            kind,
            outcome,
            price,
            size,
            bid.agent,
            ask.agent,
            bid.id,
            ask.id,
            bid_fee,
            ask_fee,
            bid is taker,
        )
    )


def _fill(state: ExchangeState, order: Order, size: int, price: int, at: int) -> int:
    """One side of a trade: shares and money change hands, what is no longer needed is released. Answers the fee.

    A fee is that of all of the order's trades so far less what they were charged, so that many small fills cost what
    one large fill costs.
    """
    state.touch_order(order)
    agent, position = state.touch_agent(order.agent), state.touch_position(order.market, order.agent)
    amount = size * yes_price(order.outcome, price) * CENT
    order.notional += amount
    fee = ceil_rate(order.notional, state.fee_rate(agent)) - order.fee
    order.fee += fee
    if order.order_type == "limit":
        state.book(order.market).shrink(order, size)
    order.filled += size
    order.updated_at = at
    agent.fees_paid += fee
    position.fees += fee
    if order.remaining == 0:
        _finish(state, order, "filled", "")
    else:
        order.status = "partially_filled"
        _reserve(state, order, *state.wanted(order))
    if order.is_purchase:
        agent.balance -= amount + fee
        gain(position, order.outcome, size, amount)
    else:
        agent.balance += amount - fee
        give(position, order.outcome, size, amount)
    return fee


def replaced(state: ExchangeState, event: e.OrderReplaced, at: int) -> None:
    order = state.orders[event.order]
    book = state.book(order.market)
    state.touch_order(order)
    if event.keeps_priority:
        book.shrink(order, order.size - event.size)
        order.size = event.size
    else:
        book.remove(order)
        order.size, order.limit, order.priority = event.size, event.price, state.facts.seq
        order.price = yes_price(order.outcome, event.price)
        book.add(order)
    order.updated_at = at
    _reserve(state, order, *state.wanted(order))


def order_cancelled(state: ExchangeState, event: e.OrderCancelled, at: int) -> None:
    order = state.orders[event.order]
    order.updated_at = at
    _finish(state, order, "cancelled", event.reason)


def order_expired(state: ExchangeState, event: e.OrderExpired, at: int) -> None:
    order = state.orders[event.order]
    order.updated_at = at
    _finish(state, order, "expired", event.reason)


def _finish(state: ExchangeState, order: Order, status: str, reason: str) -> None:
    """The order is over: out of the book and the lists, its reservation released."""
    state.touch_order(order)
    state.unexpect(order.ends_at, order.id)
    if order.order_type == "limit" and not order.is_waiting:
        state.book(order.market).remove(order)
    order.status, order.reason = status, reason
    del state.orders[order.id]
    del state.of_agent[order.agent][order.id]
    del state.of_market[order.market][order.id]
    _reserve(state, order, 0, 0)


def split(state: ExchangeState, event: e.SetsSplit, at: int) -> None:
    """Each share of a pair costs half of it."""
    market, agent = state.touch_market(event.market), state.touch_agent(event.agent)
    position = state.touch_position(market.id, agent.id)
    market.pairs += event.size
    for outcome in (YES, NO):
        gain(position, outcome, event.size, event.size * SHARE // 2)
    state.changed.markets[market.id] = market
    pay(state, agent, -event.size * SHARE, at, "split", market=market.id)


def merged(state: ExchangeState, event: e.SetsMerged, at: int) -> None:
    market, agent = state.touch_market(event.market), state.touch_agent(event.agent)
    position = state.touch_position(market.id, agent.id)
    market.pairs -= event.size
    for outcome in (YES, NO):
        give(position, outcome, event.size, event.size * SHARE // 2)
    state.changed.markets[market.id] = market
    pay(state, agent, event.size * SHARE, at, "merge", market=market.id)
