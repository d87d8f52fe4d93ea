"""Orders: kinds, times in force, replacing, cancelling, self-match prevention, approvals, sets."""

from typing import Any

import pytest

from common.clock import SECOND
from predictions.engine import commands as c
from predictions.tests.driver import DAY, STRANGER, Floor, cents, names


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.agent("alice", "bob", "carol")
    floor.market()
    return floor


def manual(floor: Floor, handle: str = "max") -> int:
    """An agent of Olivia's in manual mode."""
    number = floor.agent(handle, owner="olivia")
    floor.do(c.SetMode(agent=number, mode="manual"), floor.by(handle))
    return number


def test_older_orders_at_a_price_are_met_first_whatever_their_kind(floor: Floor) -> None:
    floor.do(c.SplitSets(agent=floor.numbers["bob"], market=floor.numbers["m"], size=10), floor.by("bob"))
    floor.place("alice", "buy NO", 5, 40)
    floor.place("bob", "sell YES", 5, 60)
    floor.place("carol", "buy YES", 7, 60)
    assert [(trade.kind, trade.size) for trade in floor.trades()] == [("mint", 5), ("transfer", 2)]


def test_a_no_transfer_moves_the_price_of_yes_the_other_way(floor: Floor) -> None:
    floor.do(c.SplitSets(agent=floor.numbers["bob"], market=floor.numbers["m"], size=10), floor.by("bob"))
    floor.place("bob", "sell NO", 10, 30)
    floor.place("carol", "buy NO", 10, 30)
    (trade,) = floor.trades()
    assert (trade.kind, trade.outcome, trade.price, floor.on().last_price) == ("transfer", "NO", 70, 70)
    assert floor.on().volume == cents("7")


def test_a_market_purchase_pays_the_book_and_cancels_its_rest(floor: Floor) -> None:
    floor.place("alice", "buy NO", 5, 40)
    floor.place("bob", "buy NO", 5, 30)
    floor.place("carol", "buy YES", 12)
    assert [trade.price for trade in floor.trades()] == [60, 70]
    assert floor.who("carol").balance == cents("1000") - cents("6.5") - cents("0.065")
    assert names([event for _, event in floor.log])[-1] == "OrderCancelled"


def test_a_market_purchase_that_the_money_does_not_cover_is_refused_whole(floor: Floor) -> None:
    floor.place("alice", "buy NO", 1700, 40)
    refusal = floor.refuse_order("carol", "buy YES", 1700)
    assert (refusal.code, refusal.detail) == ("insufficient_cash", "This needs 1030.20; 1000.00 are available.")


def test_ioc_keeps_nothing_and_fok_takes_all_or_nothing(floor: Floor) -> None:
    floor.place("alice", "buy NO", 5, 40)
    floor.place("bob", "buy YES", 9, 60, time_in_force="fok")
    assert floor.trades() == []
    floor.place("bob", "buy YES", 9, 60, time_in_force="ioc")
    assert [trade.size for trade in floor.trades()] == [5]
    assert floor.state.orders == {}


def test_a_gtd_order_expires_at_its_time(floor: Floor) -> None:
    floor.place("alice", "buy NO", 5, 40, time_in_force="gtd", expires_at=floor.now + 5 * SECOND)
    assert names(floor.wait(seconds=4)) == []
    assert names(floor.wait(seconds=1)) == ["OrderExpired"]
    assert floor.who("alice").available == cents("1000")


def test_shrinking_keeps_the_place_and_a_new_price_loses_it(floor: Floor) -> None:
    first = floor.place("alice", "buy NO", 5, 40)
    floor.place("bob", "buy NO", 5, 40)
    floor.do(c.ReplaceOrder(order=first, size=3), floor.by("alice"))
    floor.place("carol", "buy YES", 3, 60)
    assert floor.trades()[-1].asker == floor.numbers["alice"]
    second = floor.place("alice", "buy NO", 5, 30)
    floor.do(c.ReplaceOrder(order=second, price=40), floor.by("alice"))
    floor.place("carol", "buy YES", 5, 60)
    assert floor.trades()[-1].asker == floor.numbers["bob"]


def test_a_replacement_may_cross_and_is_covered_first(floor: Floor) -> None:
    order = floor.place("alice", "buy YES", 100, 10)
    refusal = floor.refuse(c.ReplaceOrder(order=order, size=9_100, price=11), floor.by("alice"))
    assert refusal.code == "insufficient_cash"
    floor.place("bob", "buy NO", 40, 60)
    floor.do(c.ReplaceOrder(order=order, price=40), floor.by("alice"))
    assert floor.trades()[-1].size == 40
    assert floor.live(order).remaining == 60
    assert floor.refuse(c.ReplaceOrder(order=order, size=40), floor.by("alice")).code == "quantity_filled"


def test_own_orders_never_match_nor_do_those_of_ones_other_agents(floor: Floor) -> None:
    floor.agent("ann", "ben", owner="olivia")
    floor.place("ann", "buy YES", 5, 60)
    floor.place("ben", "buy NO", 5, 40)
    assert floor.trades() == []
    assert floor.state.of_agent[floor.numbers["ben"]] == {}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"size": 0}, "size"),
        ({"size": 10**13}, "size"),
        ({"price": 100}, "price"),
        ({"price": -1}, "price"),
        ({"outcome": "MAYBE"}, "side"),
        ({"action": "short"}, "order_type"),
        ({"order_type": "stop"}, "type"),
        ({"order_type": "market"}, "price"),
        ({"order_type": "market", "price": 0, "time_in_force": "gtc"}, "time_in_force"),
        ({"time_in_force": "day"}, "time_in_force"),
        ({"time_in_force": "gtd"}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"time_in_force": "gtd", "expires_at": 1}, "expires_at"),
        ({"client_order_id": "x" * 65}, "client_order_id"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_name(floor: Floor, terms: dict[str, Any], field: str) -> None:
    command = c.PlaceOrder(
        **{
            "agent": floor.numbers["alice"],
            "market": floor.numbers["m"],
            "outcome": "YES",
            "size": 5,
            "price": 50,
            **terms,
        }
    )
    assert floor.refuse(command, floor.by("alice")).field == field


def test_nobody_acts_for_another_agent(floor: Floor) -> None:
    order = floor.place("alice", "buy YES", 5, 60)
    alice, market = floor.numbers["alice"], floor.numbers["m"]
    for command in (
        floor.order("alice", "buy YES", 5, 60),
        c.CancelOrder(order=order),
        c.CancelOrders(agent=alice),
        c.ReplaceOrder(order=order, size=1),
        c.SplitSets(agent=alice, market=market, size=1),
        c.MergeSets(agent=alice, market=market, size=1),
        c.Transfer(giver=alice, taker=floor.numbers["bob"], amount=1),
        c.DrawFaucet(agent=alice, amount=1),
        c.SetMode(agent=alice, mode="manual"),
        c.ApproveOrder(order=order),
    ):
        for actor in (STRANGER, floor.by("bob")):
            assert floor.refuse(command, actor).code == "not_yours"


def test_an_order_in_manual_mode_reserves_and_waits(floor: Floor) -> None:
    manual(floor)
    floor.place("alice", "buy NO", 5, 40)
    order = floor.place("max", "buy YES", 5, 60)
    assert floor.live(order).status == "pending_approval"
    assert floor.who("max").locked == cents("3")
    assert floor.trades() == []
    assert floor.refuse(c.ApproveOrder(order=order), floor.by("max")).code == "not_owner"
    floor.do(c.ApproveOrder(order=order))
    assert [trade.size for trade in floor.trades()] == [5]
    assert floor.refuse(c.ApproveOrder(order=order)).code == "order_not_open"


def test_what_is_approved_stands_behind_what_rested_meanwhile(floor: Floor) -> None:
    manual(floor)
    waiting = floor.place("max", "buy NO", 5, 40)
    floor.place("alice", "buy NO", 5, 40)
    floor.do(c.ApproveOrder(order=waiting))
    floor.place("bob", "buy YES", 5, 60)
    assert floor.trades()[-1].asker == floor.numbers["alice"]
    assert floor.refuse(c.ApproveOrder(order=waiting)).code == "not_waiting"


def test_what_nobody_approves_expires_and_what_is_rejected_ends(floor: Floor) -> None:
    floor.market("far", days=3)
    manual(floor)
    floor.place("max", "buy NO", 5, 40, market="far")
    second = floor.place("max", "buy NO", 5, 41, market="far")
    floor.do(c.RejectOrder(order=second))
    expired = floor.wait(seconds=DAY // SECOND)
    assert names(expired) == ["MarketClosed", "OrderExpired"]
    assert floor.who("max").available == cents("1000")


def test_in_manual_mode_the_key_does_nothing_else_that_spends(floor: Floor) -> None:
    number, market = manual(floor), floor.numbers["m"]
    order = floor.place("max", "buy NO", 5, 40)
    for command in (
        c.Transfer(giver=number, taker=floor.numbers["bob"], amount=1),
        c.SplitSets(agent=number, market=market, size=1),
        c.ReplaceOrder(order=order, size=4),
        c.CreateMarket(creator=number, question="Will it rain again?", deadline=floor.now + DAY),
        floor.order("max", "buy YES", 1),
    ):
        assert floor.refuse(command, floor.by("max")).code == "approval_required"
    assert floor.refuse(c.SetMode(agent=number, mode="auto"), floor.by("max")).code == "not_owner"
    floor.do(c.CancelOrder(order=order), floor.by("max"))
    floor.do(c.SetMode(agent=number, mode="auto"))


def test_an_agent_whom_nobody_owns_cannot_wait_for_an_owner(floor: Floor) -> None:
    command = c.SetMode(agent=floor.numbers["alice"], mode="manual")
    assert floor.refuse(command, floor.by("alice")).code == "no_owner"


def test_sets_are_split_and_merged_for_their_price(floor: Floor) -> None:
    alice, market = floor.numbers["alice"], floor.numbers["m"]
    floor.do(c.SplitSets(agent=alice, market=market, size=100), floor.by("alice"))
    assert (floor.who("alice").balance, floor.held("alice").cost) == (cents("900"), cents("100"))
    floor.place("alice", "sell YES", 60, 80)
    refusal = floor.refuse(c.MergeSets(agent=alice, market=market, size=41), floor.by("alice"))
    assert refusal.code == "insufficient_shares"
    floor.do(c.MergeSets(agent=alice, market=market, size=40), floor.by("alice"))
    assert (floor.who("alice").balance, floor.held("alice").realised) == (cents("940"), 0)


def test_cancelling_all_narrows_to_a_market(floor: Floor) -> None:
    floor.market("n")
    floor.place("alice", "buy YES", 5, 60)
    floor.place("alice", "buy YES", 5, 60, market="n")
    cancel = c.CancelOrders(agent=floor.numbers["alice"], market=floor.numbers["n"])
    assert names(floor.do(cancel, floor.by("alice"))) == ["OrderCancelled"]
    assert len(floor.state.orders) == 1


def test_many_small_fills_cost_no_more_than_a_large_one() -> None:
    floor = Floor(trading_fee=33)
    floor.agent("alice", "bob")
    floor.market()
    floor.place("alice", "buy YES", 7, 37)
    for _ in range(7):
        floor.place("bob", "buy NO", 1, 63)
    assert floor.who("alice").fees_paid == -(-7 * 3700 * 33 // 10_000)
