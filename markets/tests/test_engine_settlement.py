"""What a settlement pays, how it is corrected, and how a trade is undone."""

import pytest

from common.money import LIMIT
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide.lifecycle import payouts_at
from markets.engine.events import Bounds
from markets.tests.driver import Market, fixing, names, user

ONE = 10_000


def two() -> Market:
    """The original's example: AAPL 100 and NVDA 60 on two participants, at four decimals."""
    return Market(people=("alice", "bob"), q=(100 * ONE, 60 * ONE), quantity_decimals=4, price_decimals=4)


def bust(market: Market, *, reason: str = "fat finger", of: int = -1) -> c.BustTrade:
    """Undo a trade, the newest if nothing is said."""
    trade = market.trades()[of]
    return c.BustTrade(
        trade=trade.id,
        participant_a=trade.a,
        participant_b=trade.b,
        leg_from=trade.leg_from,
        leg_to=trade.leg_to,
        amount_from=trade.amount_from,
        amount_to=trade.amount_to,
        reason=reason,
    )


# Settling


def test_prices_of_200_and_500_pay_25000_each() -> None:
    market = two()
    (settled,) = market.settle(AAPL=200 * ONE, NVDA=500 * ONE)
    assert isinstance(settled, e.SessionSettled)
    assert settled.payouts == {"alice": 25_000 * ONE * ONE, "bob": 25_000 * ONE * ONE}
    assert settled.treasury == 0
    assert market.state.facts.status == "settled"


def test_payouts_and_the_treasury_s_part_add_up_to_the_basket() -> None:
    market = Market(split=False)
    market.do(c.AssignAllocations(allocations={"alice": {"AAPL": 7}, "bob": {"NVDA": 11}}))
    (settled,) = market.settle(AAPL=3, NVDA=5)
    assert settled == e.SessionSettled(fixing(AAPL=3, NVDA=5), {"alice": 21, "bob": 55, "carol": 0}, 113 * 3 + 49 * 5)
    assert sum(settled.payouts.values()) + settled.treasury == 120 * 3 + 60 * 5


def test_after_the_rfq_of_the_original_everybody_is_paid_what_they_hold() -> None:
    market = two()
    quote = market.quote("bob", market.ask("alice", 10 * ONE), 62_000_000)
    market.do(c.AcceptQuote(quote=quote), user("alice"))
    (settled,) = market.settle(AAPL=200 * ONE, NVDA=500 * ONE)
    assert isinstance(settled, e.SessionSettled)
    assert settled.payouts == {
        "alice": (40 * 200 * ONE + 36_2000 * 500) * ONE,
        "bob": (60 * 200 * ONE + 23_8000 * 500) * ONE,
    }


def test_cash_is_paid_apart_and_stays_where_it_was() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 60)
    market.settle(AAPL=1, NVDA=1)
    assert [market.owns(handle)[2] for handle in ("alice", "bob", "carol")] == [100_600, 99_400, 100_000]


def test_what_a_removed_participant_left_is_paid_to_the_treasury() -> None:
    market = Market()
    market.do(c.RemoveParticipant(participant="alice"))
    (settled,) = market.settle(AAPL=1, NVDA=1)
    assert isinstance(settled, e.SessionSettled)
    assert (settled.payouts, settled.treasury) == ({"bob": 60, "carol": 60}, 60)


@pytest.mark.parametrize(
    ("prices", "code", "field"),
    [
        ({}, "fixing_unavailable", "prices.AAPL"),
        ({"AAPL": 5}, "fixing_unavailable", "prices.NVDA"),
        ({"AAPL": 5, "NVDA": 0}, "invalid_price", "prices.NVDA"),
        ({"AAPL": -5, "NVDA": 5}, "invalid_price", "prices.AAPL"),
        ({"AAPL": 5, "NVDA": LIMIT}, "invalid_price", "prices.NVDA"),
        ({"AAPL": 5, "NVDA": 5, "META": 5}, "unknown_leg", "prices.META"),
        ({"AAPL": LIMIT // 100, "NVDA": 5}, "too_large", "prices"),
    ],
)
def test_nothing_is_settled_on_prices_that_are_missing_unknown_or_impossible(
    prices: dict[str, int], code: str, field: str
) -> None:
    market = Market()
    refused = market.refuse(c.FixPrices(fixing=fixing(**prices))) if code != "too_large" else None
    assert refused is None or (refused.code, refused.field) == (code, field)
    market.do(c.CloseSession())
    refused = market.refuse(c.SettleSession(fixing=fixing(**prices)))
    assert (refused.code, refused.field) == (code, field)
    assert market.state.facts.status == "closed"


def test_a_preview_pays_what_the_settlement_would_and_changes_nothing() -> None:
    market = Market()
    before = market.text()
    assert payouts_at(market.state, {"AAPL": 2, "NVDA": 3}) == ({"alice": 140, "bob": 140, "carol": 140}, 0)
    assert market.text() == before


def test_a_settlement_happens_once() -> None:
    market = Market()
    market.settle(AAPL=1, NVDA=1)
    assert market.refuse(c.SettleSession(fixing=fixing(AAPL=1, NVDA=1))).code == "session_settled"


def test_the_fixing_is_on_record_with_the_settlement() -> None:
    market = Market()
    market.do(c.FixPrices(fixing=fixing(AAPL=1, NVDA=1)))
    assert market.state.facts.fixing == fixing(AAPL=1, NVDA=1)
    market.settle(AAPL=2, NVDA=3)
    assert market.state.facts.fixing == fixing(AAPL=2, NVDA=3)
    assert market.state.facts.payouts == {"alice": 140, "bob": 140, "carol": 140}


# Correcting


def test_a_correction_is_a_new_event_that_names_each_difference() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 60)
    market.settle(AAPL=10, NVDA=1)
    (corrected,) = market.do(c.CorrectSettlement(fixing=fixing(AAPL=11, NVDA=1), reason="typo"))
    assert corrected == e.SettlementCorrected(
        fixing(AAPL=11, NVDA=1),
        {"alice": 350, "bob": 570, "carol": 460},
        0,
        {"alice": 30, "bob": 50, "carol": 40},
        "typo",
    )
    assert market.state.facts.payouts == {"alice": 350, "bob": 570, "carol": 460}
    assert names([event for _, event in market.log]).count("SessionSettled") == 1


def test_a_settlement_can_be_corrected_again_and_back() -> None:
    market = Market()
    market.settle(AAPL=10, NVDA=1)
    market.do(c.CorrectSettlement(fixing=fixing(AAPL=11, NVDA=1), reason="typo"))
    (back,) = market.do(c.CorrectSettlement(fixing=fixing(AAPL=10, NVDA=1), reason="it was right"))
    assert isinstance(back, e.SettlementCorrected)
    assert back.differences == {"alice": -40, "bob": -40, "carol": -40}
    assert [settled.reason for settled in market.state.changed.settlements] == ["", "typo", "it was right"]


# Busting


def test_a_busted_trade_gives_each_party_back_what_it_gave() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    number = market.place("bob", "buy", 10, 60)
    market.do(bust(market))
    assert market.owns("alice") == market.owns("bob") == (40, 20, 100_000)
    assert market.seen(number).filled == 10
    assert market.state.busted == {market.trades()[0].id: "fat finger"}


def test_the_price_band_forgets_a_busted_trade() -> None:
    market = Market(bounds=Bounds(price_band=1000))
    for price in (100, 105):
        market.place("alice", "sell", 1, price)
        market.place("bob", "buy", 1, price)
    market.do(bust(market))
    assert market.refuse_order("bob", "buy", 1, 111).detail == "price must be within 10.00 % of 100."
    market.do(bust(market, of=-2))
    market.place("bob", "buy", 1, 1)


def test_the_price_band_is_around_a_fixing_that_is_newer_than_the_last_trade() -> None:
    market = Market(bounds=Bounds(price_band=1000))
    market.place("alice", "sell", 1, 200)
    market.place("bob", "buy", 1, 200)
    market.do(c.FixPrices(fixing=fixing(AAPL=100, NVDA=40)))
    assert market.refuse_order("bob", "buy", 1, 200).detail == "price must be within 10.00 % of 100."
    market.do(bust(market))
    market.place("bob", "buy", 1, 90)


def test_a_busted_rfq_trade_gives_both_legs_back() -> None:
    market = Market()
    market.do(c.AcceptQuote(quote=market.quote("bob", market.ask("alice", 10), 50_000_000)), user("alice"))
    market.do(bust(market))
    assert market.owns("alice")[:2] == market.owns("bob")[:2] == (40, 20)


def test_a_trade_is_busted_once_and_with_a_reason() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 60)
    refused = market.refuse(bust(market, reason=" "))
    assert (refused.code, refused.field) == ("reason_required", "reason")
    market.do(bust(market))
    assert market.refuse(bust(market)).code == "already_busted"


def test_a_trade_whose_proceeds_are_gone_or_reserved_cannot_be_busted() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 60)
    market.place("bob", "sell", 41, 70)
    refused = market.refuse(bust(market))
    assert (refused.code, refused.detail) == ("cannot_bust", "bob no longer has the AAPL to give back.")


def test_a_trade_with_somebody_who_was_removed_cannot_be_busted() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 60)
    market.do(c.RemoveParticipant(participant="alice"))
    assert market.refuse(bust(market)).code == "participant_removed"


def test_no_trade_is_busted_after_closing() -> None:
    market = Market()
    market.place("alice", "sell", 10, 60)
    market.place("bob", "buy", 10, 60)
    market.do(c.CloseSession())
    assert market.refuse(bust(market)).code == "session_closed"
