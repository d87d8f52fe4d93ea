"""Agents, markets, orders and the book as an outsider meets them: the plan's paths and shapes."""

from decimal import Decimal

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from common.clock import SECOND, isoformat, now_us
from predictions.api.tests.conftest import Caller, World, exact


def test_registering_answers_the_plans_shape_and_a_key_once(world: World) -> None:
    made = world.nobody.post("agents", {"name": "test-agent"})
    assert made["balance"] == 1000
    assert made["api_key"].startswith("sm_")
    again = world.nobody.get(f"agents/{made['id']}")
    assert (again["name"], again["balance"], again["reputation"]) == ("test-agent", 1000, 0)
    assert "api_key" not in again
    assert again["locked_balance"] is None
    assert Caller(made["api_key"]).get("agents/me")["locked_balance"] == 0
    assert world.nobody.refused("post", "agents", {"name": "TEST-agent"}) == (409, "name_taken")


def test_a_market_is_created_for_a_fee_and_listed(world: World) -> None:
    market = world.market("alice", category="sports", description="Two\nlines.")
    assert world.balances("alice") == ["990.00"]
    found = world.nobody.get(f"markets/{market}")
    assert (found["status"], found["yes_price"], found["no_price"]) == ("open", Decimal("0.50"), Decimal("0.50"))
    assert found["creator_id"] == world["alice"].id
    listed = world.nobody.get("markets?status=open&category=sports&search=rain")["results"]
    assert [one["id"] for one in listed] == [market]
    assert world.nobody.get("markets?category=ai")["results"] == []
    assert "sports" in world.nobody.get("markets/categories")["categories"]


def test_matched_orders_are_answered_with_their_trades(world: World) -> None:
    market = world.market()
    first = world["alice"].place(market, "YES", 100, 0.60)
    assert (first["status"], first["trades"]) == ("open", [])
    book = world.nobody.get(f"markets/{market}/orderbook")
    assert book["bids"] == [{"price": Decimal("0.60"), "size": 100, "orders": 1}]
    second = world["bob"].place(market, "NO", 30, "0.40")
    assert (second["status"], second["filled"]) == ("filled", 30)
    (trade,) = second["trades"]
    assert (trade["price"], trade["size"], trade["liquidity"]) == (Decimal("0.40"), 30, "taker")
    (shown,) = world.nobody.get(f"trades?market_id={market}")["results"]
    assert (shown["kind"], shown["price"], shown["side"]) == ("mint", Decimal("0.60"), "YES")
    assert (shown["buyer_id"], shown["seller_id"], shown["taker"]) == (world["alice"].id, world["bob"].id, "seller")
    (mine,) = world["alice"].get(f"orders?market_id={market}&status=live")["results"]
    assert (mine["filled"], mine["remaining"], mine["locked"], mine["locked_fee"]) == (30, 70, 42, Decimal("0.42"))
    assert mine["trades"][0]["liquidity"] == "maker"


def test_the_book_shows_every_kind_of_order_on_its_side(world: World) -> None:
    """F5: a sale of YES at 0.80 is an ask at 0.80, and no bid."""
    market = world.market()
    world["alice"].post(f"markets/{market}/split", {"size": 10})
    world["alice"].place(market, "sell YES", 10, 0.80)
    world["bob"].place(market, "NO", 5, 0.25)
    world["bob"].place(market, "YES", 5, 0.30)
    book = world.nobody.get(f"markets/{market}/orderbook")
    assert [(level["price"], level["size"]) for level in book["asks"]] == [
        (Decimal("0.75"), 5),
        (Decimal("0.80"), 10),
    ]
    assert (book["best_bid"], book["best_ask"]) == (Decimal("0.30"), Decimal("0.75"))
    assert (book["spread"], book["mid_price"]) == (Decimal("0.45"), Decimal("0.525"))


def test_orders_are_replaced_and_cancelled_by_their_owner_alone(world: World) -> None:
    market = world.market()
    order = world["alice"].place(market, "YES", 10, 0.50)["id"]
    changed = exact(world["alice"].call("patch", f"orders/{order}", {"price": 0.55}))
    assert changed["price"] == Decimal("0.55")
    assert world["bob"].refused("get", f"orders/{order}") == (404, "not_found")
    assert world["bob"].refused("delete", f"orders/{order}") == (404, "not_found")
    gone = exact(world["alice"].call("delete", f"orders/{order}"))
    assert (gone["status"], gone["refunded"]) == ("cancelled", Decimal("5.50"))
    assert world["alice"].refused("delete", f"orders/{order}") == (409, "order_not_open")


def test_every_kind_of_order_does_as_its_name_says(world: World) -> None:
    market = world.market()
    world["alice"].place(market, "NO", 10, 0.50)
    assert world["bob"].place(market, "YES", 20, 0.50, time_in_force="fok")["reason"] == "fok_unfilled"
    taken = world["bob"].place(market, "YES", 4, 0.60, time_in_force="ioc")
    assert (taken["filled"], taken["trades"][0]["price"]) == (4, Decimal("0.50"))
    swept = world["bob"].place(market, "YES", 20, type="market")
    assert (swept["filled"], swept["reason"]) == (6, "no_liquidity")
    soon = isoformat(now_us() + 60 * SECOND)
    assert world["bob"].place(market, "YES", 1, 0.10, time_in_force="gtd", expires_at=soon)["status"] == "open"


def test_a_bulk_gives_each_its_own_result_and_happens_once(world: World) -> None:
    market = world.market()
    alice = world["alice"]
    order = alice.place(market, "YES", 1, 0.10)["id"]
    place = alice.order(market, "YES", 10, 0.40)
    entries = [place, {**place, "size": 10**6}, {"action": "cancel", "order_id": order}]
    done = alice.post("orders/bulk", {"orders": entries}, Idempotency_Key="b")["results"]
    codes = [one["error"]["code"] if one["error"] else one["order"]["status"] for one in done]
    assert codes == ["open", "insufficient_cash", "cancelled"]
    assert alice.post("orders/bulk", {"orders": entries}, Idempotency_Key="b")["results"] == done
    refused = alice.call("post", "orders/bulk", {"orders": [place, {**place, "price": "x"}]}).json()
    assert refused["errors"][0]["field"] == "orders.1.price"


def test_an_order_happens_once_under_its_key_or_its_client_order_id(world: World) -> None:
    market = world.market()
    alice = world["alice"]
    body = alice.order(market, "YES", 10, 0.40, client_order_id="mine")
    first = alice.post("orders", body)
    assert alice.post("orders", body)["id"] == first["id"]
    keyed = alice.order(market, "YES", 5, 0.40)
    one = alice.call("post", "orders", keyed, Idempotency_Key="k")
    two = alice.call("post", "orders", keyed, Idempotency_Key="k")
    assert one.content == two.content
    assert two.headers["Idempotent-Replayed"] == "true"
    other = alice.call("post", "orders", {**keyed, "size": 6}, Idempotency_Key="k")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert len(alice.get("orders")["results"]) == 2


def test_pages_hold_everything_once(world: World) -> None:
    made = [world.market(question=f"Will it rain on day {day}?") for day in range(5)]
    for sort in ("newest", "closing", "volume"):
        seen, following = [], f"markets?limit=2&sort={sort}"
        while following:
            page = world.nobody.get(following.removeprefix("/api/v1/predictions/"))
            seen += [one["id"] for one in page["results"]]
            following = page["next"]
        assert sorted(seen) == sorted(made), sort
    assert world.nobody.refused("get", "markets?cursor=x") == (400, "invalid_input")


def test_the_leaderboard_ranks_by_equity(world: World) -> None:
    market = world.market()
    world["alice"].place(market, "YES", 100, 0.60)
    world["bob"].place(market, "NO", 100, 0.40)
    world.resolve(market, "YES")
    ranked = world.nobody.get("agents")["results"]
    assert [(one["rank"], one["name"]) for one in ranked] == [(1, "alice"), (2, "bob")]
    profile = world.nobody.get(f"agents/{world['bob'].id}/profile")
    assert (profile["stats"]["total_pnl"], profile["stats"]["win_rate"]) == (Decimal("-40.40"), 0)
    assert world.nobody.get("agents?order_by=balance&limit=1&role=trader")["results"][0]["name"] == "alice"


def test_manual_mode_waits_for_the_owner(world: World) -> None:
    market = world.market()
    owned = world.root.post("agents", {"name": "careful"})
    agent = Caller(owned["api_key"], owned["id"])
    assert agent.call("patch", f"agents/{agent.id}", {"trading_mode": "manual"}).status_code == 200
    waiting = agent.place(market, "YES", 10, 0.50)
    assert waiting["status"] == "pending_approval"
    assert agent.me["locked_balance"] == 5
    assert agent.refused("post", f"orders/{waiting['id']}/approve", {}) == (403, "not_owner")
    assert agent.refused("patch", f"agents/{agent.id}", {"trading_mode": "auto"}) == (403, "not_owner")
    (shown,) = world.root.get("approvals")["results"]
    assert (shown["id"], shown["agent_name"]) == (waiting["id"], "careful")
    assert world.root.post(f"orders/{waiting['id']}/approve")["status"] == "open"
    assert world.root.refused("post", f"orders/{waiting['id']}/approve", {}) == (409, "not_waiting")
    second = agent.place(market, "YES", 10, 0.40)["id"]
    assert world.root.post(f"orders/{second}/reject")["reason"] == "rejected"


def test_money_moves_only_by_its_owners_key(world: World) -> None:
    alice, bob = world["alice"], world["bob"]
    sent = {"to_agent_id": bob.id, "amount": "12.34", "note": "thanks"}
    assert alice.post(f"agents/{alice.id}/transfer", sent)["balance"] == Decimal("987.66")
    assert world.balances("bob") == ["1012.34"]
    assert [row["kind"] for row in bob.get(f"agents/{bob.id}/statement")["results"]] == ["transfer_in", "start"]
    assert alice.refused("get", f"agents/{bob.id}/statement") == (403, "not_yours")
    assert alice.refused("post", f"agents/{alice.id}/faucet", {"amount": 1}) == (422, "no_faucet")


def test_a_larger_bulk_asks_the_database_no_more_often(world: World) -> None:
    market = world.market()
    alice = world["alice"]
    client = Client(headers={"Authorization": f"Bearer {alice.secret}"})

    def queries(count: int) -> int:
        entries = {"orders": [alice.order(market, "YES", 1, 0.10)] * count}
        with CaptureQueriesContext(connection) as asked:
            answer = client.post("/api/v1/predictions/orders/bulk", entries, content_type="application/json")
        assert len(answer.json()["results"]) == count
        return len(asked)

    queries(1)
    assert queries(40) == queries(2)


def test_an_order_can_be_looked_at_before_it_is_placed(world: World) -> None:
    market = world.market()
    world["bob"].place(market, "NO", 30, 0.50)
    alice = world["alice"]
    seen = alice.post("orders/preview", alice.order(market, "YES", 100, 0.60))
    assert (seen["fills"], seen["rests"], seen["average_price"]) == (30, 70, Decimal("0.50"))
    assert (seen["cost"], seen["fee"], seen["reserved"]) == (57, Decimal("0.57"), Decimal("60.60"))
    assert seen["missing"] == 0
    assert alice.get("orders")["results"] == []
    placed = alice.place(market, "YES", 100, 0.60)
    assert (placed["filled"], world.balances("alice")) == (seen["fills"], ["984.85"])
    assert alice.post("orders/preview", alice.order(market, "YES", 5000, 0.60))["missing"] > 0
    assert alice.refused("post", "orders/preview", alice.order(market, "YES", 1, 0.999)) == (400, "invalid_input")
