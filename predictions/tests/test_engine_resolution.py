"""Closing, resolving, challenging, voiding and correcting; moderators, transfers, faucet."""

from typing import Any

import pytest

from common.clock import SECOND
from predictions.engine import commands as c
from predictions.tests.driver import DAY, HOUR, Floor, cents, names


@pytest.fixture
def floor() -> Floor:
    return opened()


def opened(**terms: int) -> Floor:
    """Alice holds 100 YES at 0.60, Bob 100 NO at 0.40; Mona may resolve."""
    floor = Floor(**terms)
    floor.agent("alice", "bob", "carol")
    floor.moderator("mona")
    floor.market()
    floor.place("alice", "buy YES", 100, 60)
    floor.place("bob", "buy NO", 100, 40)
    return floor


def test_a_market_closes_at_its_deadline_and_its_orders_end(floor: Floor) -> None:
    floor.place("carol", "buy YES", 5, 10)
    assert names(floor.wait(seconds=DAY // SECOND)) == ["OrderCancelled", "MarketClosed"]
    assert floor.who("carol").available == cents("1000")
    assert floor.refuse_order("carol", "buy YES", 5, 10).code == "market_closed"


def test_resolving_early_is_said_and_recorded(floor: Floor) -> None:
    mona, market = floor.numbers["mona"], floor.numbers["m"]
    plain = c.ResolveMarket(market=market, agent=mona, outcome="YES", evidence="Seen.")
    assert floor.refuse(plain, floor.by("mona")).code == "too_early"
    floor.resolve("mona", "YES")
    assert floor.on().early
    assert floor.refuse(plain, floor.by("mona")).code == "market_resolved"


def test_after_the_deadline_nothing_is_early(floor: Floor) -> None:
    floor.wait(seconds=DAY // SECOND)
    floor.resolve("mona", "YES", early=False)
    assert not floor.on().early


def test_a_probability_pays_each_side_its_part(floor: Floor) -> None:
    floor.resolve("mona", "PROBABILITY", yes_value=75)
    assert floor.who("alice").balance == cents("939.40") + cents("75") - cents("0.30")
    assert floor.who("bob").balance == cents("959.60") + cents("25")


def test_a_void_gives_back_what_was_paid_without_fees(floor: Floor) -> None:
    floor.resolve("mona", "VOID")
    assert [floor.who(name).balance for name in ("alice", "bob")] == [cents("999.40"), cents("999.60")]
    assert floor.last_reward() == 0
    assert floor.who("alice").reputation == floor.held("alice").realised == 0


def test_a_void_takes_back_what_was_won_by_selling(floor: Floor) -> None:
    floor.place("alice", "sell YES", 100, 75)
    floor.place("carol", "buy YES", 100, 75)
    floor.resolve("mona", "VOID")
    assert [floor.who(name).balance + floor.who(name).fees_paid for name in ("alice", "bob", "carol")] == [
        cents("1000")
    ] * 3


def test_a_void_never_overdraws_who_has_spent_what_they_won() -> None:
    floor = opened(trading_fee=0)
    floor.market("n", days=9)
    floor.place("alice", "sell YES", 100, 99)
    floor.place("carol", "buy YES", 100, 99)
    spent = floor.who("alice").balance
    floor.do(c.Transfer(giver=floor.numbers["alice"], taker=floor.numbers["mona"], amount=spent), floor.by("alice"))
    floor.resolve("mona", "VOID")
    assert floor.who("alice").balance == 0
    back = [floor.who(name).balance for name in ("bob", "carol")]
    assert sum(back) == cents("2000") - cents("39") - 1  # her 39 are missing to both, in proportion
    assert back[1] - cents("901") == cents("99") * 100 // 139


def test_who_owes_in_a_void_loses_purchases_elsewhere_first() -> None:
    floor = opened(trading_fee=0)
    floor.market("n", days=9)
    floor.place("alice", "sell YES", 100, 99)
    floor.place("carol", "buy YES", 100, 99)
    floor.place("alice", "buy YES", 1039, 99, market="n")
    floor.resolve("mona", "VOID")
    assert floor.who("alice").balance == floor.who("alice").available == cents("1000")


@pytest.mark.parametrize("outcome", ["YES", "NO", "VOID"])
@pytest.mark.parametrize("then", ["YES", "NO", "VOID", "PROBABILITY"])
def test_a_correction_leaves_everybody_as_if_it_had_been_so_at_once(outcome: str, then: str) -> None:
    if outcome == then:
        return
    value = 30 if then == "PROBABILITY" else 0
    first, second = opened(), opened()
    first.resolve("", then, yes_value=value)
    second.resolve("mona", outcome)
    correction = c.CorrectResolution(
        market=second.numbers["m"], outcome=then, evidence="Look again.", reason="Misread.", yes_value=value
    )
    second.do(correction)
    for name in ("alice", "bob", "carol", "mona"):
        one, other = first.who(name), second.who(name)
        assert (one.balance, one.reputation, one.fees_paid) == (other.balance, other.reputation, other.fees_paid)
        assert first.held(name).realised == second.held(name).realised
    assert first.state.facts.platform == second.state.facts.platform
    assert second.refuse(correction).code == "nothing_to_correct"


def test_a_correction_is_the_organisers_and_says_why(floor: Floor) -> None:
    floor.resolve("mona", "YES")
    correct = c.CorrectResolution(market=floor.numbers["m"], outcome="NO", evidence="No.", reason="")
    assert floor.refuse(correct, floor.by("mona")).code == "not_organiser"
    assert floor.refuse(correct).code == "reason_required"


def test_what_was_spent_since_is_missing_to_those_who_should_have_had_it(floor: Floor) -> None:
    floor.resolve("mona", "YES")
    alice = floor.who("alice")
    floor.do(c.Transfer(giver=alice.id, taker=floor.numbers["carol"], amount=alice.balance), floor.by("alice"))
    platform = floor.state.facts.platform
    floor.do(c.CorrectResolution(market=floor.numbers["m"], outcome="NO", evidence="No.", reason="Misread."))
    assert alice.balance == 0
    assert floor.who("bob").balance == cents("959.60") + platform + cents("0.44")
    assert floor.state.facts.platform == 0


def test_a_challenge_window_holds_the_payout_back() -> None:
    floor = opened(challenge_window=HOUR)
    floor.resolve("mona", "YES")
    assert (floor.on().status, floor.who("alice").balance) == ("proposed", cents("939.40"))
    assert names(floor.wait(seconds=3600)) == ["MarketResolved"]
    assert (floor.who("alice").balance, floor.who("mona").balance) == (cents("1038.60"), cents("1000.44"))


def test_a_challenge_stops_the_payout_until_somebody_else_decides() -> None:
    floor = opened(challenge_window=HOUR)
    floor.resolve("mona", "YES")
    market = floor.numbers["m"]
    for who, code in (("carol", "not_holder"), ("bob", "reason_required")):
        command = c.ChallengeResolution(market=market, agent=floor.numbers[who], reason="")
        assert floor.refuse(command, floor.by(who)).code == code
    challenge = c.ChallengeResolution(market=market, agent=floor.numbers["bob"], reason="It was drizzle.")
    floor.do(challenge, floor.by("bob"))
    assert floor.refuse(challenge, floor.by("bob")).code == "market_challenged"
    assert floor.wait(seconds=7200) == []
    again = c.ResolveMarket(market=market, agent=floor.numbers["mona"], outcome="YES", evidence="It rained.")
    assert floor.refuse(again, floor.by("mona")).code == "conflict_of_interest"
    floor.resolve("", "NO")
    assert floor.on().status == "resolved"
    assert floor.who("bob").balance == cents("959.60") + cents("98.80")


def test_only_a_moderator_or_the_organiser_resolves_and_says_from_what(floor: Floor) -> None:
    market = floor.numbers["m"]
    by_carol = c.ResolveMarket(market=market, agent=floor.numbers["carol"], outcome="YES", evidence="x", early=True)
    assert floor.refuse(by_carol, floor.by("carol")).code == "not_moderator"
    as_organiser = c.ResolveMarket(market=market, outcome="YES", evidence="x", early=True)
    assert floor.refuse(as_organiser, floor.by("carol")).code == "not_organiser"
    bad: tuple[tuple[dict[str, Any], str], ...] = (
        ({"evidence": " "}, "evidence_required"),
        ({"outcome": "MAYBE"}, "invalid_resolution"),
        ({"outcome": "PROBABILITY"}, "invalid_resolution"),
        ({"outcome": "YES", "yes_value": 40}, "invalid_resolution"),
    )
    for terms, code in bad:
        command = c.ResolveMarket(**{"market": market, "outcome": "YES", "evidence": "x", "early": True, **terms})
        assert floor.refuse(command).code == code


def test_who_created_or_holds_does_not_judge() -> None:
    floor = Floor()
    floor.agent("alice", "bob")
    floor.agent("ann", owner="harry")
    floor.market(creator="alice")
    floor.place("bob", "buy YES", 5, 60)
    floor.place("ann", "buy NO", 5, 40)
    floor.agent("judge", owner="harry")
    for name in ("alice", "bob", "judge"):
        floor.do(c.SetRole(agent=floor.numbers[name], role="moderator"))
        command = c.ResolveMarket(
            market=floor.numbers["m"], agent=floor.numbers[name], outcome="YES", evidence="x", early=True
        )
        assert floor.refuse(command, floor.by(name)).code == "conflict_of_interest"


def test_the_role_is_the_organisers_to_give_and_ends_trading(floor: Floor) -> None:
    carol = floor.numbers["carol"]
    grant = c.SetRole(agent=carol, role="moderator")
    assert floor.refuse(grant, floor.by("carol")).code == "not_organiser"
    floor.place("carol", "buy YES", 5, 10)
    assert names(floor.do(grant)) == ["OrderCancelled", "RoleSet"]
    assert floor.refuse_order("carol", "buy YES", 5, 10).code == "not_trader"


def test_a_transfer_moves_what_is_available_and_no_more(floor: Floor) -> None:
    alice, bob = floor.numbers["alice"], floor.numbers["bob"]
    floor.place("alice", "buy YES", 1000, 50)
    refusal = floor.refuse(c.Transfer(giver=alice, taker=bob, amount=cents("434.41")), floor.by("alice"))
    assert refusal.detail == "This needs 434.41; 434.40 are available."
    floor.do(c.Transfer(giver=alice, taker=bob, amount=cents("434.40")), floor.by("alice"))
    assert floor.who("alice").available == 0
    assert floor.who("alice").deposits == cents("565.60")
    for taker, amount in ((alice, 1), (bob, 0), (bob, -5)):
        refusal = floor.refuse(c.Transfer(giver=alice, taker=taker, amount=amount), floor.by("alice"))
        assert refusal.code == "invalid_transfer"


def test_the_faucet_gives_up_to_its_limit_and_counts_as_a_deposit() -> None:
    floor = opened(faucet_limit=cents("100"))
    draw = c.DrawFaucet(agent=floor.numbers["carol"], amount=cents("60"))
    floor.do(draw, floor.by("carol"))
    refusal = floor.refuse(draw, floor.by("carol"))
    assert refusal.detail == "The faucet gives 100.00 to each agent in all; 40.00 are left."
    assert floor.who("carol").deposits == cents("1060")
    assert (
        opened().refuse(c.DrawFaucet(agent=floor.numbers["carol"], amount=1), floor.by("carol")).code == "no_faucet"
    )


@pytest.mark.parametrize(
    "terms",
    [
        {"trading_fee": -1},
        {"settlement_fee": 5001},
        {"starting_balance": -1},
        {"moderator_bonus": 141},
        {"challenge_window": -1},
        {"approval_window": 0},
        {"self_trade_prevention": "never"},
    ],
)
def test_an_exchange_whose_terms_contradict_each_other_is_not_opened(terms: dict[str, int]) -> None:
    with pytest.raises(Exception, match=r"\.$") as caught:
        Floor(**terms)
    assert getattr(caught.value, "code", "") == "invalid_exchange"
