"""Hostile calls by somebody with a key: every member of every body replaced by what it must not be. Never a 5xx."""

from collections import Counter
from itertools import product
from typing import Any

from django.test import Client

from common.clock import isoformat, now_us
from ledger.models import Event
from ledger.verify import verify_all
from predictions.api.tests.conftest import DAY, World, everything_adds_up, exact

HOSTILE: list[Any] = [
    None, True, "", " ", "x" * 6000, "\u0000", "\ud800", "'; DROP TABLE ledger_event; --", "<script>1</script>",
    -1, 0, 1e308, 10**30, "1e999", "NaN", 0.123456789, "0x10", "٣", [], {}, [[]], {"a": 1}, "9" * 40, -0.0, "1_000",
]  # fmt: skip


def bodies(world: World, market: str, order: str, comment: str) -> dict[str, dict[str, Any]]:
    """A good body for every address that takes one."""
    alice, bob = world["alice"], world["bob"]
    resolution = {"outcome": "YES", "evidence": "Seen.", "early": True, "probability": 0.5, "moderator_id": alice.id}
    deadline = isoformat(now_us() + DAY)
    placed = {**alice.order(market, "YES", 1, 0.01), "type": "limit", "time_in_force": "gtc", "client_order_id": "x"}
    return {
        "agents": {"name": "somebody", "exchange": "main", "registration_code": ""},
        f"agents/{alice.id}/transfer": {"to_agent_id": bob.id, "amount": 0.01, "note": "n"},
        f"agents/{alice.id}/faucet": {"amount": 1},
        f"agents/{alice.id}/role": {"role": "trader"},
        "exchanges": {
            "name": "mine",
            "starting_balance": 5,
            "trading_fee": 1,
            "self_trade_prevention": "cancel_both",
        },
        "markets": {"question": "Will it ever rain here?", "deadline": deadline, "category": "ai", "criteria": "c"},
        f"markets/{market}/resolve": resolution,
        f"markets/{market}/challenge": {"agent_id": alice.id, "reason": "r"},
        f"markets/{market}/correct": {"outcome": "NO", "evidence": "e", "reason": "r"},
        f"markets/{market}/split": {"size": 1, "agent_id": alice.id},
        f"markets/{market}/merge": {"size": 1, "agent_id": alice.id},
        f"markets/{market}/house": {"liquidity": 1},
        f"markets/{market}/comments": {"content": "c", "sentiment": "bullish", "price_prediction": 0.5},
        f"comments/{comment}/vote": {"vote_type": "upvote"},
        f"comments/{comment}/pin": {"pinned": True},
        "orders": placed,
        "orders/bulk": {"orders": [placed]},
        f"orders/{order}/approve": {"x": 1},
        f"orders/{order}/reject": {"x": 1},
    }


class Attacker:
    """Somebody with a key, who counts what they are told."""

    def __init__(self, secret: str) -> None:
        self._client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})
        self.told: Counter[int] = Counter()

    def call(self, method: str, path: str, body: Any = None) -> None:
        """No 5xx; what is refused says why, and leaves nothing behind."""
        content = {} if body is None else {"data": body, "content_type": "application/json"}
        before = Event.objects.count()
        answer = getattr(self._client, method)(f"/api/v1/predictions/{path}", **content)
        self.told[answer.status_code] += 1
        assert answer.status_code < 500, (method, path, body, answer.content)
        if answer.status_code >= 400:
            assert isinstance(exact(answer)["detail"], str)
            assert Event.objects.count() == before, (path, body)


def test_no_hostile_call_breaks_anything(world: World, settings: Any) -> None:
    settings.ORDERS_PER_SECOND = 0
    market, alice, bob = world.market(), world["alice"], world["bob"]
    order = alice.place(market, "YES", 1, 0.02)["id"]
    comment = bob.post(f"markets/{market}/comments", {"content": "Wet."})["id"]
    attacker = Attacker(alice.secret)
    for path, good in bodies(world, market, order, comment).items():
        for name, value in product(good, HOSTILE[:: 1 if path == "orders" else 3]):
            attacker.call("post", path, {**good, name: value})
        for whole in ("", "[]", "null", "{", '{"a":1,"a":2}', "[" * 500, '"x"', b"\xff"):
            attacker.call("post", path, whole)
    parameters = ("cursor", "limit", "market_id", "agent_id", "status", "exchange", "sort", "order_by")
    reads = ("orders", "markets", "agents", "trades", "positions")
    for path, name, value in product(reads, parameters, ("-1", "x", "9" * 40, "%00", "' OR 1=1")):
        attacker.call("get", f"{path}?{name}={value}")
    strange = ("orders/1-1", f"orders/{market}", f"markets/{alice.id}", "agents/z-99999999999999999999", "x/../y")
    for path, method in product(strange, ("get", "post", "patch", "delete", "put")):
        attacker.call(method, path, {})
    everything_adds_up()
    assert list(verify_all()) == []
    assert sum(attacker.told.values()) > 600
    assert attacker.told[200] > 20, attacker.told
