"""Self-trade prevention: keyed on the user, judged when the incoming order meets an own one."""

import pytest

from markets.engine import commands as c
from markets.engine import events as e
from markets.tests.driver import Market, user

MODES = ("cancel_newest", "cancel_oldest", "cancel_both")


def three_asks(mode: str) -> tuple[Market, int, int, int]:
    """Asks at 50 of bob, alice and carol, 2 each, in this order."""
    market = Market(self_trade_prevention=mode)
    bob, alice, carol = (market.place(handle, "sell", 2, 50) for handle in ("bob", "alice", "carol"))
    return market, bob, alice, carol


def test_cancel_newest_keeps_earlier_fills_and_cancels_what_is_left_of_the_incoming_order() -> None:
    market, bob, alice, carol = three_asks("cancel_newest")
    decided = market.do(market.order("alice", "buy", 6, 50), user("alice"))
    number = carol + 1
    assert decided[1:] == [e.OrderMatched(bob, number, 2, 50), e.OrderCancelled(number, "self_trade_prevention")]
    assert sorted(market.state.orders) == [alice, carol]
    assert market.held("alice", "CASH") == (99_900, 0)


def test_cancel_oldest_cancels_the_own_resting_order_and_goes_on() -> None:
    market, bob, alice, carol = three_asks("cancel_oldest")
    decided = market.do(market.order("alice", "buy", 6, 50), user("alice"))
    number = carol + 1
    assert decided[1:] == [
        e.OrderMatched(bob, number, 2, 50),
        e.OrderCancelled(alice, "self_trade_prevention"),
        e.OrderMatched(carol, number, 2, 50),
    ]
    assert market.held("alice") == (44, 0)
    assert market.touch() == (50, None)


def test_cancel_both_cancels_the_own_resting_order_and_what_is_left_of_the_incoming_one() -> None:
    market, bob, alice, carol = three_asks("cancel_both")
    decided = market.do(market.order("alice", "buy", 6, 50), user("alice"))
    number = carol + 1
    assert decided[1:] == [
        e.OrderMatched(bob, number, 2, 50),
        e.OrderCancelled(alice, "self_trade_prevention"),
        e.OrderCancelled(number, "self_trade_prevention"),
    ]
    assert sorted(market.state.orders) == [carol]


@pytest.mark.parametrize("mode", MODES)
def test_an_order_that_is_filled_before_it_meets_an_own_one_leaves_it_alone(mode: str) -> None:
    market, _, alice, carol = three_asks(mode)
    market.place("alice", "buy", 2, 50)
    assert sorted(market.state.orders) == [alice, carol]


@pytest.mark.parametrize("mode", MODES)
def test_a_market_order_is_judged_the_same(mode: str) -> None:
    market, _, alice, _ = three_asks(mode)
    number = market.place("alice", "buy", 4)
    assert (alice in market.state.orders) == (mode == "cancel_newest")
    assert market.seen(number).filled == (4 if mode == "cancel_oldest" else 2)
    assert market.seen(number).reason == ("" if mode == "cancel_oldest" else "self_trade_prevention")


@pytest.mark.parametrize(("mode", "fills"), [("cancel_newest", 0), ("cancel_oldest", 2), ("cancel_both", 0)])
def test_fok_counts_only_what_the_mode_lets_it_reach(mode: str, fills: int) -> None:
    market, _, alice, _ = three_asks(mode)
    number = market.place("alice", "buy", 4, 50, time_in_force="fok")
    assert len(market.fills()) == fills
    assert market.seen(number).reason == ("" if fills else "fok_unfilled")
    assert (alice in market.state.orders) == (not fills)


@pytest.mark.parametrize("mode", MODES)
def test_own_orders_in_another_book_are_no_self_trade(mode: str) -> None:
    market = Market(self_trade_prevention=mode)
    own = market.place("alice", "sell", 5, 50, asset="NVDA")
    other = market.place("bob", "sell", 5, 50)
    number = market.place("alice", "buy", 5, 50)
    assert market.fills() == [(other, number, 50, 5)]
    assert own in market.state.orders


def test_a_user_s_new_handle_after_a_removal_is_still_the_same_user() -> None:
    market = Market(self_trade_prevention="cancel_newest")
    market.do(c.RemoveParticipant(participant="alice"))
    market.do(c.JoinSession(participant="alice2", user=user("alice").id))
    market.do(c.AssignAllocations())
    resting = market.place("bob", "sell", 1, 50)
    assert market.seen(resting).owner == "user-bob"
    market.do(market.order("alice2", "sell", 5, 40), user("alice"))
    number = market.state.facts.seq + 1
    market.do(market.order("alice2", "buy", 5, 40), user("alice"))
    assert market.seen(number).reason == "self_trade_prevention"
    assert market.fills() == []
