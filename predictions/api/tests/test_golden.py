"""The worked numbers of event markets through the API, to the hundredth of a cent."""

from decimal import Decimal

import pytest

from predictions.api.tests.conftest import World
from predictions.models import Exchange


def prices(world: World, market: str) -> list[Decimal]:
    """What the market traded at, in YES, oldest first."""
    return [row["yes_price"] for row in reversed(world.nobody.get(f"trades?market_id={market}")["results"])]


def minted(world: World) -> str:
    """A: Alice creates a market, bids YES 0.60 x 100, and Bob takes it with NO 0.40."""
    market = world.market("alice")
    world["alice"].place(market, "YES", 100, 0.60)
    assert world["alice"].me["locked_balance"] == 60
    world["bob"].place(market, "NO", 100, 0.40)
    return market


def hundred_yes(world: World) -> str:
    """F, G, H, I: Alice holds 100 YES at 0.60 and paid for no market; Bob the 100 NO."""
    market = world.market()
    world["alice"].place(market, "YES", 100, 0.60)
    world["bob"].place(market, "NO", 100, 0.40)
    assert world.balances("alice") == ["939.40"]
    return market


def test_a_a_mint_costs_each_side_its_price_and_a_percent(world: World) -> None:
    market = minted(world)
    assert world.balances("alice", "bob") == ["929.40", "959.60"]
    assert world["alice"].me["locked_balance"] == world["bob"].me["locked_balance"] == 0
    found = world.nobody.get(f"markets/{market}")
    assert (found["volume"], found["yes_price"], found["no_price"]) == (60, Decimal("0.60"), Decimal("0.40"))


def test_a_yes_pays_the_winner_and_the_moderator_from_the_fee(world: World) -> None:
    market = minted(world)
    mona = world.moderator("mona")
    done = world.resolve(market, "YES", by=mona)
    assert (done["status"], done["outcome"], done["moderator_reward"]) == ("resolved", "YES", Decimal("0.44"))
    assert world.balances("alice", "bob", "mona") == ["1028.60", "959.60", "1000.44"]
    assert world["alice"].me["reputation"] == 40
    exchange = world.nobody.get("exchanges/main")
    assert (exchange["trading_fees"], exchange["creation_fees"]) == (1, 10)
    assert exchange["settlement_fees"] - exchange["rewards"] == Decimal("0.36")


def test_b_no_pays_the_other_side(world: World) -> None:
    market = minted(world)
    world.resolve(market, "NO")
    assert world.balances("alice", "bob") == ["929.40", "1058.40"]


def test_c_a_partial_fill_keeps_the_rest_locked_until_the_end(world: World) -> None:
    market = world.market()
    world["alice"].place(market, "YES", 100, 0.60)
    world["bob"].place(market, "NO", 30, 0.40)
    assert (world["alice"].me["locked_balance"], world["alice"].me["locked_fees"]) == (42, Decimal("0.42"))
    world.resolve(market, "YES")
    assert world["alice"].me["locked_balance"] == world["alice"].me["locked_fees"] == 0


def test_d_cancelling_unlocks_what_was_locked(world: World) -> None:
    market = world.market()
    order = world["alice"].place(market, "YES", 10, 0.50)["id"]
    assert world["alice"].me["locked_balance"] == 5
    assert world["alice"].call("delete", f"orders/{order}").json()["refunded"] == 5
    assert world["alice"].me["available"] == 1000


@pytest.mark.parametrize(
    ("first", "price", "left"), [("NO", "0.50", ["949.50", "949.50"]), ("YES", "0.60", ["939.40", "959.60"])]
)
def test_e_the_makers_price_counts_and_the_rest_is_released(
    world: World, first: str, price: str, left: list[str]
) -> None:
    market = world.market()
    orders = {"YES": ("alice", 0.60), "NO": ("bob", 0.50)}
    for side in (first, *({"YES", "NO"} - {first})):
        who, limit = orders[side]
        world[who].place(market, side, 100, limit)
    assert prices(world, market) == [Decimal(price)]
    assert world.balances("alice", "bob") == left
    assert world["alice"].me["locked_balance"] == world["bob"].me["locked_balance"] == 0


def test_f_a_seller_gets_the_proceeds_less_a_percent(world: World) -> None:
    market = hundred_yes(world)
    world["alice"].place(market, "sell YES", 50, 0.70)
    world["carol"].place(market, "YES", 50, 0.75)
    assert prices(world, market)[-1] == Decimal("0.70")
    assert world.balances("carol", "alice") == ["964.65", "974.05"]
    assert world["carol"].me["locked_balance"] == 0
    assert (world["alice"].holds(market), world["carol"].holds(market)) == ((50, 0), (50, 0))
    assert world["alice"].get(f"positions/{world['alice'].id}/{market}")["realised_pnl"] == 5


def test_f_a_bid_that_rested_first_sets_the_price(world: World) -> None:
    market = hundred_yes(world)
    world["carol"].place(market, "YES", 50, 0.75)
    world["alice"].place(market, "sell YES", 50, 0.70)
    assert prices(world, market)[-1] == Decimal("0.75")
    assert world.balances("alice") == ["976.5250"]


def test_g_two_sales_above_a_pair_dont_meet_and_below_burn_pairs(world: World) -> None:
    market = hundred_yes(world)
    world["alice"].place(market, "sell YES", 100, 0.60)
    order = world["bob"].place(market, "sell NO", 100, 0.60)
    assert (order["status"], world["alice"].holds(market)) == ("open", (100, 0))
    for who in ("alice", "bob"):
        world[who].call("delete", "orders")
    world["alice"].place(market, "sell YES", 100, 0.55)
    world["bob"].place(market, "sell NO", 100, 0.40)
    assert world.nobody.get(f"trades?market_id={market}")["results"][0]["kind"] == "burn"
    assert world.balances("alice", "bob") == ["993.85", "1004.15"]  # +55.00 and +45.00 less a percent of each
    assert world.nobody.get(f"markets/{market}")["open_interest"] == 0


def test_h_shares_are_sold_once(world: World) -> None:
    market = hundred_yes(world)
    world["alice"].place(market, "sell YES", 100, 0.70)
    assert world["alice"].refuse(market, "sell YES", 100, 0.70) == (422, "insufficient_shares")
    world["carol"].place(market, "YES", 200, 0.70)
    assert world["alice"].holds(market) == (0, 0)


def test_i_cancelling_a_sale_gives_no_money(world: World) -> None:
    market = hundred_yes(world)
    for _ in range(3):
        order = world["alice"].place(market, "sell YES", 100, 0.99)["id"]
        assert world["alice"].call("delete", f"orders/{order}").json()["refunded"] == 0
    assert world["alice"].me["available"] == Decimal("939.40")


def test_j_the_fee_is_asked_for_up_front(world: World) -> None:
    market = world.market()
    answer = world["alice"].call("post", "orders", world["alice"].order(market, "YES", 2000, 0.50))
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_cash")
    assert answer.json()["detail"] == "This needs 1010.00; 1000.00 are available."


def test_k_a_market_maker_on_both_sides_keeps_both(world: World) -> None:
    market = world.market("alice")
    for side in ("YES", "NO"):
        world["alice"].place(market, side, 100, 0.48)
    world["bob"].place(market, "YES", 20, 0.55)
    world["carol"].place(market, "NO", 20, 0.55)
    assert prices(world, market) == [Decimal("0.52"), Decimal("0.48")]
    held = world["alice"].get(f"positions/{world['alice'].id}/{market}")
    assert (held["yes_shares"], held["no_shares"]) == (20, 20)
    assert (held["avg_yes_price"], held["avg_no_price"]) == (Decimal("0.48"), Decimal("0.48"))
    assert world["alice"].me["locked_balance"] == Decimal("76.80")
    assert world["carol"].me["locked_balance"] == 0


def test_l_nothing_comes_from_nowhere(world: World) -> None:
    market = world.market()
    mona = world.moderator("mona")
    world["alice"].place(market, "YES", 50, 0.70)
    world["bob"].place(market, "NO", 50, 0.30)
    assert world.resolve(market, "YES", by=mona)["moderator_reward"] == Decimal("0.165")
    exchange = world.nobody.get("exchanges/main")
    everybody = sum(world[name].me["balance"] for name in ("alice", "bob", "mona"))
    assert everybody + exchange["platform"] == 3000 == exchange["issued"]


def test_m_bulls_and_bears(world: World) -> None:
    market = world.market()
    mona = world.moderator("mona")
    for name, side, size, price in (
        ("alice", "YES", 50, 0.65),
        ("carol", "NO", 50, 0.35),
        ("bob", "YES", 30, 0.70),
        ("dave", "NO", 30, 0.30),
    ):
        world[name].place(market, side, size, price)
    assert world.nobody.get(f"markets/{market}")["volume"] == Decimal("53.50")
    assert world.resolve(market, "YES", by=mona)["moderator_reward"] == Decimal("0.2915")
    assert world.balances("alice", "bob", "carol", "dave") == ["1016.8250", "1008.61", "982.3250", "990.91"]
    assert Exchange.objects.get(name="main").settlement_fees == 5_300
    payouts = [
        row["amount"]
        for name in ("alice", "bob")
        for row in world[name].get(f"agents/{world[name].id}/statement?kind=payout")["results"]
    ]
    assert sum(payouts) == Decimal("79.47")


def test_the_best_price_of_all_kinds_comes_first(world: World) -> None:
    market = hundred_yes(world)
    world["alice"].place(market, "sell YES", 10, 0.70)
    world["bob"].place(market, "NO", 10, 0.60)
    world["carol"].place(market, "YES", 10, 0.70)
    assert prices(world, market)[-1] == Decimal("0.40")


def test_a_void_gives_everybody_what_they_paid(world: World) -> None:
    market = hundred_yes(world)
    world.resolve(market, "VOID")
    assert world.balances("alice", "bob") == ["999.40", "999.60"]  # the fees on the trade are not part of it


def test_a_probability_pays_each_side_its_part(world: World) -> None:
    market = hundred_yes(world)
    body = {"outcome": "PROBABILITY", "probability": 0.70, "evidence": "Seven of ten.", "early": True}
    assert world.root.post(f"markets/{market}/resolve", body)["yes_value"] == Decimal("0.70")
    assert world.balances("alice", "bob") == ["1009.20", "989.60"]  # 70.00 less 2 % of 10.00; 30.00
