"""The house: its ladder is the logarithmic scoring rule's, and it never loses more than b·ln 2."""

import random
from decimal import Decimal, getcontext

import pytest

from predictions.engine import commands as c
from predictions.engine import pricing
from predictions.engine.pricing import SHARE, ladder
from predictions.tests.driver import Floor, cents

getcontext().prec = 60


def bound(liquidity: int) -> Decimal:
    """b·ln 2 in hundredths of a cent."""
    return liquidity * Decimal(2).ln() * SHARE


def test_the_table_of_logarithms_is_right() -> None:
    for price, logit in zip(range(51, 100), pricing._LOGITS, strict=True):
        assert logit == int((Decimal(price) / (100 - price)).ln() * 10**12)


@pytest.mark.parametrize("liquidity", [1, 7, 50, 100, 1000, pricing.MOST_LIQUIDITY])
def test_either_side_of_the_ladder_costs_less_than_the_bound(liquidity: int) -> None:
    rungs = ladder(liquidity)
    asks = sum(rung.size * (100 - rung.price) * 100 for rung in rungs if not rung.is_bid)
    bids = sum(rung.size * rung.price * 100 for rung in rungs if rung.is_bid)
    assert asks == bids <= bound(liquidity)
    assert pricing.funding(rungs) == asks + bids


def housed(liquidity: int) -> Floor:
    floor = Floor(starting_balance=cents("100000"))
    floor.agent("alice", "bob", "carol")
    floor.market()
    floor.numbers["house"] = floor.state.facts.seq + 1
    floor.do(c.OpenHouse(market=floor.numbers["m"], liquidity=liquidity))
    return floor


def test_the_house_quotes_on_both_sides_of_fifty_without_crossing() -> None:
    floor = housed(100)
    book = floor.state.book(floor.numbers["m"])
    assert (book.bids.best, book.asks.best) == (49, 51)
    assert floor.who("house").available == 0


def test_the_way_back_is_offered_a_cent_apart() -> None:
    floor = housed(100)
    floor.place("alice", "buy YES", 5, 52)
    book = floor.state.book(floor.numbers["m"])
    assert (book.bids.best, book.asks.best) == (51, 52)
    floor.place("bob", "buy NO", 1, 49)
    assert floor.trades()[-1].price == 51
    assert floor.held("house").no == 4


@pytest.mark.parametrize("outcome", ["YES", "NO"])
@pytest.mark.parametrize("seed", range(4))
def test_whoever_trades_however_the_house_loses_no_more_than_the_bound(outcome: str, seed: int) -> None:
    chance, floor = random.Random(seed), housed(60)
    funded = floor.who("house").balance
    for _ in range(120):
        who, what = chance.choice(("alice", "bob", "carol")), chance.choice(("YES", "NO"))
        lean = 90 if (what == outcome) and seed % 2 else chance.randrange(1, 100)
        held = floor.held(who).free(what)
        if held and chance.random() < 0.3:
            floor.place(who, f"sell {what}", chance.randint(1, held), chance.randrange(1, 100), time_in_force="ioc")
        else:
            floor.place(who, f"buy {what}", chance.randint(1, 40), lean)
        book = floor.state.book(floor.numbers["m"])
        assert not book.is_crossed()
    floor.resolve("", outcome)
    assert floor.who("house").balance >= funded - bound(60)
    assert floor.who("house").fees_paid == 0


def test_whoever_buys_the_whole_side_takes_no_more_than_the_bound() -> None:
    floor = housed(1000)
    funded = floor.who("house").balance
    floor.place("alice", "buy YES", 5_000, 99, time_in_force="ioc")
    floor.resolve("", "YES")
    lost = funded - floor.who("house").balance
    assert bound(1000) * Decimal("0.95") < lost <= bound(1000)


def test_a_house_opens_once_on_an_empty_book_by_the_organiser() -> None:
    floor = housed(10)
    again = c.OpenHouse(market=floor.numbers["m"], liquidity=10)
    assert floor.refuse(again).code == "house_exists"
    other = floor.market("other")
    floor.place("alice", "buy YES", 1, 50, market="other")
    assert floor.refuse(c.OpenHouse(market=other, liquidity=10)).code == "book_not_empty"
    assert floor.refuse(c.OpenHouse(market=other, liquidity=10), floor.by("alice")).code == "not_organiser"
    third = floor.market("third")
    for liquidity in (0, pricing.MOST_LIQUIDITY + 1):
        assert floor.refuse(c.OpenHouse(market=third, liquidity=liquidity)).code == "invalid_house"


def test_nobody_trades_for_the_house() -> None:
    floor = housed(10)
    house = floor.state.agents[floor.numbers["house"]]
    order = next(iter(floor.state.of_agent[house.id]))
    assert floor.refuse(c.CancelOrder(order=order)).code == "not_yours"
    assert floor.refuse(c.CancelOrder(order=order), floor.by("alice")).code == "not_yours"
