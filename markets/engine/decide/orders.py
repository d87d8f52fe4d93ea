"""Placing, replacing and cancelling orders."""

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from common.money import format_units
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide.access import acting, require_leg, require_status
from markets.engine.state import CASH, Order, SessionState, within_limit
from matching.match import Incoming, Match, SelfTradePrevention, match


def place(state: SessionState, command: c.PlaceOrder, actor: Actor, now: int) -> list[Event]:
    """OrderPlaced, then its matches, then why the rest of it doesn't rest, if it doesn't.

    Refuses what is malformed, outside the session's bounds, or not covered by what is available.
    """
    require_status(state, "trade")
    person = acting(state, command.participant, actor)
    time_in_force = _checked_terms(command, now)
    _check_assets(state, command.asset, command.quote_asset)
    _check_size(state, command.asset, command.quote_asset, command.quantity, command.price)
    _check_bounds(state, command)
    _check_funds(state, command)
    incoming = Incoming(
        command.is_buy,
        command.quantity,
        command.price or None,
        person.user,
        *_budget(state, command),
    )
    if command.post_only:
        _check_post_only(state, command.asset, command.quote_asset, command.is_buy, command.price)
    placed = e.OrderPlaced(
        command.participant,
        command.asset,
        command.quote_asset,
        command.is_buy,
        command.order_type,
        command.quantity,
        command.price,
        time_in_force,
        command.expires_at,
        command.post_only,
        command.client_order_id,
    )
    found = _match(state, command.asset, command.quote_asset, incoming)
    number = state.facts.seq + 1
    if time_in_force == "fok" and found.remaining:
        return [placed, e.OrderCancelled(number, "fok_unfilled")]
    return [placed, *_steps(found, number), *_rest(found, number, time_in_force, command.order_type)]


def replace(state: SessionState, command: c.ReplaceOrder, actor: Actor, now: int) -> list[Event]:
    """OrderReplaced, then matches where the new terms cross. Shrinking alone keeps priority."""
    require_status(state, "trade")
    order = _own_order(state, command.order, actor)
    quantity, price = command.quantity or order.quantity, command.price or order.price
    if price <= 0:
        raise DomainError("invalid_order", "A limit order needs a price above zero.", field="price")
    if quantity <= order.filled:
        filled = format_units(order.filled, state.facts.quantity_decimals)
        raise DomainError(
            "quantity_filled", f"{filled} are filled already: the new total must be above.", field="quantity"
        )
    _check_size(state, order.asset, order.quote_asset, quantity, price)
    _check_range(state, quantity, price, order.asset, order.quote_asset, is_new_price=price != order.price)
    rest = quantity - order.filled
    wanted = state.cost(order.quote_asset, rest, price) if order.is_buy else rest
    _require(state, order.participant, order.spends, wanted, state_extra=order.reserved)
    keeps = price == order.price and quantity <= order.quantity
    replaced = e.OrderReplaced(order.id, quantity, price, keeps)
    if keeps:
        return [replaced]
    if order.post_only:
        _check_post_only(state, order.asset, order.quote_asset, order.is_buy, price)
    found = _match(state, order.asset, order.quote_asset, Incoming(order.is_buy, rest, price, order.owner))
    return [replaced, *_steps(found, order.id), *_rest(found, order.id, order.time_in_force, "limit")]


def cancel(state: SessionState, command: c.CancelOrder, actor: Actor, now: int) -> list[Event]:
    """OrderCancelled."""
    require_status(state, "cancel an order, RFQ or quote")
    return [e.OrderCancelled(_own_order(state, command.order, actor).id, "requested")]


def cancel_all(state: SessionState, command: c.CancelOrders, actor: Actor, now: int) -> list[Event]:
    """OrderCancelled for each open order of a participant that fits; none is fine."""
    require_status(state, "cancel an order, RFQ or quote")
    acting(state, command.participant, actor)
    if command.asset:
        require_leg(state, command.asset, "asset")
    if command.side not in {"", "buy", "sell"}:
        raise DomainError("invalid_order", "side must be buy or sell.", field="side")
    return [
        e.OrderCancelled(order.id, command.reason)
        for _, order in sorted(state.open_orders.get(command.participant, {}).items())
        if command.asset in {"", order.asset} and command.side in {"", "buy" if order.is_buy else "sell"}
    ]


def _match(state: SessionState, asset: str, quote_asset: str, incoming: Incoming) -> Match[Order]:
    prevention: SelfTradePrevention = state.facts.self_trade_prevention  # type: ignore[assignment]  # checked at creation
    return match(state.book(asset, quote_asset), incoming, prevention)


def _steps(found: Match[Order], taker: int) -> list[Event]:
    return [
        e.OrderMatched(resting.id, taker, quantity, resting.price)
        if quantity
        else e.OrderCancelled(resting.id, "self_trade_prevention")
        for resting, quantity in found.steps
    ]


def _rest(found: Match[Order], number: int, time_in_force: str, order_type: str) -> list[Event]:
    """Why what remains is cancelled; nothing where it rests or nothing remains."""
    if not found.remaining:
        return []
    if found.stopped == "self_trade":
        return [e.OrderCancelled(number, "self_trade_prevention")]
    if order_type == "market":
        return [e.OrderCancelled(number, "insufficient_funds" if found.stopped else "no_liquidity")]
    if time_in_force == "ioc":
        return [e.OrderCancelled(number, "ioc_unfilled")]
    return []


def _own_order(state: SessionState, number: int, actor: Actor) -> Order:
    order = state.orders.get(number)
    if order is None:
        raise DomainError("order_not_open", "This order is not open: it is filled, cancelled or expired.")
    acting(state, order.participant, actor)
    return order


def _checked_terms(command: c.PlaceOrder, now: int) -> str:
    """The time in force in effect. Refuses terms that contradict each other."""
    market = command.order_type == "market"
    if command.order_type not in {"limit", "market"}:
        raise DomainError("invalid_order", "order_type must be limit or market.", field="order_type")
    time_in_force = command.time_in_force or ("ioc" if market else "gtc")
    if time_in_force not in {"gtc", "gtd", "ioc", "fok"}:
        raise DomainError("invalid_order", "time_in_force must be gtc, gtd, ioc or fok.", field="time_in_force")
    if len(command.client_order_id) > 64:
        raise DomainError("invalid_order", "client_order_id has at most 64 characters.", field="client_order_id")
    if market and time_in_force != "ioc":
        raise DomainError("invalid_order", "A market order is always ioc.", field="time_in_force")
    if market and command.price:
        raise DomainError("invalid_order", "A market order takes no price.", field="price")
    if not market and command.price <= 0:
        raise DomainError("invalid_order", "A limit order needs a price above zero.", field="price")
    if command.post_only and time_in_force in {"ioc", "fok"}:
        raise DomainError("invalid_order", "post_only only makes sense on an order that may rest.", field="post_only")
    if (time_in_force == "gtd") != bool(command.expires_at):
        raise DomainError("invalid_order", "expires_at goes with gtd, and gtd needs it.", field="expires_at")
    if command.expires_at and command.expires_at <= now:
        raise DomainError("already_expired", "expires_at is in the past.", field="expires_at")
    return time_in_force


def _check_assets(state: SessionState, asset: str, quote_asset: str) -> None:
    require_leg(state, asset, "asset")
    if quote_asset != CASH:
        require_leg(state, quote_asset, "quote_asset")
    if asset == quote_asset:
        raise DomainError("invalid_order", "An asset has no book in itself.", field="quote_asset")


def _check_size(state: SessionState, asset: str, quote_asset: str, quantity: int, price: int) -> None:
    """Positive, within 64 bits, and on the grid of a leg-to-leg book."""
    if quantity <= 0:
        raise DomainError("invalid_order", "quantity must be above zero.", field="quantity")
    if not within_limit(quantity) or not within_limit(quantity * max(price, 1)):
        raise DomainError("too_large", "quantity × price is too large.", field="quantity")
    if quote_asset == CASH:
        return
    facts = state.facts
    lot, tick = (
        format_units(facts.lot, facts.quantity_decimals),
        format_units(facts.tick, facts.price_decimals),
    )
    grid = f"In {asset}/{quote_asset} quantities go in steps of {lot} and prices in steps of {tick}."
    if quantity % facts.lot:
        raise DomainError("off_grid", grid, field="quantity")
    if price % facts.tick:
        raise DomainError("off_grid", grid, field="price")


def _check_bounds(state: SessionState, command: c.PlaceOrder) -> None:
    _check_range(
        state,
        command.quantity,
        command.price,
        command.asset,
        command.quote_asset,
        is_new_price=bool(command.price),
    )
    most = state.facts.bounds.max_open_orders
    if most and len(state.open_orders.get(command.participant, {})) >= most:
        raise DomainError("too_many_open_orders", f"You may have at most {most} open orders in this session.")


def _check_range(
    state: SessionState, quantity: int, price: int, asset: str, quote_asset: str, *, is_new_price: bool
) -> None:
    """The session's optional bounds on size and price."""
    facts, bounds = state.facts, state.facts.bounds
    if quantity < bounds.min_quantity or (bounds.max_quantity and quantity > bounds.max_quantity):
        low = format_units(bounds.min_quantity, facts.quantity_decimals)
        high = format_units(bounds.max_quantity, facts.quantity_decimals) if bounds.max_quantity else "any"
        raise DomainError("quantity_out_of_bounds", f"quantity must be between {low} and {high}.", field="quantity")
    reference = state.reference_price(asset, quote_asset)
    banded = is_new_price and bounds.price_band and reference
    if banded and abs(price - reference) * 10_000 > bounds.price_band * reference:
        around, percent = format_units(reference, facts.price_decimals), format_units(bounds.price_band, 2)
        raise DomainError("price_outside_band", f"price must be within {percent} % of {around}.", field="price")


def _check_funds(state: SessionState, command: c.PlaceOrder) -> None:
    """A sell needs its units, a limit buy its cost; a market buy takes what its funds allow."""
    if not command.is_buy:
        _require(state, command.participant, command.asset, command.quantity)
    elif command.order_type == "limit":
        cost = state.cost(command.quote_asset, command.quantity, command.price)
        _require(state, command.participant, command.quote_asset, cost)


def _require(state: SessionState, who: str, asset: str, wanted: int, *, state_extra: int = 0) -> None:
    available = state.available(who, asset) + state_extra
    if available >= wanted:
        return
    facts = state.facts
    if asset == CASH:
        decimals, code, what = facts.quantity_decimals + facts.price_decimals, "insufficient_cash", "cash"
    else:
        decimals, code, what = facts.quantity_decimals, "insufficient_units", asset
    need, have = format_units(wanted, decimals), format_units(available, decimals)
    raise DomainError(code, f"This needs {need} {what}; {have} are available.", field="quantity")


def _budget(state: SessionState, command: c.PlaceOrder) -> tuple[int | None, int, int]:
    """(funds, scale, lot) of a market buy; a limit order has reserved what it may spend."""
    if command.order_type == "limit" or not command.is_buy:
        return None, 1, 1
    lot = 1 if command.quote_asset == CASH else state.facts.lot
    funds = state.available(command.participant, command.quote_asset)
    return funds, state.scale(command.quote_asset), lot


def _check_post_only(state: SessionState, asset: str, quote_asset: str, is_buy: bool, price: int) -> None:  # noqa: FBT001
    """Judged against all orders, own ones included."""
    book = state.book(asset, quote_asset)
    touch = book.asks.best if is_buy else book.bids.best
    if touch is not None and (price >= touch if is_buy else price <= touch):
        at = format_units(touch, state.facts.price_decimals)
        raise DomainError(
            "post_only_would_trade",
            f"A post_only order may not meet the book; the touch is {at}.",
            field="price",
        )
