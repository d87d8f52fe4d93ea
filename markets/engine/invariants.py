"""What must always be true of a session: cheap checks of what a command touched, and the full sums."""

from collections import Counter
from collections.abc import Iterator

from common.errors import InvariantViolation
from markets.engine.names import RESERVED, is_handle, is_leg, is_session_id
from markets.engine.state import CASH, Order, Quote, SessionState, Touched


def check_touched(state: SessionState) -> None:
    """Raise InvariantViolation if the last command broke a rule; costs what the command touched, no more."""
    touched, state.touched = state.touched, Touched()
    reserved = _check_holdings(touched)
    for item, before in touched.reservations.values():
        if item.reserved != before:
            key = (item.participant, _backs(item))
            reserved[key] = reserved.get(key, 0) - (item.reserved - before)
    for (who, asset), rest in reserved.items():
        if rest:
            raise InvariantViolation(f"{rest} reserved {asset} of {who} stand behind no order or quote")
    for name in touched.books:
        if name in state.books and state.books[name].is_crossed():
            raise InvariantViolation(f"the book {name} is crossed")


def _check_holdings(touched: Touched) -> dict[tuple[str, str], int]:
    """Totals changed by what was issued and no more; answers how each reservation changed."""
    moved: dict[str, int] = {}
    reserved: dict[tuple[str, str], int] = {}
    for (who, asset), (holding, total, had_reserved) in touched.holdings.items():
        if not 0 <= holding.reserved <= holding.total:
            raise InvariantViolation(f"{who} reserves {holding.reserved} of {holding.total} {asset}")
        moved[asset] = moved.get(asset, 0) + holding.total - total
        reserved[who, asset] = holding.reserved - had_reserved
    for asset, change in moved.items():
        if change != touched.issued.get(asset, 0):
            raise InvariantViolation(f"{asset} changed by {change} in all")
    return reserved


def _backs(item: Order | Quote) -> str:
    """The asset that an order or a firm quote reserves."""
    return item.spends if isinstance(item, Order) else item.leg_to


def audit(state: SessionState) -> Iterator[str]:
    """The full invariants of section 7, and that all can be shown; one sentence per violation."""
    yield from _audit_names(state)
    yield from _audit_orders(state)
    yield from _audit_holdings(state)
    for name, book in state.books.items():
        if book.is_crossed():
            yield f"the book {name} is crossed"
    facts = state.facts
    if facts.status == "settled" and facts.fixing:
        paid = sum(facts.payouts.values()) + facts.treasury_payout
        prices = facts.fixing.prices
        for who, units in facts.payouts.items():
            due = sum(state.held(who, leg).total * prices[leg] for leg in facts.legs)
            if units != due:
                yield f"{who} is paid {units}, their holdings are worth {due}"
        worth = sum(units * prices[leg] for leg, units in zip(facts.legs, facts.q, strict=True))
        if paid != worth:
            yield f"payouts add up to {paid}, the basket to {worth}"


def _audit_names(state: SessionState) -> Iterator[str]:
    """Who forges a history may call things what nobody here can be called: addresses and pages are made of names."""
    facts = state.facts
    if facts.seq and not is_session_id(facts.session_id):
        yield f"the session cannot be called {facts.session_id!r}"
    for leg in facts.legs:
        if not is_leg(leg):
            yield f"a leg cannot be called {leg!r}"
    for handle in facts.participants:
        if not is_handle(handle) or handle.casefold() in RESERVED:
            yield f"a participant cannot be called {handle!r}"
    for decimals in (facts.quantity_decimals, facts.price_decimals):
        if not 0 <= decimals <= 6:
            yield f"there are no {decimals} decimals"


def _audit_orders(state: SessionState) -> Iterator[str]:
    for order in state.orders.values():
        wanted = order.remaining if order.order_type == "limit" else 0
        if order.is_buy:
            wanted = state.cost(order.quote_asset, wanted, order.price)
        if order.reserved != wanted:
            yield f"order {order.id} reserves {order.reserved}, its rest needs {wanted}"


def _audit_holdings(state: SessionState) -> Iterator[str]:
    facts, backing, totals = state.facts, Counter[tuple[str, str]](), Counter[str]()
    items: list[Order | Quote] = [*state.orders.values(), *state.quotes.values()]
    for item in items:
        backing[item.participant, _backs(item)] += item.reserved
    for who, assets in facts.holdings.items():
        for asset, holding in assets.items():
            totals[asset] += holding.total
            if not 0 <= holding.reserved <= holding.total:
                yield f"{who} reserves {holding.reserved} of {holding.total} {asset}"
            if holding.reserved != backing[who, asset]:
                yield f"{who} reserves {holding.reserved} {asset}, their orders and quotes {backing[who, asset]}"
    for leg, units in zip(facts.legs, facts.q, strict=True):
        if totals[leg] != units:
            yield f"the holdings of {leg} add up to {totals[leg]}, q is {units}"
    if totals[CASH] != facts.cash_issued:
        yield f"cash adds up to {totals[CASH]}, {facts.cash_issued} was issued"
