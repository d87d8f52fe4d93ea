"""Placing and cancelling orders: terms, funds, bounds, and what a fill does to holdings."""

from typing import Any

import pytest

from common.clock import SECOND
from common.money import LIMIT
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.events import Bounds
from markets.tests.driver import OLIVIA, T0, Market, fixing, names, user

# Terms


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"order_type": "stop"}, "order_type"),
        ({"time_in_force": "day"}, "time_in_force"),
        ({"order_type": "market"}, "price"),
        ({"price": 0, "order_type": "limit"}, "price"),
        ({"price": -5, "order_type": "limit"}, "price"),
        ({"price": -5, "order_type": "market"}, "price"),
        ({"price": 0, "order_type": "market", "time_in_force": "gtc"}, "time_in_force"),
        ({"price": 0, "order_type": "market", "time_in_force": "fok"}, "time_in_force"),
        ({"price": 0, "order_type": "market", "post_only": True}, "post_only"),
        ({"time_in_force": "ioc", "post_only": True}, "post_only"),
        ({"time_in_force": "fok", "post_only": True}, "post_only"),
        ({"time_in_force": "gtd"}, "expires_at"),
        ({"time_in_force": "gtc", "expires_at": T0 + SECOND}, "expires_at"),
        ({"expires_at": T0 + SECOND}, "expires_at"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"asset": "META"}, "asset"),
        ({"asset": "CASH"}, "asset"),
        ({"quote_asset": "META"}, "quote_asset"),
        ({"quote_asset": "AAPL"}, "quote_asset"),
        ({"quote_asset": ""}, "quote_asset"),
    ],
)
def test_an_order_whose_terms_contradict_each_other_is_refused_by_naming_the_field(
    terms: dict[str, Any], field: str
) -> None:
    plain = {"handle": "alice", "side": "sell", "quantity": 1, "price": 50}
    refused = Market().refuse_order(**{**plain, **terms})
    assert refused.field == field
    assert refused.code in {"invalid_order", "unknown_leg"}


def test_an_order_for_nobody_or_for_somebody_else_is_refused() -> None:
    market = Market()
    for handle in ("bob", "nobody", "treasury", ""):
        refused = market.refuse(market.order(handle, "buy", 1, 1), user("alice"))
        assert (refused.code, refused.field) == ("not_yours", "participant_id")
    assert market.refuse(market.order("nobody", "buy", 1, 1), OLIVIA).code == "unknown_participant"
    assert market.refuse(market.order("treasury", "sell", 1, 1), OLIVIA).code == "unknown_participant"


@pytest.mark.parametrize("expires_at", [T0, T0 - 1, 1, -1])
def test_an_order_that_would_have_expired_already_is_refused(expires_at: int) -> None:
    refused = Market().refuse_order("alice", "sell", 1, 50, time_in_force="gtd", expires_at=expires_at)
    assert (refused.code, refused.field) == ("already_expired", "expires_at")


@pytest.mark.parametrize(("quantity", "price"), [(LIMIT, 1), (1, LIMIT), (1 << 32, 1 << 31), (LIMIT - 1, 2)])
def test_a_product_at_two_to_the_sixty_third_is_refused(quantity: int, price: int) -> None:
    for side in ("buy", "sell"):
        refused = Market().refuse_order("alice", side, quantity, price)
        assert (refused.code, refused.field) == ("too_large", "quantity")


def test_a_market_sell_beyond_64_bits_is_refused() -> None:
    assert Market().refuse_order("alice", "sell", LIMIT).code == "too_large"


# Limit orders


def test_a_resting_sell_reserves_units_and_a_resting_buy_its_cost() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 7, 50)
    assert market.held("alice") == (40, 10)
    assert market.held("bob", "CASH") == (100_000, 350)
    assert market.touch() == (50, 60)


def test_a_trade_executes_at_the_resting_price_and_the_surplus_is_free_at_once() -> None:
    market = Market()
    sell = market.place("alice", "sell", 10, 50)
    buy = market.place("bob", "buy", 15, 60)
    assert market.fills() == [(sell, buy, 50, 10)]
    assert market.owns("alice") == (30, 20, 100_500)
    assert market.owns("bob") == (50, 20, 99_500)
    assert market.held("bob", "CASH") == (99_500, 5 * 60)
    assert market.seen(buy).status == "partially_filled"
    assert market.seen(sell).status == "filled"
    assert market.touch() == (60, None)


def test_the_resting_buyer_pays_its_own_price_when_a_cheaper_seller_comes() -> None:
    market = Market()
    buy = market.place("bob", "buy", 10, 60)
    sell = market.place("alice", "sell", 10, 50)
    assert market.fills() == [(buy, sell, 60, 10)]
    assert market.owns("alice")[2] == 100_600
    assert market.held("bob", "CASH") == (99_400, 0)


def test_a_limit_order_walks_levels_and_each_fill_is_an_event_of_its_own() -> None:
    market = Market()
    cheap, dear = market.place("alice", "sell", 3, 50), market.place("carol", "sell", 3, 52)
    decided = market.do(market.order("bob", "buy", 5, 55), user("bob"))
    taker = market.log[-1 - len(decided) + 1][1]
    assert isinstance(taker, e.OrderPlaced)
    number = dear + 1
    assert decided[1:] == [e.OrderMatched(cheap, number, 3, 50), e.OrderMatched(dear, number, 2, 52)]
    assert market.owns("bob") == (45, 20, 100_000 - 150 - 104)


def test_time_priority_goes_by_placement_and_a_partial_fill_keeps_it() -> None:
    market = Market()
    first, second = market.place("alice", "sell", 5, 50), market.place("carol", "sell", 5, 50)
    third = market.place("bob", "buy", 2, 50)
    fourth = market.place("bob", "buy", 5, 50)
    assert market.fills() == [(first, third, 50, 2), (first, fourth, 50, 3), (second, fourth, 50, 2)]


def test_a_sell_beyond_what_is_available_is_refused_with_both_numbers() -> None:
    market = Market()
    market.place("alice", "sell", 30, 60)
    refused = market.refuse_order("alice", "sell", 11, 60)
    assert (refused.code, refused.field) == ("insufficient_units", "quantity")
    assert refused.detail == "This needs 11 AAPL; 10 are available."
    market.place("alice", "sell", 10, 60)


def test_a_limit_buy_beyond_the_cash_is_refused_with_both_numbers() -> None:
    market = Market()
    market.place("bob", "buy", 1, 60_000)
    refused = market.refuse_order("bob", "buy", 1, 40_001)
    assert (refused.code, refused.field) == ("insufficient_cash", "quantity")
    assert refused.detail == "This needs 40001 cash; 40000 are available."
    market.place("bob", "buy", 1, 40_000)
    assert market.held("bob", "CASH") == (100_000, 100_000)


def test_proceeds_of_a_sale_can_be_spent_at_once() -> None:
    market = Market()
    market.place("bob", "buy", 1, 100_000)
    market.place("alice", "sell", 1, 100_000)
    market.place("alice", "buy", 2, 100_000)
    assert market.held("alice", "CASH") == (200_000, 200_000)


def test_the_number_of_an_order_is_the_seq_of_its_placement() -> None:
    market = Market()
    number = market.place("alice", "sell", 1, 50)
    assert isinstance(market.log[number - 1][1], e.OrderPlaced)


# Market orders


def test_a_market_order_reserves_nothing_and_never_rests() -> None:
    market = Market()
    ask = market.place("alice", "sell", 3, 50)
    number = market.place("bob", "buy", 5)
    assert market.fills() == [(ask, number, 50, 3)]
    assert (market.seen(number).status, market.seen(number).reason) == ("cancelled", "no_liquidity")
    assert (market.seen(number).filled, market.held("bob", "CASH")) == (3, (99_850, 0))


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_market_order_on_an_empty_book_is_accepted_and_cancelled_unfilled(side: str) -> None:
    market = Market()
    assert names(market.do(market.order("alice", side, 5), user("alice"))) == ["OrderPlaced", "OrderCancelled"]
    assert market.fills() == []


def test_a_market_buy_takes_what_the_cash_allows_level_by_level_and_says_so() -> None:
    market = Market(cash_per_participant=535)
    one, two = market.place("alice", "sell", 2, 100), market.place("carol", "sell", 5, 110)
    number = market.place("bob", "buy", 9)
    assert market.fills() == [(one, number, 100, 2), (two, number, 110, 3)]
    assert market.owns("bob")[2] == 5
    assert market.seen(number).reason == "insufficient_funds"


def test_a_market_buy_spends_only_what_is_available() -> None:
    market = Market(cash_per_participant=535)
    market.place("bob", "buy", 10, 50)
    market.place("alice", "sell", 2, 100)
    number = market.place("bob", "buy", 1)
    assert (market.fills(), market.seen(number).reason) == ([], "insufficient_funds")


def test_a_market_buy_of_somebody_without_cash_is_no_error() -> None:
    market = Market(cash_per_participant=0)
    market.place("alice", "sell", 2, 100)
    assert market.seen(market.place("bob", "buy", 1)).reason == "insufficient_funds"


def test_a_market_sell_needs_its_units() -> None:
    assert Market().refuse_order("alice", "sell", 41).code == "insufficient_units"


def test_a_market_sell_takes_bids_from_the_highest_down() -> None:
    market = Market()
    low, high = market.place("bob", "buy", 5, 40), market.place("carol", "buy", 5, 45)
    number = market.place("alice", "sell", 8)
    assert market.fills() == [(high, number, 45, 5), (low, number, 40, 3)]
    assert market.seen(number).status == "filled"


# Time in force


def test_an_ioc_order_takes_what_there_is_and_the_rest_is_cancelled_with_a_reason() -> None:
    market = Market()
    ask = market.place("alice", "sell", 3, 50)
    number = market.place("bob", "buy", 5, 50, time_in_force="ioc")
    assert market.fills() == [(ask, number, 50, 3)]
    assert (market.seen(number).status, market.seen(number).reason) == ("cancelled", "ioc_unfilled")
    assert market.held("bob", "CASH") == (99_850, 0)
    assert market.touch() == (None, None)


def test_a_fok_order_is_filled_whole_or_cancelled_without_a_trade() -> None:
    market = Market()
    one, two = market.place("alice", "sell", 3, 50), market.place("carol", "sell", 3, 51)
    missed = market.place("bob", "buy", 7, 51, time_in_force="fok")
    assert (market.fills(), market.seen(missed).reason) == ([], "fok_unfilled")
    filled = market.place("bob", "buy", 6, 51, time_in_force="fok")
    assert market.fills() == [(one, filled, 50, 3), (two, filled, 51, 3)]
    assert market.held("bob", "CASH") == (100_000 - 303, 0)


def test_a_gtd_order_lives_until_its_moment_and_not_at_it() -> None:
    market = Market()
    number = market.place("alice", "sell", 5, 50, time_in_force="gtd", expires_at=T0 + 10 * SECOND)
    assert market.wait(seconds=9.999999) == []
    market.now = T0 + 10 * SECOND
    late = market.place("bob", "buy", 5, 50)
    assert market.fills() == []
    assert (market.seen(number).status, market.seen(number).reason) == ("expired", "gtd")
    assert market.seen(late).status == "open"
    assert market.held("alice") == (40, 0)


def test_a_gtd_order_that_was_filled_or_cancelled_does_not_expire_later() -> None:
    market = Market()
    filled = market.place("alice", "sell", 5, 50, time_in_force="gtd", expires_at=T0 + 10 * SECOND)
    gone = market.place("alice", "sell", 5, 55, time_in_force="gtd", expires_at=T0 + 10 * SECOND)
    market.place("bob", "buy", 5, 50)
    market.do(c.CancelOrder(order=gone), user("alice"))
    assert market.wait(seconds=60) == []
    assert [market.seen(number).status for number in (filled, gone)] == ["filled", "cancelled"]


# post_only


@pytest.mark.parametrize(("side", "price"), [("buy", 60), ("buy", 61), ("sell", 50), ("sell", 49)])
def test_a_post_only_order_that_would_meet_the_book_is_refused_with_the_touch(side: str, price: int) -> None:
    market = Market()
    market.place("alice", "sell", 5, 60)
    market.place("bob", "buy", 5, 50)
    refused = market.refuse_order("carol", side, 1, price, post_only=True)
    assert (refused.code, refused.field) == ("post_only_would_trade", "price")
    assert ("60" if side == "buy" else "50") in refused.detail


def test_a_post_only_order_within_the_spread_rests() -> None:
    market = Market()
    market.place("alice", "sell", 5, 60)
    market.place("carol", "buy", 1, 59, post_only=True)
    market.place("bob", "sell", 1, 61, post_only=True)
    assert market.touch() == (59, 60)


def test_post_only_is_judged_against_own_orders_too() -> None:
    market = Market(self_trade_prevention="cancel_oldest")
    market.place("alice", "sell", 5, 60)
    assert market.refuse_order("alice", "buy", 1, 60, post_only=True).code == "post_only_would_trade"


# Bounds


@pytest.mark.parametrize("quantity", [4, 11, 1, 40])
def test_an_order_outside_the_session_s_sizes_is_refused(quantity: int) -> None:
    market = Market(bounds=Bounds(min_quantity=5, max_quantity=10))
    for price in (50, 0):
        refused = market.refuse_order("alice", "sell", quantity, price)
        assert (refused.code, refused.field) == ("quantity_out_of_bounds", "quantity")
        assert refused.detail == "quantity must be between 5 and 10."


def test_an_order_at_the_session_s_sizes_is_fine() -> None:
    market = Market(bounds=Bounds(min_quantity=5, max_quantity=10))
    market.place("alice", "sell", 5, 50)
    market.place("alice", "sell", 10, 50)
    assert "any" in Market(bounds=Bounds(min_quantity=5)).refuse_order("alice", "sell", 1, 50).detail


def test_open_orders_per_participant_are_limited() -> None:
    market = Market(bounds=Bounds(max_open_orders=2))
    first = market.place("alice", "sell", 1, 50)
    market.place("alice", "sell", 1, 51, quote_asset="CASH")
    assert market.refuse_order("alice", "buy", 1, 10).code == "too_many_open_orders"
    market.place("bob", "buy", 1, 10)
    market.do(c.CancelOrder(order=first), user("alice"))
    market.place("alice", "buy", 1, 10)


def test_the_price_band_is_around_the_last_trade_in_the_same_book() -> None:
    market = Market(bounds=Bounds(price_band=1000))  # 10 %
    market.place("alice", "sell", 1, 200)
    market.place("bob", "buy", 1, 200)
    for price in (179, 221):
        refused = market.refuse_order("bob", "buy", 1, price)
        assert (refused.code, refused.field) == ("price_outside_band", "price")
        assert refused.detail == "price must be within 10.00 % of 200."
    market.place("bob", "buy", 1, 180)
    market.place("alice", "sell", 1, 220)
    market.place("bob", "buy", 1, 5_000, asset="NVDA")


def test_the_price_band_is_around_the_fixing_while_nothing_has_traded() -> None:
    market = Market(bounds=Bounds(price_band=500))
    market.place("bob", "buy", 1, 1)
    market.do(c.FixPrices(fixing=fixing(AAPL=100, NVDA=40)))
    assert market.refuse_order("bob", "buy", 1, 94).code == "price_outside_band"
    assert market.refuse_order("bob", "buy", 1, 43, asset="NVDA").code == "price_outside_band"
    market.place("bob", "buy", 1, 95)
    market.place("bob", "buy", 1, 42, asset="NVDA")


def test_a_fixing_in_cash_is_no_band_for_a_book_in_another_leg() -> None:
    market = Market(bounds=Bounds(price_band=500))
    market.do(c.FixPrices(fixing=fixing(AAPL=100, NVDA=40)))
    market.place("alice", "sell", 1, 3, quote_asset="NVDA")
    market.place("bob", "buy", 1, 3, quote_asset="NVDA")
    assert market.refuse_order("bob", "buy", 1, 100, quote_asset="NVDA").code == "price_outside_band"


def test_the_price_band_leaves_market_orders_alone() -> None:
    market = Market(bounds=Bounds(price_band=500))
    market.do(c.FixPrices(fixing=fixing(AAPL=100, NVDA=40)))
    market.place("alice", "sell", 1, 105)
    market.place("bob", "buy", 1)
    assert len(market.fills()) == 1


# Cancelling


def test_cancelling_releases_exactly_the_unused_part() -> None:
    market = Market()
    buy = market.place("bob", "buy", 10, 60)
    market.place("alice", "sell", 4, 60)
    assert market.do(c.CancelOrder(order=buy), user("bob")) == [e.OrderCancelled(buy, "requested")]
    assert market.held("bob", "CASH") == (100_000 - 240, 0)
    assert (market.seen(buy).status, market.seen(buy).filled) == ("cancelled", 4)
    assert market.touch() == (None, None)


def test_an_order_that_is_over_or_never_was_cannot_be_cancelled_or_replaced() -> None:
    market = Market()
    filled, taker = market.place("alice", "sell", 5, 50), market.place("bob", "buy", 5, 50)
    gone = market.place("alice", "sell", 5, 50)
    market.do(c.CancelOrder(order=gone), user("alice"))
    for number in (filled, taker, gone, 1, 9_999, 0, -1):
        assert market.refuse(c.CancelOrder(order=number), user("alice")).code == "order_not_open"
        assert market.refuse(c.ReplaceOrder(order=number, price=1), user("alice")).code == "order_not_open"


def test_all_of_somebody_s_orders_can_be_cancelled_at_once_or_by_asset_and_side() -> None:
    def fresh() -> Market:
        market = Market()
        market.place("alice", "sell", 1, 50)
        market.place("alice", "buy", 1, 40)
        market.place("alice", "sell", 1, 50, asset="NVDA")
        market.place("bob", "sell", 1, 50)
        return market

    first = fresh().place("alice", "sell", 1, 50) - 4
    for terms, numbers in (
        ({}, [first, first + 1, first + 2]),
        ({"asset": "AAPL"}, [first, first + 1]),
        ({"side": "sell"}, [first, first + 2]),
        ({"asset": "NVDA", "side": "buy"}, []),
    ):
        decided = fresh().do(c.CancelOrders(participant="alice", **terms), user("alice"))
        assert decided == [e.OrderCancelled(number, "requested") for number in numbers]
    assert fresh().refuse(c.CancelOrders(participant="alice", asset="META"), user("alice")).code == "unknown_leg"
    assert fresh().refuse(c.CancelOrders(participant="alice", side="both"), user("alice")).field == "side"
