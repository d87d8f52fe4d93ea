"""The worked numbers of event markets, to the hundredth of a cent: what a correct engine gives."""

import pytest

from predictions.engine import commands as c
from predictions.tests.driver import Floor, cents


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.agent("alice", "bob", "carol")
    return floor


def balances(floor: Floor, *handles: str) -> list[int]:
    return [floor.who(handle).balance for handle in handles]


def minted(floor: Floor) -> None:
    """A: Alice creates a market, bids YES 0.60 x 100, and Bob takes it with NO 0.40."""
    floor.market(creator="alice")
    floor.place("alice", "buy YES", 100, 60)
    assert floor.who("alice").locked == cents("60")
    floor.place("bob", "buy NO", 100, 40)


def test_a_mint_takes_each_sides_price_and_a_percent_of_it(floor: Floor) -> None:
    minted(floor)
    (trade,) = floor.trades()
    assert (trade.kind, trade.price, trade.size) == ("mint", 60, 100)
    assert balances(floor, "alice", "bob") == [cents("929.40"), cents("959.60")]
    assert [floor.who(name).locked for name in ("alice", "bob")] == [0, 0]
    market = floor.on()
    assert (market.volume, market.last_price, market.pairs) == (cents("60"), 60, 100)


def test_a_resolved_yes_pays_the_winner_and_the_moderator_from_the_fee(floor: Floor) -> None:
    minted(floor)
    floor.moderator("mona")
    floor.resolve("mona", "YES")
    assert balances(floor, "alice", "bob", "mona") == [cents("1028.60"), cents("959.60"), cents("1000.44")]
    assert floor.who("alice").reputation == cents("40")
    assert floor.who("bob").reputation == cents("-40")
    facts = floor.state.facts
    assert (facts.trading_fees, facts.creation_fees) == (cents("1"), cents("10"))
    assert facts.settlement_fees - facts.rewards == cents("0.36")


def test_b_resolved_no_pays_the_other_side(floor: Floor) -> None:
    minted(floor)
    floor.resolve("", "NO")
    assert balances(floor, "alice", "bob") == [cents("929.40"), cents("1058.40")]  # 98.80 of 100


def test_c_a_partial_fill_keeps_the_rest_locked_until_the_end(floor: Floor) -> None:
    floor.market()
    floor.place("alice", "buy YES", 100, 60)
    floor.place("bob", "buy NO", 30, 40)
    assert (floor.who("alice").locked, floor.who("alice").fees_locked) == (cents("42"), cents("0.42"))
    floor.resolve("", "YES")
    assert floor.who("alice").locked == floor.who("alice").fees_locked == 0


def test_d_a_cancelled_order_unlocks_what_it_locked(floor: Floor) -> None:
    floor.market()
    order = floor.place("alice", "buy YES", 10, 50)
    assert (floor.who("alice").locked, floor.who("alice").fees_locked) == (cents("5"), cents("0.05"))
    floor.do(c.CancelOrder(order=order), floor.by("alice"))
    assert floor.who("alice").available == floor.who("alice").balance == cents("1000")


@pytest.mark.parametrize(("first", "price"), [("NO", 50), ("YES", 60)])
def test_e_the_makers_price_counts_and_the_rest_is_released_at_once(floor: Floor, first: str, price: int) -> None:
    floor.market()
    orders = {"YES": ("alice", "buy YES", 100, 60), "NO": ("bob", "buy NO", 100, 50)}
    floor.place(*orders.pop(first))
    for order in orders.values():
        floor.place(*order)
    assert floor.trades()[0].price == price
    paid = {50: ["949.50", "949.50"], 60: ["939.40", "959.60"]}[price]
    assert balances(floor, "alice", "bob") == [cents(text) for text in paid]
    assert [floor.who(name).locked for name in ("alice", "bob")] == [0, 0]


def hundred_yes(floor: Floor) -> None:
    """F, G, H: Alice holds 100 YES at 0.60 and did not pay for the market; Bob holds the 100 NO."""
    floor.market()
    floor.place("alice", "buy YES", 100, 60)
    floor.place("bob", "buy NO", 100, 40)
    assert floor.who("alice").balance == cents("939.40")


def test_f_a_seller_is_paid_and_charged_a_percent_of_the_proceeds(floor: Floor) -> None:
    hundred_yes(floor)
    floor.place("alice", "sell YES", 50, 70)
    floor.place("carol", "buy YES", 50, 75)
    trade = floor.trades()[-1]
    assert (trade.kind, trade.price) == ("transfer", 70)
    assert balances(floor, "carol", "alice") == [cents("964.65"), cents("974.05")]
    assert (floor.who("carol").locked, floor.who("carol").fees_locked) == (0, 0)
    assert (floor.held("alice").yes, floor.held("carol").yes) == (50, 50)
    assert floor.held("alice").realised == cents("5")


def test_f_a_bid_that_rested_first_sets_the_price(floor: Floor) -> None:
    hundred_yes(floor)
    floor.place("carol", "buy YES", 50, 75)
    floor.place("alice", "sell YES", 50, 70)
    assert floor.trades()[-1].price == 75
    assert floor.who("alice").balance == cents("939.40") + cents("37.5") - cents("0.375")


def test_g_two_sales_that_ask_for_more_than_a_pair_don_t_meet(floor: Floor) -> None:
    hundred_yes(floor)
    floor.place("alice", "sell YES", 100, 60)
    floor.place("bob", "sell NO", 100, 60)
    assert len(floor.trades()) == 1
    assert floor.on().pairs == 100


def test_g_two_sales_that_ask_for_no_more_burn_pairs(floor: Floor) -> None:
    hundred_yes(floor)
    before = balances(floor, "alice", "bob")
    floor.place("alice", "sell YES", 100, 55)
    floor.place("bob", "sell NO", 100, 40)
    assert floor.trades()[-1].kind == "burn"
    after = balances(floor, "alice", "bob")
    assert after == [before[0] + cents("54.45"), before[1] + cents("44.55")]  # 55 and 45, less a percent
    assert floor.on().pairs == 0


def test_h_shares_are_sold_once(floor: Floor) -> None:
    hundred_yes(floor)
    floor.place("alice", "sell YES", 100, 70)
    refusal = floor.refuse_order("alice", "sell YES", 100, 70)
    assert (refusal.code, refusal.detail) == ("insufficient_shares", "This needs 100 YES shares; 0 are available.")


def test_i_cancelling_a_sale_gives_no_money(floor: Floor) -> None:
    hundred_yes(floor)
    for _ in range(3):
        order = floor.place("alice", "sell YES", 100, 99)
        floor.do(c.CancelOrder(order=order), floor.by("alice"))
    assert floor.who("alice").available == cents("939.40")
    assert floor.held("alice").yes_locked == 0


def test_j_the_fee_is_asked_for_up_front(floor: Floor) -> None:
    floor.market()
    refusal = floor.refuse_order("alice", "buy YES", 2000, 50)
    assert (refusal.code, refusal.detail) == ("insufficient_cash", "This needs 1010.00; 1000.00 are available.")


def test_k_a_market_maker_on_both_sides_keeps_both(floor: Floor) -> None:
    floor.market(creator="alice")
    floor.place("alice", "buy YES", 100, 48)
    floor.place("alice", "buy NO", 100, 48)
    floor.place("bob", "buy YES", 20, 55)
    floor.place("carol", "buy NO", 20, 55)
    held, alice = floor.held("alice"), floor.who("alice")
    assert [trade.price for trade in floor.trades()] == [52, 48]
    assert (held.yes, held.yes_cost, held.no, held.no_cost) == (20, cents("9.6"), 20, cents("9.6"))
    assert alice.locked == cents("76.80")
    assert alice.balance == cents("990") - cents("19.2") - cents("0.192")


def test_l_nothing_is_minted_for_the_moderator(floor: Floor) -> None:
    floor.market()
    floor.moderator("mona")
    floor.place("alice", "buy YES", 50, 70)
    floor.place("bob", "buy NO", 50, 30)
    floor.resolve("mona", "YES")
    assert floor.last_reward() == cents("0.165")
    everything = sum(agent.balance for agent in floor.state.agents.values()) + floor.state.facts.platform
    assert everything == cents("4000") == floor.state.facts.issued


def test_m_bulls_and_bears(floor: Floor) -> None:
    floor.agent("dave")
    floor.moderator("mona")
    floor.market()
    floor.place("alice", "buy YES", 50, 65)
    floor.place("carol", "buy NO", 50, 35)
    floor.place("bob", "buy YES", 30, 70)
    floor.place("dave", "buy NO", 30, 30)
    assert floor.on().volume == cents("53.50")
    floor.resolve("mona", "YES")
    wanted = ["1016.825", "1008.61", "982.325", "990.91"]
    assert balances(floor, "alice", "bob", "carol", "dave") == [cents(text) for text in wanted]
    assert floor.state.facts.settlement_fees == cents("0.53")
    assert sum(entry.amount for entry in floor.entries() if entry.kind == "payout") == cents("79.47")
    assert floor.last_reward() == cents("0.2915")


def test_the_best_price_of_all_kinds_comes_first(floor: Floor) -> None:
    hundred_yes(floor)
    floor.place("alice", "sell YES", 10, 70)
    floor.place("bob", "buy NO", 10, 60)
    floor.place("carol", "buy YES", 10, 70)
    assert (floor.trades()[-1].price, floor.trades()[-1].kind) == (40, "mint")
