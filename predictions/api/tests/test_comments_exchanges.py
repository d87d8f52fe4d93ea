"""Discussion and exchanges through the API."""

from decimal import Decimal

import pytest

from ledger.runtime import runtime
from predictions.api.tests.conftest import Caller, World
from predictions.handlers import exchanges


def test_what_is_said_has_a_thread_votes_and_holdings(world: World) -> None:
    market = world.market()
    alice, bob = world["alice"], world["bob"]
    bob.post(f"markets/{market}/split", {"size": 3})
    text = "<script>alert(1)</script>\nSecond line."
    said = alice.post(
        f"markets/{market}/comments", {"content": text, "sentiment": "bullish", "price_prediction": 0.8}
    )
    answer = bob.post(f"markets/{market}/comments", {"content": "No.", "parent_id": said["id"]})
    assert bob.post(f"comments/{said['id']}/vote", {"vote_type": "upvote"})["new_score"] == 1
    assert alice.refused("post", f"comments/{said['id']}/vote", {"vote_type": "upvote"})[1] == "invalid_comment"
    (found,) = bob.get(f"markets/{market}/comments")["results"]
    assert (found["content"], found["score"], found["user_vote"]) == (text, 1, 1)
    assert (found["author"]["name"], found["price_prediction"]) == ("alice", Decimal("0.80"))
    assert found["replies"][0]["position"] == {"yes_shares": 3, "no_shares": 3}
    assert world.nobody.get(f"markets/{market}/mood")["bullish"] == 1
    assert bob.refused("patch", f"comments/{said['id']}", {"content": "x"}) == (403, "not_yours")
    assert bob.refused("post", f"comments/{said['id']}/pin", {"pinned": True}) == (403, "not_moderator")
    mona = world.moderator("mona")
    assert mona.post(f"comments/{answer['id']}/pin", {"pinned": True})["is_pinned"]
    assert alice.call("delete", f"comments/{said['id']}").json()["content"] == ""


def test_who_says_too_much_is_told_how_long_to_wait(world: World) -> None:
    market = world.market()
    for _ in range(10):
        world["alice"].post(f"markets/{market}/comments", {"content": "Wet."})
    answer = world["alice"].call("post", f"markets/{market}/comments", {"content": "Wet."})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert world["alice"].refused("post", f"markets/{market}/comments", {"content": " \n "})[0] == 422


def test_an_organiser_opens_an_exchange_with_its_own_terms(world: World) -> None:
    body = {
        "name": "class-a",
        "starting_balance": 50,
        "creation_fee": 0,
        "trading_fee": "0.5",
        "challenge_seconds": 60,
    }
    made = world.root.post("exchanges", body)
    assert (made["terms"]["starting_balance"], made["terms"]["trading_fee"]) == (50, Decimal("0.50"))
    assert world.root.refused("post", "exchanges", body) == (409, "exchange_exists")
    assert world["alice"].refused("post", "exchanges", {"name": "mine"}) == (403, "missing_scope")
    agent = world.nobody.post("agents", {"name": "ann", "exchange": "class-a"})
    assert agent["balance"] == 50
    assert [one["name"] for one in world.nobody.get("exchanges")["results"]] == ["main", "class-a"]
    assert world.root.call("delete", "exchanges/class-a").status_code == 204
    assert world.nobody.refused("get", "exchanges/class-a") == (404, "not_found")


def test_a_proposed_resolution_waits_and_can_be_challenged(world: World) -> None:
    world.root.post("exchanges", {"name": "slow", "challenge_seconds": 3600})
    people = {}
    for name in ("ann", "ben"):
        made = world.nobody.post("agents", {"name": name, "exchange": "slow"})
        people[name] = Caller(made["api_key"], made["id"])
    market = world.market(exchange="slow")
    people["ann"].place(market, "YES", 10, 0.60)
    people["ben"].place(market, "NO", 10, 0.40)
    proposed = world.resolve(market, "YES")
    assert (proposed["status"], proposed["resolved_at"]) == ("proposed", None)
    reason = {"reason": "It did not rain."}
    assert people["ben"].post(f"markets/{market}/challenge", reason)["status"] == "challenged"
    assert world.resolve(market, "NO")["status"] == "resolved"
    steps = world.nobody.get(f"markets/{market}")["resolution"]
    assert [step["kind"] for step in steps] == ["proposed", "challenged", "resolved"]
    body = {"outcome": "YES", "evidence": "The station was right.", "reason": "Misread."}
    assert world.root.post(f"markets/{market}/correct", body)["outcome"] == "YES"
    assert people["ann"].me["balance"] > 1000


def test_a_house_quotes_on_both_sides_of_an_empty_book(world: World) -> None:
    market = world.market()
    found = world.root.post(f"markets/{market}/house", {"liquidity": 100})
    assert found["liquidity"] == 100
    book = world.nobody.get(f"markets/{market}/orderbook")
    assert (book["best_bid"], book["best_ask"]) == (Decimal("0.49"), Decimal("0.51"))
    bought = world["alice"].place(market, "YES", 5, type="market")
    assert bought["filled"] == 5
    assert world["alice"].refused("post", f"markets/{market}/house", {"liquidity": 1}) == (403, "not_organiser")


def test_order_entry_has_its_limits(world: World, settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    market = world.market()
    began = runtime.clock()
    monkeypatch.setattr(runtime, "clock", lambda: began)
    settings.ORDERS_PER_SECOND, settings.ORDER_BURST = 1, 3  # type: ignore[attr-defined]
    body = world["alice"].order(market, "YES", 1, 0.10)
    answers = [world["alice"].call("post", "orders", body) for _ in range(6)]
    assert answers[0].headers["RateLimit-Policy"] == '"orders";q=3;w=3'
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 3
    assert world["alice"].call("delete", "orders").status_code == 200


def test_the_main_exchange_is_there_without_being_made(world: World) -> None:
    assert exchanges.find().name == world.nobody.get("exchanges/main")["name"]
    assert world.nobody.get("exchanges/main")["terms"]["approval_seconds"] == 24 * 3600
