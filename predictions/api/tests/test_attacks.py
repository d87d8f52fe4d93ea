"""What anybody could do on the public original, and nobody may here: the attack rows of the specification."""

from typing import Any

import pytest

from accounts import keys
from accounts.facade import User
from ledger.models import Event
from predictions.api.tests.conftest import Caller, World

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def market(world: World) -> str:
    made = world.market()
    assert world["mallory"].id
    assert world["alice"].id
    return made


def stolen(world: World, market: str) -> list[tuple[str, str, Any]]:
    """(row, address, body) of every act in Alice's name."""
    alice = world["alice"]
    order = alice.place(market, "YES", 10, 0.50)["id"]
    body = alice.order(market, "YES", 10, 0.50)
    return [
        ("S1", "orders", body),
        ("S1", "orders/bulk", {"orders": [body]}),
        ("S1", f"orders/{order}/approve", {}),
        ("S2", f"agents/{alice.id}/transfer", {"to_agent_id": world["mallory"].id, "amount": 1000}),
        ("S3", f"agents/{alice.id}/faucet", {"amount": 1000}),
        ("S4", f"markets/{market}/resolve", {"outcome": "YES", "evidence": "Mine.", "moderator_id": alice.id}),
        ("S4", f"agents/{alice.id}/role", {"role": "moderator"}),
        ("S5", f"orders/{order}/reject", {}),
        ("S6", f"agents/{alice.id}/key", {}),
        ("S10", "markets", {"creator_id": alice.id, "question": "Is it mine now?", "deadline": "2030-01-01"}),
    ]


def test_without_a_key_nothing_is_changed(world: World, market: str) -> None:
    acts = stolen(world, market)
    before = Event.objects.count()
    for row, path, body in acts:
        assert world.nobody.refused("post", path, body) == (401, "not_authenticated"), row
        wrong = Caller("sm_00000000_nobody")
        assert wrong.refused("post", path, body) == (401, "invalid_credentials"), row
    assert world.nobody.refused("delete", "orders") == (401, "not_authenticated")
    assert Event.objects.count() == before


def test_with_ones_own_key_nothing_is_done_in_anothers_name(world: World, market: str) -> None:
    acts = stolen(world, market)
    before = Event.objects.count()
    for row, path, body in acts:
        status, code = world["mallory"].refused("post", path, body)
        assert status in {403, 404}, (row, code)
        assert status == 403 or path.startswith("orders/"), row  # another's order is not even there
    assert world["mallory"].refused("delete", f"orders?agent_id={world['alice'].id}") == (403, "not_yours")
    assert world["mallory"].refused("get", f"orders?agent_id={world['alice'].id}") == (403, "not_yours")
    assert world["mallory"].refused("patch", f"agents/{world['alice'].id}", {"trading_mode": "manual"})[0] == 403
    assert Event.objects.count() == before


def test_s3_there_is_no_free_money(world: World) -> None:
    mallory = world["mallory"]
    assert mallory.refused("post", f"agents/{mallory.id}/faucet", {"amount": 1000}) == (422, "no_faucet")
    world.root.post("exchanges", {"name": "practice", "faucet_limit": 150})
    made = world.nobody.post("agents", {"name": "mallory", "exchange": "practice"})
    player = Caller(made["api_key"], made["id"])
    assert player.post(f"agents/{player.id}/faucet", {"amount": 100})["balance"] == 1100
    assert player.refused("post", f"agents/{player.id}/faucet", {"amount": 100}) == (422, "faucet_empty")
    (place,) = world.nobody.get("agents?exchange=practice")["results"]
    assert place["profit"] == 0


def test_s4_nobody_makes_themselves_a_moderator(world: World, market: str) -> None:
    mallory = world["mallory"]
    assert world.nobody.refused("post", "agents", {"name": "mod", "role": "moderator"}) == (400, "invalid_input")
    assert mallory.refused("post", f"agents/{mallory.id}/role", {"role": "moderator"}) == (403, "not_organiser")
    resolution = {"outcome": "YES", "evidence": "Mine.", "early": True}
    assert mallory.refused("post", f"markets/{market}/resolve", resolution) == (403, "not_moderator")


def test_who_made_or_holds_does_not_judge(world: World) -> None:
    market = world.market("alice")
    world["bob"].post(f"markets/{market}/split", {"size": 1})
    for name in ("alice", "bob"):
        judge = world.moderator(name)
        body = {"outcome": "YES", "evidence": "Mine.", "early": True, "moderator_id": judge.id}
        assert judge.refused("post", f"markets/{market}/resolve", body) == (403, "conflict_of_interest")


def test_resolving_takes_evidence_and_patience(world: World, market: str) -> None:
    mona = world.moderator("mona")
    early = {"outcome": "YES", "evidence": "It was seen."}
    assert mona.refused("post", f"markets/{market}/resolve", early) == (409, "too_early")
    bare = {"outcome": "YES", "early": True}
    assert mona.refused("post", f"markets/{market}/resolve", bare) == (422, "evidence_required")


def test_s6_a_key_acts_on_its_own_exchange_alone(world: World, market: str) -> None:
    world.root.post("exchanges", {"name": "other"})
    made = world.nobody.post("agents", {"name": "stranger", "exchange": "other"})
    stranger = Caller(made["api_key"], made["id"])
    assert stranger.refuse(market, "YES", 1, 0.50) == (404, "not_found")
    assert stranger.refused("get", f"markets/{market}") == (404, "not_found")
    assert stranger.refused("get", f"agents/{world['alice'].id}") == (404, "not_found")
    assert stranger.refused("post", "agents", {"name": "child"}) == (403, "not_owner")


def test_a_key_that_only_reads_changes_nothing(world: World, market: str) -> None:
    user = User.objects.create(username="reader")
    _, secret = keys.issue(user, name="test", scopes=("read",))
    reader = Caller(secret)
    for path, body in (("agents", {"name": "x"}), ("orders", {}), (f"markets/{market}/resolve", {})):
        assert reader.refused("post", path, body) == (403, "missing_scope")


def test_an_organisers_rights_need_the_scope(world: World, market: str) -> None:
    root = User.objects.get(username="root")
    _, secret = keys.issue(root, name="test", scopes=("read", "trade"))
    plain = Caller(secret)
    assert plain.refused("post", f"agents/{world['mallory'].id}/role", {"role": "moderator"})[0] == 403
    assert plain.refused("post", "exchanges", {"name": "mine"}) == (403, "missing_scope")
    resolution = {"outcome": "YES", "evidence": "Mine.", "early": True}
    assert plain.refused("post", f"markets/{market}/resolve", resolution)[0] in {403, 404}


def test_a_renewed_key_ends_the_old_one(world: World) -> None:
    alice = world["alice"]
    renewed = alice.post(f"agents/{alice.id}/key")["api_key"]
    assert alice.refused("get", "agents/me") == (401, "invalid_credentials")
    assert Caller(renewed).get("agents/me")["id"] == alice.id
