"""What a session's status allows, and what time makes happen."""

from collections.abc import Callable

import pytest

from common.clock import SECOND
from common.ids import CLOCK, Actor
from markets.engine import commands as c
from markets.engine import events as e
from markets.tests.driver import MINUTE, OLIVIA, T0, Market, fixing, names, user

STATUSES = ("created", "active", "halted", "closed", "settled", "cancelled")
OPEN = ("created", "active", "halted")


def market_in(status: str) -> tuple[Market, dict[str, int]]:
    """A session in this status. While it can have them, it has an order, an RFQ and a quote; else old numbers."""
    market = Market(start_mode="manual")
    numbers = {"order": 1, "rfq": 1, "quote": 1}
    if status == "created":
        return market, numbers
    market.do(c.StartSession())
    numbers["order"] = market.place("alice", "sell", 5, 50)
    numbers["rfq"] = market.ask("alice", 5)
    numbers["quote"] = market.quote("bob", numbers["rfq"], 100_000_000)
    if status == "halted":
        market.do(c.HaltSession())
    elif status == "closed":
        market.do(c.CloseSession())
    elif status == "settled":
        market.settle(AAPL=10, NVDA=20)
    elif status == "cancelled":
        market.do(c.CancelSession(reason="rain"))
    assert market.state.facts.status == status
    return market, numbers


Make = Callable[[dict[str, int]], c.Command]
PRICES = fixing(AAPL=10, NVDA=20)
# Command → who gives it, and the statuses in which it is legal.
TABLE: dict[str, tuple[Make, Actor, tuple[str, ...]]] = {
    "start": (lambda n: c.StartSession(), OLIVIA, ("created",)),
    "halt": (lambda n: c.HaltSession(reason="news"), OLIVIA, ("active",)),
    "resume": (lambda n: c.ResumeSession(), OLIVIA, ("halted",)),
    "close": (lambda n: c.CloseSession(), OLIVIA, ("active", "halted")),
    "settle": (lambda n: c.SettleSession(fixing=PRICES), OLIVIA, ("closed",)),
    "correct": (lambda n: c.CorrectSettlement(fixing=PRICES, reason="typo"), OLIVIA, ("settled",)),
    "cancel": (lambda n: c.CancelSession(reason="rain"), OLIVIA, (*OPEN, "closed")),
    "fix": (lambda n: c.FixPrices(fixing=PRICES), OLIVIA, (*OPEN, "closed")),
    "join": (lambda n: c.JoinSession(participant="dave", user="user-dave"), user("dave"), OPEN),
    "admit": (
        lambda n: c.AdmitParticipants(participants=(c.Admission(participant="erin", user="user-erin"),)),
        OLIVIA,
        OPEN,
    ),
    "remove": (lambda n: c.RemoveParticipant(participant="carol"), OLIVIA, OPEN),
    "allocate": (lambda n: c.AssignAllocations(allocations={"carol": {}}), OLIVIA, OPEN),
    "place": (
        lambda n: c.PlaceOrder(participant="bob", asset="AAPL", is_buy=True, quantity=1, price=1),
        user("bob"),
        ("active",),
    ),
    "replace": (lambda n: c.ReplaceOrder(order=n["order"], quantity=4), user("alice"), ("active",)),
    "cancel an order": (lambda n: c.CancelOrder(order=n["order"]), user("alice"), ("active", "halted")),
    "cancel orders": (lambda n: c.CancelOrders(participant="alice"), user("alice"), ("active", "halted")),
    "ask": (
        lambda n: c.RequestQuote(participant="bob", leg_from="NVDA", leg_to="AAPL", amount_from=1),
        user("bob"),
        ("active",),
    ),
    "quote": (
        lambda n: c.ProvideQuote(rfq=n["rfq"], participant="carol", rate=100_000_000),
        user("carol"),
        ("active",),
    ),
    "accept": (lambda n: c.AcceptQuote(quote=n["quote"]), user("alice"), ("active",)),
    "withdraw": (lambda n: c.WithdrawQuote(quote=n["quote"]), user("bob"), ("active", "halted")),
    "cancel an RFQ": (lambda n: c.CancelRfq(rfq=n["rfq"]), user("alice"), ("active", "halted")),
    "bust": (
        lambda n: c.BustTrade(
            trade=1,
            participant_a="alice",
            participant_b="bob",
            leg_from="AAPL",
            leg_to="CASH",
            amount_from=1,
            amount_to=1,
            reason="error",
        ),
        OLIVIA,
        ("active", "halted"),
    ),
    "announce": (lambda n: c.Announce(text="Five minutes left.", participant="bob"), OLIVIA, STATUSES),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", TABLE)
def test_an_action_is_done_where_it_is_legal_and_refused_with_the_status_elsewhere(action: str, status: str) -> None:
    make, actor, legal = TABLE[action]
    market, numbers = market_in(status)
    if status in legal:
        market.do(make(numbers), actor)
    else:
        refused = market.refuse(make(numbers), actor)
        assert refused.code == f"session_{status}"
        assert status in refused.detail


ORGANISERS = (
    "start",
    "halt",
    "resume",
    "close",
    "settle",
    "correct",
    "cancel",
    "fix",
    "allocate",
    "bust",
    "announce",
    "admit",
)


@pytest.mark.parametrize("action", ORGANISERS)
def test_only_the_organiser_runs_the_session(action: str) -> None:
    make, _, legal = TABLE[action]
    market, numbers = market_in(legal[0])
    assert market.refuse(make(numbers), user("alice")).code == "not_organiser"
    market.do(make(numbers), Actor("somebody", organiser=True))


@pytest.mark.parametrize(
    "action",
    ["place", "replace", "cancel an order", "cancel orders", "ask", "quote", "accept", "withdraw", "cancel an RFQ"],
)
def test_nobody_acts_for_another_participant_but_an_organiser_does(action: str) -> None:
    make, actor, legal = TABLE[action]
    market, numbers = market_in(legal[0])
    for stranger in (user("dave"), user("carol") if actor != user("carol") else user("alice")):
        refused = market.refuse(make(numbers), stranger)
        assert (refused.code, refused.field) == ("not_yours", "participant_id")
    market.do(make(numbers), OLIVIA)


# Starting


def test_an_immediate_session_is_active_at_once() -> None:
    market = Market()
    assert (market.state.facts.status, market.state.facts.t1, market.state.facts.t2) == ("active", T0, 0)


def test_a_manual_session_waits_for_its_organiser_for_ever() -> None:
    market = Market(start_mode="manual")
    assert market.wait(seconds=10**8) == []
    assert market.do(c.StartSession()) == [e.SessionStarted(T0 + 10**8 * SECOND, 0)]


def test_a_scheduled_session_starts_at_its_nominal_time_however_late_that_is_noticed() -> None:
    market = Market(start_mode="scheduled", t1=T0 + MINUTE, end_mode="timed", duration=10 * MINUTE)
    assert market.wait(seconds=59.999999) == []
    assert market.wait(seconds=30) == [e.SessionStarted(T0 + MINUTE, T0 + 11 * MINUTE)]


def test_a_scheduled_session_may_be_started_earlier_by_hand() -> None:
    market = Market(start_mode="scheduled", t1=T0 + MINUTE, end_mode="timed", duration=10 * MINUTE)
    market.do(c.StartSession())
    assert market.state.facts.t2 == T0 + 10 * MINUTE
    assert market.wait(seconds=120) == []


def test_a_session_whose_end_has_passed_cannot_be_started() -> None:
    market = Market(start_mode="manual", end_mode="timed", t2=T0 + MINUTE)
    assert market.wait(seconds=60) == []
    assert market.refuse(c.StartSession()).code == "t2_passed"
    market.do(c.CancelSession(reason="too late"))


def test_a_session_that_slept_through_its_whole_life_starts_and_closes_at_its_nominal_times() -> None:
    market = Market(start_mode="scheduled", t1=T0 + MINUTE, end_mode="timed", t2=T0 + 2 * MINUTE)
    assert market.wait(seconds=3600) == [
        e.SessionStarted(T0 + MINUTE, T0 + 2 * MINUTE),
        e.SessionClosed(T0 + 2 * MINUTE, by_hand=False),
    ]
    assert market.state.facts.closed_at == T0 + 2 * MINUTE


# Closing


def test_at_t2_sharp_nobody_trades_even_if_nobody_wrote_the_closing() -> None:
    market = Market(end_mode="timed", t2=T0 + MINUTE)
    market.now = T0 + MINUTE - 1
    rfq = market.ask("alice", 5)
    quote = market.quote("bob", rfq, 100_000_000)
    order = market.place("alice", "sell", 1, 10)
    market.now = T0 + MINUTE
    for command, who in (
        (market.order("bob", "buy", 1, 10), "bob"),
        (c.ReplaceOrder(order=order, price=11), "alice"),
        (c.CancelOrder(order=order), "alice"),
        (c.RequestQuote(participant="bob", leg_from="AAPL", leg_to="NVDA", amount_from=1), "bob"),
        (c.ProvideQuote(rfq=rfq, participant="carol", rate=100_000_000), "carol"),
        (c.AcceptQuote(quote=quote), "alice"),
    ):
        assert market.refuse(command, user(who)).code == "session_closed"
    assert market.log[-1] == (T0 + MINUTE, e.SessionClosed(T0 + MINUTE, by_hand=False))


def test_closing_expires_everything_open_and_releases_it() -> None:
    market = Market(end_mode="timed", t2=T0 + MINUTE)
    sell, buy = market.place("alice", "sell", 10, 60), market.place("bob", "buy", 10, 50)
    rfq = market.ask("alice", 5)
    firm = market.quote("bob", rfq, 100_000_000, firm=True)
    assert market.wait(seconds=75) == [
        e.OrderExpired(sell, "session_closed"),
        e.OrderExpired(buy, "session_closed"),
        e.QuoteExpired(firm, "session_closed"),
        e.RFQExpired(rfq, "session_closed"),
        e.SessionClosed(T0 + MINUTE, by_hand=False),
    ]
    assert market.held("alice") == (40, 0)
    assert market.held("bob", "CASH") == (100_000, 0)
    assert market.held("bob", "NVDA") == (20, 0)
    assert [market.seen(number).status for number in (sell, buy)] == ["expired", "expired"]
    assert (market.rfq(rfq).status, market.offer(firm).status) == ("expired", "expired")


def test_a_halted_session_closes_at_t2_too() -> None:
    market = Market(end_mode="timed", t2=T0 + MINUTE)
    market.do(c.HaltSession(reason="news"))
    assert names(market.wait(seconds=60)) == ["SessionClosed"]


def test_closing_by_hand_takes_the_moment_of_it() -> None:
    market = Market()
    market.now += 5 * SECOND
    assert market.do(c.CloseSession()) == [e.SessionClosed(T0 + 5 * SECOND, by_hand=True)]
    assert market.state.facts.closed_at == T0 + 5 * SECOND


def test_closing_by_hand_before_t2_can_be_forbidden_and_then_names_the_end() -> None:
    market = Market(end_mode="timed", t2=T0 + MINUTE)
    refused = market.refuse(c.CloseSession(before_t2=False))
    assert refused.code == "manual_settle_forbidden"
    assert "2027-01-15T08:01:00.000000Z" in refused.detail
    market.do(c.CloseSession(before_t2=True))


def test_a_session_without_a_fixed_end_may_always_be_closed_by_hand() -> None:
    assert names(Market().do(c.CloseSession(before_t2=False))) == ["SessionClosed"]


def test_an_order_never_outlives_t2_and_all_expires_in_nominal_order() -> None:
    market = Market(end_mode="timed", t2=T0 + 60 * SECOND)
    late = market.place("alice", "sell", 1, 60, time_in_force="gtd", expires_at=T0 + 70 * SECOND)
    second = market.place("alice", "sell", 1, 61, time_in_force="gtd", expires_at=T0 + 20 * SECOND)
    first = market.place("alice", "sell", 1, 62, time_in_force="gtd", expires_at=T0 + 10 * SECOND)
    rfq = market.ask("bob", 5, expires_in=20)
    quote = market.quote("carol", rfq, 100_000_000)
    short = market.quote("alice", rfq, 100_000_000, expires_in=15)
    at_end = market.place("bob", "buy", 1, 10, time_in_force="gtd", expires_at=T0 + 60 * SECOND)
    assert market.wait(seconds=3600) == [
        e.OrderExpired(first, "gtd"),
        e.QuoteExpired(short, "expired"),
        e.OrderExpired(second, "gtd"),
        e.QuoteExpired(quote, "rfq_expired"),
        e.RFQExpired(rfq, "expired"),
        e.OrderExpired(at_end, "gtd"),
        e.OrderExpired(late, "session_closed"),
        e.SessionClosed(T0 + 60 * SECOND, by_hand=False),
    ]


def test_a_quote_and_its_rfq_that_expire_at_the_same_moment_expire_once_each() -> None:
    market = Market()
    rfq = market.ask("alice", 5, expires_in=10)
    quote = market.quote("bob", rfq, 100_000_000, expires_in=10, firm=True)
    assert market.wait(seconds=10) == [e.QuoteExpired(quote, "rfq_expired"), e.RFQExpired(rfq, "expired")]
    assert market.held("bob", "NVDA") == (20, 0)


def test_advancing_twice_changes_nothing_the_second_time() -> None:
    market = Market(end_mode="timed", t2=T0 + MINUTE)
    market.place("alice", "sell", 1, 60, time_in_force="gtd", expires_at=T0 + 5 * SECOND)
    market.wait(seconds=5)
    before = market.text()
    assert market.do(c.AdvanceSession(), CLOCK) == []
    assert market.text() == before


# Halting


def test_while_halted_cancels_are_allowed_and_expiries_run() -> None:
    market = Market()
    order = market.place("alice", "sell", 5, 50)
    dated = market.place("alice", "sell", 5, 51, time_in_force="gtd", expires_at=T0 + 5 * SECOND)
    market.do(c.HaltSession(reason="news"))
    assert market.refuse_order("bob", "buy", 1, 1).code == "session_halted"
    market.do(c.CancelOrder(order=order), user("alice"))
    assert market.wait(seconds=5) == [e.OrderExpired(dated, "gtd")]
    market.do(c.ResumeSession())
    market.place("bob", "buy", 1, 1)


def test_a_halt_needs_no_reason_but_a_cancellation_and_a_correction_do() -> None:
    market = Market()
    market.do(c.HaltSession())
    for reason in ("", "  "):
        refused = market.refuse(c.CancelSession(reason=reason))
        assert (refused.code, refused.field) == ("reason_required", "reason")
    market.do(c.CloseSession())
    market.do(c.SettleSession(fixing=PRICES))
    refused = market.refuse(c.CorrectSettlement(fixing=PRICES, reason=" "))
    assert (refused.code, refused.field) == ("reason_required", "reason")


# Cancelling


def test_cancelling_the_session_releases_everything_and_pays_nothing() -> None:
    market = Market()
    sell, buy = market.place("alice", "sell", 10, 60), market.place("bob", "buy", 10, 50)
    rfq = market.ask("alice", 5)
    firm = market.quote("bob", rfq, 100_000_000, firm=True)
    assert market.do(c.CancelSession(reason="fire alarm")) == [
        e.OrderCancelled(sell, "session_cancelled"),
        e.OrderCancelled(buy, "session_cancelled"),
        e.QuoteRejected(firm, "session_cancelled"),
        e.RFQCancelled(rfq, "session_cancelled"),
        e.SessionCancelled("fire alarm"),
    ]
    assert market.owns("alice") == (40, 20, 100_000)
    assert [market.held("alice")[1], market.held("bob", "CASH")[1], market.held("bob", "NVDA")[1]] == [0, 0, 0]
    assert (market.state.facts.payouts, market.state.facts.fixing) == ({}, None)


def test_a_cancelled_session_stays_as_it_is_whatever_time_brings() -> None:
    market = Market(start_mode="scheduled", t1=T0 + MINUTE, end_mode="timed", duration=MINUTE)
    market.do(c.CancelSession(reason="rain"))
    assert market.wait(seconds=3600) == []


@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
def test_an_announcement_says_something_and_not_too_much(text: str) -> None:
    refused = Market().refuse(c.Announce(text=text))
    assert (refused.code, refused.field) == ("invalid_announcement", "text")


def test_nobody_is_told_anything_who_is_not_there() -> None:
    market = Market()
    assert market.refuse(c.Announce(text="hello", participant="zoe")).code == "unknown_participant"
    market.do(c.RemoveParticipant(participant="carol"))
    assert market.refuse(c.Announce(text="hello", participant="carol")).code == "participant_removed"
