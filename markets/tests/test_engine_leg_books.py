"""Books of one leg in another: a grid on which every trade is a whole number of units."""

from typing import Any

import pytest

from markets.engine import commands as c
from markets.tests.driver import Market, user

# Four decimals of both: the default grid is lots of 0.0100 and ticks of 0.0100.
LOT, TICK, ONE = 100, 100, 10_000


def market_of(**terms: Any) -> Market:
    return Market(q=(120 * ONE, 60 * ONE), quantity_decimals=4, price_decimals=4, cash_per_participant=0, **terms)


def leg(market: Market, handle: str, side: str, quantity: int, price: int = 0, **terms: Any) -> int:
    """An order on AAPL in NVDA."""
    return market.place(handle, side, quantity, price, quote_asset="NVDA", **terms)


def test_the_default_grid_is_hundredths_at_four_decimals() -> None:
    facts = market_of().state.facts
    assert (facts.lot, facts.tick) == (LOT, TICK)


def test_a_trade_moves_both_legs_exactly() -> None:
    market = market_of()
    sell = leg(market, "alice", "sell", 10 * ONE, 6_200)
    assert market.held("alice") == (40 * ONE, 10 * ONE)
    buy = leg(market, "bob", "buy", 10 * ONE, 6_300)
    assert market.fills() == [(sell, buy, 6_200, 10 * ONE)]
    assert market.owns("alice") == (30 * ONE, 262_000, 0)
    assert market.owns("bob") == (50 * ONE, 138_000, 0)


def test_a_buy_reserves_the_quote_leg_and_gives_the_surplus_back() -> None:
    market = market_of()
    buy = leg(market, "bob", "buy", 10 * ONE, 6_200)
    assert market.held("bob", "NVDA") == (20 * ONE, 62_000)
    leg(market, "alice", "sell", LOT, 6_200)
    assert market.held("bob", "NVDA") == (20 * ONE - 62, 62_000 - 62)
    market.do(c.CancelOrder(order=buy), user("bob"))
    assert market.held("bob", "NVDA") == (20 * ONE - 62, 0)


@pytest.mark.parametrize(
    ("quantity", "price", "field"),
    [(LOT + 1, TICK, "quantity"), (1, TICK, "quantity"), (LOT, TICK + 1, "price"), (LOT, 1, "price")],
)
def test_an_order_off_the_grid_is_refused_with_the_grid_named(quantity: int, price: int, field: str) -> None:
    market = market_of()
    refused = market.refuse_order("alice", "sell", quantity, price, quote_asset="NVDA")
    assert (refused.code, refused.field) == ("off_grid", field)
    assert refused.detail == "In AAPL/NVDA quantities go in steps of 0.0100 and prices in steps of 0.0100."


def test_a_replacement_off_the_grid_is_refused() -> None:
    market = market_of()
    number = leg(market, "alice", "sell", LOT, TICK)
    assert market.refuse(c.ReplaceOrder(order=number, quantity=LOT + 1), user("alice")).code == "off_grid"
    assert market.refuse(c.ReplaceOrder(order=number, price=TICK - 1), user("alice")).code == "off_grid"
    market.do(c.ReplaceOrder(order=number, quantity=2 * LOT, price=2 * TICK), user("alice"))


def test_books_in_cash_have_no_grid() -> None:
    market = market_of()
    market.place("alice", "sell", 1, 1)
    assert market.touch() == (None, 1)


def test_a_market_order_s_quantity_is_on_the_grid_too() -> None:
    market = market_of()
    refused = market.refuse_order("bob", "buy", LOT + 1, quote_asset="NVDA")
    assert (refused.code, refused.field) == ("off_grid", "quantity")


def test_a_market_buy_takes_whole_lots_as_far_as_the_quote_leg_reaches() -> None:
    market = market_of()
    ask = leg(market, "alice", "sell", 40 * ONE, 7_000)
    number = leg(market, "bob", "buy", 40 * ONE)
    affordable = 20 * ONE * ONE // 7_000 // LOT * LOT
    assert market.fills() == [(ask, number, 7_000, affordable)]
    assert affordable == 285_700
    assert market.owns("bob")[1] == 20 * ONE - 285_700 * 7_000 // ONE
    assert market.seen(number).reason == "insufficient_funds"


def test_own_lot_and_tick_may_be_named_if_their_product_is_a_whole_unit() -> None:
    market = market_of(lot=ONE, tick=1)
    leg(market, "alice", "sell", 3 * ONE, 6_201)
    assert market.refuse_order("alice", "sell", ONE // 2, 6_201, quote_asset="NVDA").code == "off_grid"


def test_the_two_directions_of_a_pair_are_two_books() -> None:
    market = market_of()
    leg(market, "alice", "sell", ONE, ONE)
    market.place("bob", "sell", ONE, ONE, asset="NVDA", quote_asset="AAPL")
    assert market.fills() == []
    assert (market.touch("AAPL", "NVDA"), market.touch("NVDA", "AAPL")) == ((None, ONE), (None, ONE))


def test_funds_of_a_leg_are_shared_with_its_own_book() -> None:
    market = market_of()
    leg(market, "bob", "buy", 20 * ONE, ONE)
    refused = market.refuse_order("bob", "sell", 1, 1, asset="NVDA")
    assert refused.detail == "This needs 0.0001 NVDA; 0.0000 are available."
    assert market.refuse_order("bob", "buy", LOT, TICK, quote_asset="NVDA").code == "insufficient_units"


@pytest.mark.parametrize("price_decimals", range(7))
def test_every_scale_s_smallest_trade_is_exact(price_decimals: int) -> None:
    market = Market(q=(6 * 10**6, 6 * 10**6), quantity_decimals=6, price_decimals=price_decimals)
    lot, tick = market.state.facts.lot, market.state.facts.tick
    leg(market, "alice", "sell", lot, tick)
    leg(market, "bob", "buy", lot, tick)
    paid = lot * tick // 10**price_decimals
    assert paid >= 1
    assert market.owns("alice")[:2] == (2 * 10**6 - lot, 2 * 10**6 + paid)
