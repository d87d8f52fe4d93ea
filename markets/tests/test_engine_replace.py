"""Replacing an order: what keeps its place, what may cross, and what it may cost."""

import pytest

from common.clock import SECOND
from common.events import Event
from common.money import LIMIT
from ledger.codec import canonical
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.events import Bounds
from markets.tests.driver import STREAM, T0, Market, user


def replace(market: Market, number: int, handle: str = "alice", *, quantity: int = 0, price: int = 0) -> list[Event]:
    return market.do(c.ReplaceOrder(order=number, quantity=quantity, price=price), user(handle))


def queue(market: Market) -> list[int]:
    """The numbers of the resting sells, in the order in which they would be hit."""
    asks = market.state.book("AAPL", "CASH").asks
    return [number for price in asks.prices() for number in asks.levels[price].orders]


def three_sells() -> tuple[Market, int, int, int]:
    market = Market()
    first, second, third = (market.place(handle, "sell", 5, 50) for handle in ("alice", "carol", "alice"))
    return market, first, second, third


def test_shrinking_keeps_number_and_place_and_releases_the_difference() -> None:
    market, first, second, third = three_sells()
    assert replace(market, first, quantity=2) == [e.OrderReplaced(first, 2, 50, keeps_priority=True)]
    assert queue(market) == [first, second, third]
    assert market.held("alice") == (40, 7)
    assert market.state.book("AAPL", "CASH").depth(is_buy=False, limit=1) == [(50, 12, 3)]


def test_the_same_terms_again_keep_the_place() -> None:
    market, first, second, third = three_sells()
    replace(market, first, quantity=5, price=50)
    assert queue(market) == [first, second, third]


@pytest.mark.parametrize(("quantity", "price"), [(6, 0), (0, 51), (2, 51)])
def test_growth_or_a_new_price_gives_a_new_place_under_the_same_number(quantity: int, price: int) -> None:
    market, first, second, third = three_sells()
    replaced = e.OrderReplaced(first, quantity or 5, price or 50, keeps_priority=False)
    assert replace(market, first, quantity=quantity, price=price) == [replaced]
    assert queue(market) == [second, third, first]
    if price:
        replace(market, first, price=50)
        assert queue(market) == [second, third, first]


def test_quantity_means_the_new_total() -> None:
    market = Market()
    number = market.place("alice", "sell", 10, 50)
    market.place("bob", "buy", 4, 50)
    replace(market, number, quantity=6)
    assert (market.seen(number).filled, market.seen(number).remaining, market.held("alice")) == (4, 2, (36, 2))
    assert market.seen(number).status == "partially_filled"
    replace(market, number, quantity=12)
    assert market.held("alice") == (36, 8)


@pytest.mark.parametrize("quantity", [4, 3, 1, -5])
def test_a_total_at_or_below_what_is_filled_is_refused(quantity: int) -> None:
    market = Market()
    number = market.place("alice", "sell", 10, 50)
    market.place("bob", "buy", 4, 50)
    refused = market.refuse(c.ReplaceOrder(order=number, quantity=quantity), user("alice"))
    assert (refused.code, refused.field) == ("quantity_filled", "quantity")


def test_a_new_price_must_be_above_zero() -> None:
    market = Market()
    number = market.place("bob", "buy", 10, 50)
    refused = market.refuse(c.ReplaceOrder(order=number, price=-1), user("bob"))
    assert (refused.code, refused.field) == ("invalid_order", "price")


def test_a_replaced_order_that_crosses_trades_at_the_resting_price_and_rests_with_the_rest() -> None:
    market = Market()
    sell = market.place("alice", "sell", 4, 60)
    buy = market.place("bob", "buy", 10, 50)
    assert replace(market, buy, "bob", price=65) == [
        e.OrderReplaced(buy, 10, 65, keeps_priority=False),
        e.OrderMatched(sell, buy, 4, 60),
    ]
    assert market.touch() == (65, None)
    assert market.held("bob", "CASH") == (100_000 - 240, 6 * 65)


def test_a_replaced_order_may_be_filled_whole() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    buy = market.place("bob", "buy", 10, 50)
    replace(market, buy, "bob", price=60)
    assert market.seen(buy).status == "filled"
    assert market.touch() == (None, None)
    assert market.held("bob", "CASH") == (99_400, 0)


def test_a_partly_filled_order_that_is_replaced_trades_only_what_remains() -> None:
    market = Market()
    buy = market.place("bob", "buy", 10, 50)
    market.place("alice", "sell", 7, 50)
    market.place("carol", "sell", 9, 60)
    replace(market, buy, "bob", price=60)
    assert (market.seen(buy).filled, market.owns("bob")[0]) == (10, 50)
    assert market.touch() == (None, 60)


def test_a_post_only_order_is_not_replaced_into_the_book() -> None:
    market = Market()
    market.place("alice", "sell", 4, 60)
    buy = market.place("bob", "buy", 10, 50, post_only=True)
    assert market.refuse(c.ReplaceOrder(order=buy, price=60), user("bob")).code == "post_only_would_trade"
    replace(market, buy, "bob", price=59)


def test_what_a_replacement_reserves_already_counts_towards_its_cost() -> None:
    market = Market()
    buy = market.place("bob", "buy", 1_000, 100)
    refused = market.refuse(c.ReplaceOrder(order=buy, price=101), user("bob"))
    assert refused.code == "insufficient_cash"
    assert refused.detail == "This needs 101000 cash; 100000 are available."
    replace(market, buy, "bob", quantity=500, price=200)
    assert market.held("bob", "CASH") == (100_000, 100_000)
    sell = market.place("alice", "sell", 40, 500)
    assert market.refuse(c.ReplaceOrder(order=sell, quantity=41), user("alice")).code == "insufficient_units"


def test_a_replacement_s_product_stays_below_two_to_the_sixty_third() -> None:
    market = Market()
    sell = market.place("alice", "sell", 2, 50)
    assert market.refuse(c.ReplaceOrder(order=sell, price=LIMIT // 2), user("alice")).code == "too_large"
    assert market.refuse(c.ReplaceOrder(order=sell, quantity=LIMIT), user("alice")).code == "too_large"


def test_a_replacement_keeps_to_the_session_s_bounds() -> None:
    market = Market(bounds=Bounds(min_quantity=2, max_quantity=10, price_band=1000))
    number = market.place("alice", "sell", 5, 100)
    market.place("bob", "buy", 2, 100)
    for terms, code in (
        ({"quantity": 11}, "quantity_out_of_bounds"),
        ({"price": 111}, "price_outside_band"),
        ({"price": 89}, "price_outside_band"),
    ):
        assert market.refuse(c.ReplaceOrder(order=number, **terms), user("alice")).code == code
    replace(market, number, quantity=10, price=110)


def test_an_order_that_the_band_has_left_behind_may_still_shrink() -> None:
    market = Market(bounds=Bounds(price_band=1000))
    far = market.place("alice", "sell", 5, 1_000)
    market.place("carol", "sell", 1, 100)
    market.place("bob", "buy", 1, 100)
    replace(market, far, quantity=3)
    assert market.refuse(c.ReplaceOrder(order=far, price=999), user("alice")).code == "price_outside_band"


def test_a_replaced_gtd_order_still_expires_at_its_moment() -> None:
    market = Market()
    number = market.place("alice", "sell", 5, 50, time_in_force="gtd", expires_at=T0 + 10 * SECOND)
    replace(market, number, price=55, quantity=9)
    assert market.wait(seconds=10) == [e.OrderExpired(number, "gtd")]
    assert market.held("alice") == (40, 0)


def test_a_replacement_that_meets_an_own_order_is_judged_like_any_other() -> None:
    for prevention, order_open, own_open in (
        ("cancel_newest", False, True),
        ("cancel_oldest", True, False),
        ("cancel_both", False, False),
    ):
        market = Market(self_trade_prevention=prevention)
        own = market.place("alice", "sell", 5, 60)
        buy = market.place("alice", "buy", 5, 50)
        replace(market, buy, price=60)
        assert (buy in market.state.orders, own in market.state.orders) == (order_open, own_open)
        assert market.fills() == []


def test_a_replaced_order_s_place_survives_a_snapshot() -> None:
    market, first, second, third = three_sells()
    replace(market, first, quantity=6)
    market.place("bob", "buy", 1, 50)
    restored = SESSIONS.load(STREAM, market.text())
    assert canonical(SESSIONS.dump(restored)) == market.text()
    assert list(restored.book("AAPL", "CASH").asks.levels[50].orders) == [second, third, first]
