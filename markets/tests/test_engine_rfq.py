"""RFQs: asking, competing and firm quotes, acceptance, withdrawal, expiry."""

from typing import Any

import pytest

from common.clock import SECOND
from common.money import LIMIT
from markets.engine import commands as c
from markets.engine import events as e
from markets.tests.driver import T0, Market, user

ONE = 10_000  # four decimals
RATE = 100_000_000


def two() -> Market:
    """The original's example: AAPL 100 and NVDA 60, fifty-thirty each."""
    return Market(people=("alice", "bob"), q=(100 * ONE, 60 * ONE), quantity_decimals=4, price_decimals=4)


def asking(**terms: Any) -> c.RequestQuote:
    plain: dict[str, Any] = {"participant": "alice", "leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 5}
    return c.RequestQuote(**{**plain, **terms})


def test_ten_aapl_at_062_return_six_point_two_nvda() -> None:
    market = two()
    rfq = market.ask("alice", 10 * ONE)
    quote = market.quote("bob", rfq, 62_000_000)
    assert market.offer(quote).amount_to == 62_000
    assert market.do(c.AcceptQuote(quote=quote), user("alice")) == [e.TradeExecuted(rfq, quote)]
    assert market.owns("alice")[:2] == (40 * ONE, 36_2000)
    assert market.owns("bob")[:2] == (60 * ONE, 23_8000)
    assert (market.rfq(rfq).status, market.offer(quote).status) == ("executed", "accepted")


def test_a_participant_with_five_aapl_cannot_have_a_quote_on_ten_accepted() -> None:
    market = Market(split=False)
    market.do(c.AssignAllocations(allocations={"alice": {"AAPL": 5}, "bob": {"NVDA": 50}}))
    quote = market.quote("bob", market.ask("alice", 10), RATE)
    refused = market.refuse(c.AcceptQuote(quote=quote), user("alice"))
    assert refused.code == "insufficient_units"
    assert refused.detail == "alice would give 10 AAPL and has 5 available."


def test_a_maker_who_no_longer_has_the_leg_cannot_be_accepted_but_others_can() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    first, second = market.quote("bob", rfq, 2 * RATE), market.quote("carol", rfq, RATE)
    market.place("bob", "sell", 1, 50, asset="NVDA")
    refused = market.refuse(c.AcceptQuote(quote=first), user("alice"))
    assert refused.detail == "bob would give 20 NVDA and has 19 available."
    assert market.do(c.AcceptQuote(quote=second), user("alice")) == [
        e.TradeExecuted(rfq, second),
        e.QuoteRejected(first, "another_accepted"),
    ]
    assert market.offer(first).status == "rejected"


@pytest.mark.parametrize(
    ("terms", "code", "field"),
    [
        ({"leg_from": "META"}, "unknown_leg", "leg_from"),
        ({"leg_to": "META"}, "unknown_leg", "leg_to"),
        ({"leg_to": "CASH"}, "unknown_leg", "leg_to"),
        ({"leg_from": "CASH"}, "unknown_leg", "leg_from"),
        ({"leg_to": "AAPL"}, "invalid_rfq", "leg_to"),
        ({"amount_from": 0}, "invalid_rfq", "amount_from"),
        ({"amount_from": -1}, "invalid_rfq", "amount_from"),
        ({"amount_from": LIMIT}, "invalid_rfq", "amount_from"),
        ({"expires_in": -1}, "invalid_rfq", "expires_in"),
        ({"expires_in": 10**10}, "invalid_rfq", "expires_in"),
        ({"participant": "bob"}, "not_yours", "participant_id"),
    ],
)
def test_a_bad_rfq_is_refused_by_naming_the_field(terms: dict[str, Any], code: str, field: str) -> None:
    refused = Market().refuse(asking(**terms), user("alice"))
    assert (refused.code, refused.field) == (code, field)


@pytest.mark.parametrize(
    ("terms", "code", "field"),
    [
        ({"rate": 0}, "invalid_quote", "rate"),
        ({"rate": -1}, "invalid_quote", "rate"),
        ({"rate": LIMIT}, "invalid_quote", "rate"),
        ({"rate": RATE // 5 - 1}, "invalid_quote", "rate"),
        ({"rate": LIMIT - 1}, "too_large", "rate"),
        ({"expires_in": -1}, "invalid_rfq", "expires_in"),
        ({"participant": "carol"}, "not_yours", "participant_id"),
        ({"rfq": 1}, "rfq_not_open", ""),
    ],
)
def test_a_bad_quote_is_refused_by_naming_the_field(terms: dict[str, Any], code: str, field: str) -> None:
    market = Market(q=(LIMIT - 1, 60), split=False)
    rfq = market.ask("alice", 10**9 if code == "too_large" else 5)
    plain: dict[str, Any] = {"rfq": rfq, "participant": "bob", "rate": RATE}
    refused = market.refuse(c.ProvideQuote(**{**plain, **terms}), user("bob"))
    assert (refused.code, refused.field) == (code, field)


def test_nobody_quotes_on_their_own_rfq_under_any_handle() -> None:
    market = Market()
    rfq = market.ask("alice", 5)
    refused = market.refuse(c.ProvideQuote(rfq=rfq, participant="alice", rate=RATE), user("alice"))
    assert (refused.code, refused.field) == ("own_rfq", "participant_id")


def test_the_amount_returned_is_rounded_down_to_the_unit_and_never_nothing() -> None:
    market = Market()
    rfq = market.ask("alice", 5)
    assert market.offer(market.quote("bob", rfq, 39_999_999)).amount_to == 1
    assert market.offer(market.quote("bob", rfq, 20_000_000)).amount_to == 1
    refused = market.refuse(c.ProvideQuote(rfq=rfq, participant="bob", rate=19_999_999), user("bob"))
    assert refused.code == "invalid_quote"


def test_an_rfq_and_a_quote_reserve_nothing() -> None:
    market = Market()
    market.quote("bob", market.ask("alice", 40), RATE // 2)
    market.place("alice", "sell", 40, 50)
    market.place("bob", "sell", 20, 50, asset="NVDA")


def test_a_firm_quote_reserves_what_it_offers_until_it_is_over() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    firm = market.quote("bob", rfq, RATE, firm=True)
    assert market.held("bob", "NVDA") == (20, 10)
    assert market.refuse_order("bob", "sell", 11, 50, asset="NVDA").code == "insufficient_units"
    market.do(c.WithdrawQuote(quote=firm), user("bob"))
    assert market.held("bob", "NVDA") == (20, 0)


def test_a_firm_quote_beyond_what_is_available_is_refused() -> None:
    market = Market()
    market.place("bob", "sell", 15, 50, asset="NVDA")
    rfq = market.ask("alice", 10)
    refused = market.refuse(c.ProvideQuote(rfq=rfq, participant="bob", rate=RATE, firm=True), user("bob"))
    assert refused.detail == "bob would give 10 NVDA and has 5 available."
    market.quote("bob", rfq, RATE)


def test_a_firm_quote_is_accepted_out_of_its_own_reservation() -> None:
    market = Market()
    rfq = market.ask("alice", 20)
    firm = market.quote("bob", rfq, RATE, firm=True)
    market.do(c.AcceptQuote(quote=firm), user("alice"))
    assert market.held("bob", "NVDA") == (0, 0)
    assert market.held("bob") == (60, 0)


def test_an_acceptance_rejects_all_the_others_and_releases_the_firm_ones() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    losing, winning, also = (
        market.quote("bob", rfq, RATE, firm=True),
        market.quote("carol", rfq, RATE, firm=True),
        market.quote("carol", rfq, RATE // 2),
    )
    decided = market.do(c.AcceptQuote(quote=winning), user("alice"))
    assert decided == [
        e.TradeExecuted(rfq, winning),
        e.QuoteRejected(losing, "another_accepted"),
        e.QuoteRejected(also, "another_accepted"),
    ]
    assert market.held("bob", "NVDA") == (20, 0)
    assert market.state.quotes == {}


def test_a_second_acceptance_is_refused_of_the_same_quote_and_of_another() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    first, second = market.quote("bob", rfq, RATE), market.quote("carol", rfq, RATE)
    market.do(c.AcceptQuote(quote=first), user("alice"))
    for quote in (first, second, rfq, 9_999):
        assert market.refuse(c.AcceptQuote(quote=quote), user("alice")).code == "quote_not_open"
    assert market.refuse(c.ProvideQuote(rfq=rfq, participant="bob", rate=RATE), user("bob")).code == "rfq_not_open"
    assert len(market.trades()) == 1


def test_only_the_requester_accepts_and_only_the_maker_withdraws() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    quote = market.quote("bob", rfq, RATE)
    assert market.refuse(c.AcceptQuote(quote=quote), user("bob")).code == "not_yours"
    assert market.refuse(c.WithdrawQuote(quote=quote), user("alice")).code == "not_yours"
    assert market.refuse(c.CancelRfq(rfq=rfq), user("bob")).code == "not_yours"


def test_a_withdrawn_quote_cannot_be_accepted_and_leaves_the_rfq_open() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    quote = market.quote("bob", rfq, RATE)
    assert market.do(c.WithdrawQuote(quote=quote), user("bob")) == [e.QuoteWithdrawn(quote, "requested")]
    assert market.refuse(c.AcceptQuote(quote=quote), user("alice")).code == "quote_not_open"
    assert market.refuse(c.WithdrawQuote(quote=quote), user("bob")).code == "quote_not_open"
    again = market.quote("bob", rfq, RATE)
    market.do(c.AcceptQuote(quote=again), user("alice"))


def test_a_cancelled_rfq_rejects_its_quotes() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    quote = market.quote("bob", rfq, RATE, firm=True)
    assert market.do(c.CancelRfq(rfq=rfq), user("alice")) == [
        e.QuoteRejected(quote, "rfq_cancelled"),
        e.RFQCancelled(rfq, "requested"),
    ]
    assert market.held("bob", "NVDA") == (20, 0)
    assert market.refuse(c.CancelRfq(rfq=rfq), user("alice")).code == "rfq_not_open"


def test_an_rfq_expires_at_its_moment_and_takes_its_quotes_along() -> None:
    market = Market()
    rfq = market.ask("alice", 10, expires_in=30)
    quote = market.quote("bob", rfq, RATE, expires_in=60)
    assert market.rfq(rfq).expires_at == T0 + 30 * SECOND
    assert market.wait(seconds=29.999999) == []
    market.now = T0 + 30 * SECOND
    assert market.refuse(c.AcceptQuote(quote=quote), user("alice")).code == "quote_not_open"
    assert (market.rfq(rfq).status, market.offer(quote).status) == ("expired", "expired")
    assert market.wait(seconds=60) == []


def test_a_quote_expires_by_itself_and_leaves_the_others() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    short, lasting = market.quote("bob", rfq, RATE, expires_in=5, firm=True), market.quote("carol", rfq, RATE)
    assert market.wait(seconds=5) == [e.QuoteExpired(short, "expired")]
    assert market.held("bob", "NVDA") == (20, 0)
    market.do(c.AcceptQuote(quote=lasting), user("alice"))


def test_an_executed_trade_names_its_rfq_and_quote_and_adds_up_to_nothing() -> None:
    market = Market()
    rfq = market.ask("alice", 10)
    quote = market.quote("bob", rfq, RATE // 2)
    market.do(c.AcceptQuote(quote=quote), user("alice"))
    (trade,) = market.trades()
    assert (trade.rfq, trade.quote, trade.a, trade.b) == (rfq, quote, "alice", "bob")
    assert (trade.leg_from, trade.amount_from, trade.leg_to, trade.amount_to) == ("AAPL", 10, "NVDA", 5)
    assert market.owns("alice")[:2] == (30, 25)
    assert market.owns("bob")[:2] == (50, 15)
