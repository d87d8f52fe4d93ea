"""The guards guarded: a state that was tampered with is found out, by the cheap check and by the audit."""

from collections.abc import Callable

import pytest

from common.errors import InvariantViolation
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.evolve import forget_changes
from markets.tests.driver import OLIVIA, T0, Market, fixing, user


def trading() -> Market:
    """A session with resting orders on both sides, an RFQ and a firm quote; as after the last command's check."""
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 50)
    market.quote("carol", market.ask("alice", 5), 100_000_000, firm=True)
    forget_changes(market.state)
    return market


def untouched_units(market: Market) -> None:
    market.state.touch("alice", "AAPL").total += 1


def minted_cash(market: Market) -> None:
    market.state.touch("alice", "CASH").total += 1


def lost_units(market: Market) -> None:
    market.state.touch("treasury", "NVDA").total -= 1


def reserved_beyond_total(market: Market) -> None:
    market.state.touch("alice", "AAPL").reserved = 41


def reserved_for_nothing(market: Market) -> None:
    market.state.touch("carol", "AAPL").reserved += 1


def released_behind_an_order(market: Market) -> None:
    market.state.touch("alice", "AAPL").reserved -= 1


def order_that_reserves_more_than_its_holding(market: Market) -> None:
    order = next(iter(market.state.orders.values()))
    market.state.touch_order(order)
    order.reserved += 1


def crossed_book(market: Market) -> None:
    book = market.state.book("AAPL", "CASH")
    sell = book.asks.levels[60].orders.popitem()[1]
    book.asks.levels[60].orders[sell.id] = sell
    book.remove(sell)
    sell.price = 50
    book.add(sell)
    market.state.touch_order(sell)


DAMAGE = (
    untouched_units,
    minted_cash,
    lost_units,
    reserved_beyond_total,
    reserved_for_nothing,
    released_behind_an_order,
    order_that_reserves_more_than_its_holding,
    crossed_book,
)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_broken_invariant_aborts_the_command_that_broke_it(damage: Callable[[Market], None]) -> None:
    market = trading()
    damage(market)
    with pytest.raises(InvariantViolation):
        SESSIONS.check(market.state)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_broken_invariant_is_told_by_the_audit(damage: Callable[[Market], None]) -> None:
    market = trading()
    assert list(SESSIONS.audit(market.state)) == []
    damage(market)
    assert list(SESSIONS.audit(market.state)) != []


def test_payouts_that_do_not_add_up_are_told_by_the_audit() -> None:
    market = Market()
    market.settle(AAPL=2, NVDA=3)
    market.state.facts.payouts["alice"] += 1
    assert list(SESSIONS.audit(market.state)) == [
        "alice is paid 141, their holdings are worth 140",
        "payouts add up to 421, the basket to 420",
    ]


def test_what_is_issued_within_a_command_may_be_there_and_no_more() -> None:
    market = Market()
    forget_changes(market.state)
    SESSIONS.evolve(market.state, e.ParticipantJoined("dave", "user-dave"), T0)
    SESSIONS.evolve(market.state, e.CashIssued("dave", 5), T0)
    SESSIONS.check(market.state)
    market.state.touch("dave", "CASH").total += 5
    with pytest.raises(InvariantViolation):
        SESSIONS.check(market.state)


def test_an_event_that_cannot_follow_is_an_error_and_no_silence() -> None:
    market = Market()
    for event in (
        e.OrderCancelled(999, "x"),
        e.OrderMatched(998, 999, 1, 1),
        e.QuoteExpired(999, "x"),
        e.TradeExecuted(998, 999),
        e.CashIssued("nobody", 1),
    ):
        with pytest.raises(LookupError):
            SESSIONS.evolve(market.state, event, T0)


def test_decide_changes_nothing_even_when_it_succeeds() -> None:
    market = trading()
    before = market.text()
    for command, actor in (
        (market.order("bob", "buy", 20, 70), user("bob")),
        (c.RemoveParticipant(participant="alice"), OLIVIA),
        (c.CloseSession(), OLIVIA),
        (c.FixPrices(fixing=fixing(AAPL=1, NVDA=1)), OLIVIA),
    ):
        assert SESSIONS.decide(market.state, command, actor, market.now)
        assert market.text() == before
    assert SESSIONS.due(market.state, market.now) == []
    assert market.text() == before
