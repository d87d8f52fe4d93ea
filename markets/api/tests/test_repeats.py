"""Idempotency keys, and pages that stay true while rows are added."""

from typing import Any

import pytest

from ledger.models import Event
from markets.api.tests.conftest import SESSION, Caller, Hire
from oracle import facade as oracle

pytestmark = pytest.mark.usefixtures("ledger")
ORDER = {"asset": "AAPL", "side": "sell", "quantity": 1, "price": 10}
PRICES = {"prices": {"AAPL": 1, "NVDA": 1, "META": 1, "ORCL": 1}}


def twice(caller: Caller, path: str, body: Any = None) -> Any:
    """The first answer of a POST, after checking that the second is the same and changes nothing."""
    first = caller.post(path, body, Idempotency_Key="one two")
    assert first.status_code < 300, first.content
    assert "Idempotent-Replayed" not in first.headers
    before = Event.objects.count()
    second = caller.post(path, body, Idempotency_Key="one two")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Event.objects.count() == before
    return first.json()


def test_every_step_of_a_sessions_life_happens_once(organiser: Caller) -> None:
    body = {**SESSION, "start_mode": "manual", "participants": [{"participant_id": "alice", "name": "Alice"}]}
    created = twice(organiser, "sessions", body)
    assert created["status"] == "created"
    for step, given, status in (
        ("start", {}, "active"),
        ("halt", {"reason": "x"}, "halted"),
        ("resume", {}, "active"),
    ):
        key = f"step {step}"
        first = organiser.post(f"sessions/demo/{step}", given, Idempotency_Key=key)
        assert first.json()["status"] == status
    again = organiser.post("sessions/demo/halt", {"reason": "x"}, Idempotency_Key="step halt")
    assert again.json()["status"] == "halted"
    assert organiser.post("sessions", body, Idempotency_Key="one two").json() == created
    assert organiser.get("sessions/demo").json()["status"] == "active"
    conflict = organiser.post("sessions", {**body, "legs": ["A", "B", "C", "D"]}, Idempotency_Key="one two")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("orders", ORDER),
        ("orders/bulk", {"orders": [ORDER, {**ORDER, "quantity": 1000}]}),
        ("rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 1}),
    ],
)
def test_a_members_post_happens_once(alice: Caller, path: str, body: dict[str, Any]) -> None:
    twice(alice, f"sessions/demo/{path}", body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sessions/demo/participants", {"participant_id": "carol", "name": "Carol"}),
        ("sessions/demo/prices", PRICES),
        ("sessions/demo/settle", {"prices": PRICES["prices"]}),
        ("sessions/demo/cancel", {"reason": "enough"}),
        ("sessions/demo/close", {}),
        ("feeds", {"name": "shared", "mode": "sim", "instruments": ["AAPL"], "settings": {"rho": 0.5}}),
        ("keys", {"name": "bot", "scopes": ["read"]}),
    ],
)
def test_an_organisers_post_happens_once(alice: Caller, organiser: Caller, path: str, body: dict[str, Any]) -> None:
    twice(organiser, path, body)


def test_a_quote_and_its_acceptance_happen_once(alice: Caller, bob: Caller) -> None:
    asked = alice.post("sessions/demo/rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 1}).json()
    quoted = twice(bob, f"rfq/{asked['rfq_id']}/quote", {"rate": "0.5"})
    twice(alice, f"quotes/{quoted['quote_id']}/accept")
    assert bob.post(f"rfq/{asked['rfq_id']}/quote", {"rate": "0.5"}, Idempotency_Key="one two").json() == quoted


def test_a_replaced_and_a_cancelled_order_answer_with_all_their_trades(alice: Caller, bob: Caller) -> None:
    order = alice.post("sessions/demo/orders", {"asset": "AAPL", "side": "sell", "quantity": 9, "price": 150}).json()
    for price in (150, 149):
        bob.post("sessions/demo/orders", {"asset": "AAPL", "side": "buy", "quantity": 2, "price": price})
    crossed = alice.patch(f"orders/{order['order_id']}", {"price": 149}).json()
    assert [(fill["price"], fill["liquidity"]) for fill in crossed["trades"]] == [
        ("150.0000", "maker"),
        ("149.0000", "taker"),
    ]
    bob.post("sessions/demo/orders", {"asset": "AAPL", "side": "buy", "quantity": 1, "price": 149})
    shrink = {"action": "replace", "order_id": order["order_id"], "quantity": 7}
    cancel = {"action": "cancel", "order_id": order["order_id"]}
    results = alice.post("sessions/demo/orders/bulk", {"orders": [shrink, cancel]}).json()["results"]
    assert [len(result["order"]["trades"]) for result in results] == [3, 3]
    assert results[1]["order"] == alice.get(f"orders/{order['order_id']}").json()


def test_an_order_repeated_later_answers_as_it_was(alice: Caller, bob: Caller) -> None:
    first = alice.post("sessions/demo/orders", ORDER, Idempotency_Key="a")
    assert bob.post("sessions/demo/orders", {**ORDER, "side": "buy"}).json()["status"] == "filled"
    again = alice.post("sessions/demo/orders", ORDER, Idempotency_Key="a")
    assert again.content == first.content
    other = alice.post("sessions/demo/orders", {**ORDER, "price": 11}, Idempotency_Key="a")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert bob.post("sessions/demo/orders", {**ORDER, "price": 12}, Idempotency_Key="a").status_code == 201


def test_a_feed_is_started_and_stopped_once(organiser: Caller) -> None:
    body = {"name": "shared", "mode": "sim", "instruments": ["AAPL"]}
    feed = organiser.post("feeds", body).json()["feed_id"]
    for step, pace in (("start", {"tick_ms": 500}), ("stop", {})):
        first = organiser.post(f"feeds/{feed}/{step}", pace, Idempotency_Key=step)
        again = organiser.post(f"feeds/{feed}/{step}", pace, Idempotency_Key=step)
        assert again.content == first.content
        assert again.headers["Idempotent-Replayed"] == "true"


def test_a_repeat_renames_nobody(alice: Caller, organiser: Caller) -> None:
    for name in ("Carol", "Mallory"):
        organiser.post("sessions/demo/participants", {"participant_id": "carol", "name": name}, Idempotency_Key="c")
    assert organiser.get("sessions/demo/participants/carol").json()["name"] == "Carol"
    assert organiser.get("sessions/demo/participants/carol").json()["user"] == "carol.demo"
    assert "user" not in alice.get("sessions/demo/participants/carol").json()


def test_prices_repeated_are_published_once(organiser: Caller, alice: Caller) -> None:
    twice(organiser, "sessions/demo/prices", PRICES)
    assert oracle.list_feeds()[0].last_seq == 1
    other = {"prices": {**PRICES["prices"], "AAPL": 2}}
    assert organiser.post("sessions/demo/prices", other, Idempotency_Key="one two").status_code == 409


@pytest.mark.parametrize("key", ["x" * 129, "é", ""])
def test_a_bad_idempotency_key_is_refused(alice: Caller, key: str) -> None:
    answer = alice.post("sessions/demo/orders", ORDER, Idempotency_Key=key)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_pages_skip_and_double_nothing_while_orders_are_added(alice: Caller) -> None:
    placed = [alice.post("sessions/demo/orders", ORDER).json()["order_id"] for _ in range(7)]
    page = alice.get("sessions/demo/orders?limit=3").json()
    seen = [order["order_id"] for order in page["results"]]
    while page["next"]:
        alice.post("sessions/demo/orders", ORDER)
        page = alice.get(page["next"]).json()
        seen += [order["order_id"] for order in page["results"]]
    assert seen == placed[::-1]


def test_every_list_pages_by_its_next(organiser: Caller, alice: Caller, bob: Caller, hire: Hire) -> None:
    for number in range(3):
        organiser.post("sessions", {**SESSION, "session_id": f"s{number}"})
        asked = alice.post("sessions/demo/rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 1}).json()
        for _ in range(2):
            bob.post(f"rfq/{asked['rfq_id']}/quote", {"rate": "0.5"})
        alice.post("sessions/demo/orders", ORDER)
        bob.post("sessions/demo/orders", {**ORDER, "side": "buy"})
        organiser.post("sessions/demo/prices", PRICES)
        organiser.post("keys", {"name": "bot", "scopes": ["read"]})
        organiser.post("feeds", {"name": f"f{number}", "mode": "push", "instruments": ["AAPL"]})
    for path in (
        "sessions",
        "keys",
        "feeds",
        "sessions/demo/participants",
        "sessions/demo/orders",
        "sessions/demo/trades",
        "sessions/demo/rfq",
        "sessions/demo/events",
        "sessions/demo/prices?after=0",
        f"rfq/{asked['rfq_id']}/quote",
    ):
        whole = organiser.get(path).json()["results"]
        mark = "&" if "?" in path else "?"
        page = organiser.get(f"{path}{mark}limit=1").json()
        seen = page["results"]
        while page["next"]:
            page = organiser.get(page["next"]).json()
            seen += page["results"]
        assert seen == whole, path
        assert len(whole) >= 2, path
