"""Lists, page by page, while rows come and go."""

from collections.abc import Callable
from typing import Any

from predictions.api.tests.conftest import Caller, World


def walked(caller: Caller, path: str, *, between: Callable[[], Any] = lambda: None, limit: int = 1) -> list[Any]:
    """Every row of a list by its `next`; `between` is done after each page."""
    found, following = [], f"/api/v1/predictions/{path}{'&' if '?' in path else '?'}limit={limit}"
    while following:
        page = caller.get(following.removeprefix("/api/v1/predictions/"))
        found += page["results"]
        following = page["next"]
        between()
    return found


def test_exchanges_that_go_between_two_pages_take_no_others_with_them(world: World) -> None:
    for name in ("b", "a", "d", "c"):
        world.root.post("exchanges", {"name": name})
    doomed = iter(["", "b"])

    def between() -> None:
        name = next(doomed, "")
        if name:
            assert world.root.call("delete", f"exchanges/{name}?reason=over").status_code == 204

    assert [one["name"] for one in walked(world.root, "exchanges", between=between)] == ["main", "b", "a", "d", "c"]


def test_comments_that_come_between_two_pages_show_no_other_twice(world: World) -> None:
    market, more = world.market(), iter(range(3))
    said = [world["alice"].post(f"markets/{market}/comments", {"content": f"{n}"})["id"] for n in range(5)]

    def between() -> None:
        if next(more, None) is not None:
            world["bob"].post(f"markets/{market}/comments", {"content": "Also."})

    found = walked(world.nobody, f"markets/{market}/comments?sort=newest", between=between, limit=2)
    assert [one["id"] for one in found] == said[::-1]
    for sort in ("top", "newest", "oldest", "controversial"):
        assert len({one["id"] for one in walked(world.nobody, f"markets/{market}/comments?sort={sort}")}) == 8
    for cursor in ("1", "1.2.3.4.5", "x", "1..2", "-", "９.9", "9" * 40):
        path = f"markets/{market}/comments?sort=top&cursor={cursor}"
        assert world.nobody.refused("get", path) == (400, "invalid_input"), cursor


def test_agents_who_join_between_two_pages_show_no_other_twice(world: World) -> None:
    first = [world[name].id for name in ("a", "b", "c")]
    world["a"].post(f"agents/{first[0]}/transfer", {"to_agent_id": first[2], "amount": 1})
    rich = iter(["d"])

    def between() -> None:
        for name in rich:
            world["b"].post(f"agents/{first[1]}/transfer", {"to_agent_id": world[name].id, "amount": 2})

    found = walked(world.nobody, "agents?order_by=balance", between=between)
    assert [one["id"] for one in found] == [first[2], first[0], first[1]]


def test_an_agent_of_another_exchange_has_no_trades_or_positions_in_this_market(world: World) -> None:
    market = world.market()
    world["alice"].post(f"markets/{market}/split", {"size": 3})
    world["bob"].place(market, "YES", 3, "0.5")
    world["alice"].place(market, "sell YES", 3, "0.5")
    world.root.post("exchanges", {"name": "other"})
    for name in ("x", "y", "z"):
        stranger = world.nobody.post("agents", {"name": name, "exchange": "other"})["id"]
        for what in ("trades", "positions"):
            refusal = world.nobody.refused("get", f"{what}?market_id={market}&agent_id={stranger}")
            assert refusal == (404, "not_found")
    assert len(world.nobody.get(f"trades?market_id={market}&agent_id={world['bob'].id}")["results"]) == 1


def test_a_statement_leaves_out_nothing_that_one_event_paid(world: World) -> None:
    """A moderator who had sold out at a loss is paid by a void, and gives back the reward, in one correction."""
    market = world.market()
    mona, bob, carol = world["mona"], world["bob"], world["carol"]
    bob.post(f"markets/{market}/split", {"size": 20})
    for seller, buyer, price in ((bob, mona, "0.6"), (mona, carol, "0.4")):
        seller.place(market, "sell YES", 10, price)
        buyer.place(market, "YES", 10, price)
    world.resolve(market, "YES", by=world.moderator("mona"))
    correction = {"outcome": "VOID", "evidence": "It was not seen.", "reason": "A mistake."}
    world.root.post(f"markets/{market}/correct", correction)
    path = f"agents/{mona.id}/statement"
    found = walked(mona, path)
    assert found == mona.get(path)["results"]
    assert [one["kind"] for one in found] == ["reward", "correction", "reward", "start"]
    assert found[0]["balance_after"] == mona.me["balance"]
    for cursor in ("x", "-1", "9" * 30, "%C3%A9"):
        assert mona.refused("get", f"{path}?cursor={cursor}") == (400, "invalid_input")
