"""Scenarios worked out by hand: price, then time; partial fills; terms; self-trades. Each scar has its test."""

import pytest

from matching.match import SelfTradePrevention
from matching.tests.venue import Order, Venue

BUY, SELL = True, False


def venue(*asks: tuple[int, str, int, int], prevention: SelfTradePrevention = "cancel_newest") -> Venue:
    """A venue with resting sells: (number, owner, quantity, price)."""
    made = Venue(prevention)
    for number, owner, quantity, price in asks:
        assert made.place(number, owner, SELL, quantity, price) == []
    return made


def test_the_best_price_trades_first_and_then_the_oldest_order() -> None:
    book = venue((1, "a", 5, 101), (2, "b", 5, 100), (3, "c", 5, 100))
    assert book.place(4, "d", BUY, 12, 101) == [(2, 4, 100, 5), (3, 4, 100, 5), (1, 4, 101, 2)]
    assert book.queue(is_buy=SELL) == [(101, 1, 3)]


def test_bids_are_hit_from_the_highest_price_down() -> None:
    book = Venue()
    for number, price in enumerate((98, 100, 99), start=1):
        book.place(number, "a", BUY, 2, price)
    assert book.place(4, "b", SELL, 5, 98) == [(2, 4, 100, 2), (3, 4, 99, 2), (1, 4, 98, 1)]


def test_a_trade_executes_at_the_resting_order_s_price_on_either_side() -> None:
    assert venue((1, "a", 5, 100)).place(2, "b", BUY, 5, 102) == [(1, 2, 100, 5)]
    book = Venue()
    book.place(1, "a", BUY, 5, 102)
    assert book.place(2, "b", SELL, 5, 100) == [(1, 2, 102, 5)]


def test_an_order_that_crosses_because_it_was_replaced_trades_at_the_resting_price() -> None:
    book = venue((1, "a", 5, 101))
    book.place(2, "b", BUY, 5, 99)
    assert book.replace(2, 5, 103) == [(1, 2, 101, 5)]
    assert book.touch() == (None, None)


def test_a_filled_order_is_gone_and_cannot_be_cancelled_again() -> None:
    book = venue((1, "a", 5, 100))
    book.place(2, "b", BUY, 5, 100)
    assert book.open == {}
    with pytest.raises(KeyError):
        book.cancel(1)


def test_cancelling_the_last_order_of_the_best_level_moves_the_touch_at_once() -> None:
    book = venue((1, "a", 5, 100), (2, "a", 5, 101))
    assert book.touch() == (None, 100)
    book.cancel(1)
    assert book.touch() == (None, 101)
    book.cancel(2)
    assert book.touch() == (None, None)


def test_what_an_ioc_order_does_not_get_never_rests() -> None:
    book = venue((1, "a", 3, 100))
    assert book.place(2, "b", BUY, 5, 100, "ioc") == [(1, 2, 100, 3)]
    assert book.touch() == (None, None)


def test_fok_is_judged_over_the_whole_book_and_not_per_resting_order() -> None:
    book = venue((1, "a", 3, 100), (2, "a", 3, 101))
    assert book.place(3, "b", BUY, 7, 101, "fok") == []
    assert book.queue(is_buy=SELL) == [(100, 1, 3), (101, 2, 3)]
    assert book.place(4, "b", BUY, 6, 101, "fok") == [(1, 4, 100, 3), (2, 4, 101, 3)]


def test_fok_does_not_count_what_lies_beyond_its_limit() -> None:
    book = venue((1, "a", 3, 100), (2, "a", 9, 102))
    assert book.place(3, "b", BUY, 5, 101, "fok") == []


def test_a_limit_order_never_walks_past_its_limit_and_rests_there() -> None:
    book = venue((1, "a", 3, 100), (2, "a", 3, 102))
    assert book.place(3, "b", BUY, 9, 101) == [(1, 3, 100, 3)]
    assert book.touch() == (101, 102)
    assert book.queue(is_buy=BUY) == [(101, 3, 6)]


def test_a_market_order_walks_any_price_and_never_rests() -> None:
    book = venue((1, "a", 3, 100), (2, "a", 3, 10**12))
    assert book.place(3, "b", BUY, 9, None) == [(1, 3, 100, 3), (2, 3, 10**12, 3)]
    assert book.touch() == (None, None)


def test_a_market_order_on_an_empty_book_does_nothing() -> None:
    assert Venue().place(1, "a", BUY, 5, None) == []
    assert Venue().place(1, "a", SELL, 5, None) == []


def test_time_priority_holds_in_a_level_of_forty_orders_after_cancels_from_its_middle() -> None:
    book = venue(*[(number, f"owner{number}", 1, 100) for number in range(1, 41)])
    for number in (20, 1, 40, 21, 2):
        book.cancel(number)
    book.place(41, "late", SELL, 1, 100)
    left = [number for number in range(1, 40) if number not in (20, 1, 40, 21, 2)]
    assert [fill[0] for fill in book.place(50, "taker", BUY, 99, 100)] == [*left, 41]


def test_a_partial_fill_keeps_the_order_s_number_and_its_place() -> None:
    book = venue((1, "a", 5, 100), (2, "b", 5, 100))
    book.place(3, "c", BUY, 2, 100)
    assert book.queue(is_buy=SELL) == [(100, 1, 3), (100, 2, 5)]
    assert book.place(4, "c", BUY, 4, 100) == [(1, 4, 100, 3), (2, 4, 100, 1)]


def test_cancelling_a_partially_filled_order_behind_a_filled_one_then_sweeping_ends() -> None:
    book = venue((1, "a", 2, 100), (2, "b", 4, 100), (3, "c", 3, 100), (4, "a", 1, 101))
    assert book.place(5, "d", BUY, 4, 100) == [(1, 5, 100, 2), (2, 5, 100, 2)]
    book.cancel(2)
    assert book.touch() == (None, 100)
    assert book.place(6, "d", BUY, 9, None) == [(3, 6, 100, 3), (4, 6, 101, 1)]
    assert book.touch() == (None, None)
    assert book.book.asks.levels == {}


def test_a_level_is_gone_at_exactly_nothing_and_comes_back_clean() -> None:
    book = venue((1, "a", 3, 100))
    book.place(2, "b", BUY, 1, 100)
    book.place(3, "b", BUY, 2, 100)
    assert book.book.depth(is_buy=SELL, limit=5) == []
    book.place(4, "a", SELL, 7, 100)
    assert book.book.depth(is_buy=SELL, limit=5) == [(100, 7, 1)]


def test_shrinking_keeps_the_place_and_growing_or_a_new_price_loses_it() -> None:
    book = venue((1, "a", 5, 100), (2, "b", 5, 100), (3, "c", 5, 100))
    book.replace(1, 2, 100)
    assert [row[1] for row in book.queue(is_buy=SELL)] == [1, 2, 3]
    book.replace(1, 5, 100)
    assert [row[1] for row in book.queue(is_buy=SELL)] == [2, 3, 1]
    book.replace(2, 5, 101)
    book.replace(2, 5, 100)
    assert [row[1] for row in book.queue(is_buy=SELL)] == [3, 1, 2]


def test_a_level_s_quantity_falls_by_what_is_cancelled_and_shrunk() -> None:
    book = venue((1, "a", 5, 100), (2, "b", 4, 100), (3, "c", 3, 100))
    book.cancel(2)
    book.replace(3, 1, 100)
    assert book.book.depth(is_buy=SELL, limit=5) == [(100, 6, 2)]


def test_a_book_is_crossed_from_equal_prices_on() -> None:
    book = venue((1, "a", 5, 100))
    for price, is_crossed in ((99, False), (100, True), (101, True)):
        bid = Order(9, "b", BUY, price, 1)
        book.book.add(bid)
        assert book.book.is_crossed() is is_crossed
        book.book.remove(bid)
    assert not Venue().book.is_crossed()


def test_depth_shows_as_many_levels_as_asked_for_best_first() -> None:
    book = venue((1, "a", 1, 103), (2, "a", 2, 101), (3, "b", 3, 101), (4, "a", 4, 102))
    assert book.book.depth(is_buy=SELL, limit=2) == [(101, 5, 2), (102, 4, 1)]
    assert book.book.depth(is_buy=SELL, limit=0) == []
    assert book.book.depth(is_buy=BUY, limit=5) == []


def test_cancel_newest_stops_the_incoming_order_at_its_own_and_earlier_fills_stand() -> None:
    book = venue((1, "b", 2, 100), (2, "a", 2, 100), (3, "b", 2, 100))
    assert book.place(4, "a", BUY, 6, 100) == [(1, 4, 100, 2)]
    assert book.cancelled == []
    assert book.queue(is_buy=SELL) == [(100, 2, 2), (100, 3, 2)]
    assert book.queue(is_buy=BUY) == []


def test_cancel_oldest_takes_the_own_resting_order_away_and_goes_on() -> None:
    book = venue((1, "b", 2, 100), (2, "a", 2, 100), (3, "b", 2, 100), prevention="cancel_oldest")
    assert book.place(4, "a", BUY, 6, 100) == [(1, 4, 100, 2), (3, 4, 100, 2)]
    assert book.cancelled == [2]
    assert book.queue(is_buy=BUY) == [(100, 4, 2)]


def test_cancel_both_takes_the_own_resting_order_away_and_stops() -> None:
    book = venue((1, "b", 2, 100), (2, "a", 2, 100), (3, "b", 2, 100), prevention="cancel_both")
    assert book.place(4, "a", BUY, 6, 100) == [(1, 4, 100, 2)]
    assert book.cancelled == [2]
    assert book.queue(is_buy=SELL) == [(100, 3, 2)]
    assert book.queue(is_buy=BUY) == []


@pytest.mark.parametrize("prevention", ["cancel_newest", "cancel_oldest", "cancel_both"])
def test_an_own_order_that_is_not_met_is_left_alone(prevention: SelfTradePrevention) -> None:
    book = venue((1, "b", 2, 100), (2, "a", 2, 100), (3, "a", 2, 101), prevention=prevention)
    assert book.place(4, "a", BUY, 2, 101) == [(1, 4, 100, 2)]
    assert book.cancelled == []
    assert book.queue(is_buy=SELL) == [(100, 2, 2), (101, 3, 2)]


def test_fok_counts_only_what_the_self_trade_mode_lets_it_reach() -> None:
    asks = ((1, "b", 2, 100), (2, "a", 2, 100), (3, "b", 2, 100))
    for prevention, fills, cancelled in (
        ("cancel_newest", [], []),
        ("cancel_both", [], []),
        ("cancel_oldest", [(1, 4, 100, 2), (3, 4, 100, 2)], [2]),
    ):
        book = venue(*asks, prevention=prevention)  # type: ignore[arg-type]  # a tuple of str
        assert book.place(4, "a", BUY, 4, 100, "fok") == fills
        assert book.cancelled == cancelled


def test_a_market_buy_takes_what_its_funds_allow_level_by_level() -> None:
    book = venue((1, "a", 2, 100), (2, "a", 5, 110))
    assert book.place(3, "b", BUY, 9, None, funds=535) == [(1, 3, 100, 2), (2, 3, 110, 3)]
    assert book.queue(is_buy=SELL) == [(110, 2, 2)]


def test_a_market_buy_without_funds_for_one_unit_takes_nothing() -> None:
    assert venue((1, "a", 2, 100)).place(2, "b", BUY, 1, None, funds=99) == []
    assert venue((1, "a", 2, 100)).place(2, "b", BUY, 1, None, funds=0) == []


def test_a_market_buy_spends_whole_lots_of_a_scaled_book() -> None:
    book = venue((1, "a", 100, 50), (2, "a", 100, 80))
    assert book.place(3, "b", BUY, 200, None, funds=79, scale=100, lot=10) == [(1, 3, 50, 100), (2, 3, 80, 30)]


def test_a_market_buy_whose_funds_end_within_an_order_meets_nothing_behind_it() -> None:
    book = venue((1, "b", 3, 100), (2, "a", 3, 102), prevention="cancel_oldest")
    assert book.place(3, "a", BUY, 4, None, funds=101) == [(1, 3, 100, 1)]
    assert book.cancelled == []
    assert book.queue(is_buy=SELL) == [(100, 1, 2), (102, 2, 3)]
