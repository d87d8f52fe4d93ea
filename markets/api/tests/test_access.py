"""Who sees and does what: the same answer for what is not yours as for what there is not."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import RoutePattern

from ledger.models import Event
from markets import seats
from markets.api.tests.conftest import SESSION, Caller, Hire

pytestmark = pytest.mark.usefixtures("ledger")
ORGANISERS = {
    "start",
    "halt",
    "resume",
    "close",
    "settle",
    "cancel",
    "fix",
    "settlement/correct",
    "bust",
    "allocations",
}


def addresses() -> list[str]:
    """Every path of the API, from the resolver itself."""
    api = next(entry for entry in get_resolver().url_patterns if str(entry.pattern) == "api/v1/")
    assert hasattr(api, "url_patterns")
    patterns = [entry.pattern for entry in api.url_patterns]
    assert all(isinstance(pattern, RoutePattern) for pattern in patterns)
    return [str(pattern) for pattern in patterns]


def filled(address: str, ids: dict[str, str]) -> str:
    """An address with its gaps filled; `<api_id:order_id>` takes ids["order_id"]."""
    return re.sub(r"<[a-z_]+:([a-z_]+)>", lambda found: ids[found[1]], address)


@pytest.fixture
def ids(alice: Caller, bob: Caller, organiser: Caller) -> dict[str, str]:
    """One of each thing in `demo`, all alice's but the quote."""
    sold = alice.post("sessions/demo/orders", {"asset": "AAPL", "side": "sell", "quantity": 2, "price": 10}).json()
    bob.post("sessions/demo/orders", {"asset": "AAPL", "side": "buy", "quantity": 1, "price": 10})
    asked = alice.post("sessions/demo/rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 1}).json()
    quoted = bob.post(f"rfq/{asked['rfq_id']}/quote", {"rate": 1}).json()
    trade = alice.get("sessions/demo/trades").json()["results"][0]
    organiser.post("sessions/demo/prices", {"prices": {"AAPL": 1, "NVDA": 1, "META": 1, "ORCL": 1}})
    feed = organiser.get("feeds").json()["results"][0]
    key = organiser.get("keys").json()["results"][0]
    return {
        "session_id": "demo",
        "order_id": sold["order_id"],
        "rfq_id": asked["rfq_id"],
        "quote_id": quoted["quote_id"],
        "trade_id": trade["trade_id"],
        "feed_id": feed["feed_id"],
        "handle": "alice",
        "asset": "AAPL",
        "key_id": str(key["key_id"]),
    }


def in_session(address: str) -> bool:
    """Whether an address is about something inside a session (joining and the public listing apart)."""
    return address.startswith(("sessions/", "orders/", "rfq/", "quotes/", "trades/", "feeds/")) and address not in {
        "sessions/<api_session:session_id>",
        "sessions/<api_session:session_id>/participants",
    }


def tries(caller: Caller, address: str) -> list[tuple[str, Any]]:
    """Every method on an address, with bodies that don't matter."""
    return [
        (method, caller.call(method, address, {} if method in {"post", "patch"} else None))
        for method in ("get", "post", "patch", "delete")
    ]


def test_nobody_gets_a_401_everywhere(ids: dict[str, str], hire: Hire) -> None:
    before = Event.objects.count()
    client = Client()
    for address in addresses():
        path = f"/api/v1/{filled(address, ids)}"
        for method in ("get", "post", "patch", "delete"):
            answer = getattr(client, method)(path, content_type="application/json")
            assert answer.status_code == 401, (method, path)
            assert answer.json()["code"] == "not_authenticated"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    wrong = client.get("/api/v1/sessions", headers={"Authorization": "Bearer sm_aaaaaaaa_nonsense"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert Event.objects.count() == before


@pytest.mark.parametrize("who", ["stranger", "other organiser", "other session's key"])
def test_who_is_no_member_gets_a_404_everywhere(ids: dict[str, str], hire: Hire, who: str) -> None:
    mallory = hire("mallory", scopes="read trade organise", organiser=True)
    mallory.post("sessions", {**SESSION, "session_id": "other"})
    caller = {
        "stranger": lambda: hire("eve"),
        "other organiser": lambda: mallory,
        "other session's key": lambda: hire("alice", session_id="other"),
    }[who]()
    before = Event.objects.count()
    for address in addresses():
        if in_session(address):
            for method, answer in tries(caller, filled(address, ids)):
                assert answer.status_code in {404, 405} or answer.json()["code"] == "missing_scope", (method, address)
    assert Event.objects.count() == before


def test_a_member_who_is_no_organiser_gets_a_403_for_an_organisers_work(ids: dict[str, str], hire: Hire) -> None:
    alice = hire("alice", scopes="read trade organise")
    before = Event.objects.count()
    for address in addresses():
        if any(address.endswith(f"/{end}") for end in ORGANISERS) and not address.startswith("quotes/"):
            answer = alice.post(filled(address, ids), {})
            assert (answer.status_code, answer.json()["code"]) == (403, "not_organiser"), address
    for path in ("sessions/demo", "sessions/demo/participants/bob"):
        assert alice.delete(path).status_code == 403
    assert alice.get("sessions/demo/export").status_code == 403
    assert alice.post("sessions", {**SESSION, "session_id": "mine"}).status_code == 403
    assert alice.post("feeds", {"name": "mine", "mode": "push"}).status_code == 403
    assert Event.objects.count() == before


def test_others_orders_are_not_there(ids: dict[str, str], bob: Caller) -> None:
    for method in ("get", "delete"):
        assert bob.call(method, f"orders/{ids['order_id']}").status_code == 404
    assert bob.patch(f"orders/{ids['order_id']}", {"quantity": 5}).status_code == 404
    result = bob.post("sessions/demo/orders/bulk", {"orders": [{"action": "cancel", "order_id": ids["order_id"]}]})
    assert result.json()["results"][0]["error"]["code"] == "order_not_open"
    assert {order["participant_id"] for order in bob.get("sessions/demo/orders").json()["results"]} == {"bob"}
    assert bob.get("sessions/demo/orders?participant_id=bob").json() == bob.get("sessions/demo/orders").json()
    for path in ("orders", "portfolio"):
        refused = bob.get(f"sessions/demo/{path}?participant_id=alice")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (403, "participant_id")
    assert bob.post(f"quotes/{ids['quote_id']}/accept").status_code == 403
    assert bob.delete(f"rfq/{ids['rfq_id']}").status_code == 403


def test_events_of_others_orders_keep_their_place_only(ids: dict[str, str], alice: Caller, bob: Caller) -> None:
    seen = bob.get("sessions/demo/events").json()["results"]
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    placed = [event for event in seen if event["type"] == "OrderPlaced"]
    assert [event["withheld"] for event in placed] == [True, False]
    assert (placed[0]["payload"], placed[0]["actor"], placed[0]["command_id"]) == (None, None, None)
    own = [event for event in alice.get("sessions/demo/events").json()["results"] if event["type"] == "OrderPlaced"]
    assert [event["withheld"] for event in own] == [False, True]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [("read", {"get"}), ("trade", {"post"}), ("organise", set()), ("feed", set())],
)
def test_a_key_needs_the_scope(ids: dict[str, str], hire: Hire, scopes: str, allowed: set[str]) -> None:
    caller = hire("alice", scopes=scopes)
    order = {"asset": "AAPL", "side": "buy", "quantity": 1, "price": 1}
    for method, answer in (
        ("get", caller.get("sessions/demo")),
        ("post", caller.post("sessions/demo/orders", order)),
    ):
        expected = {200, 201} if method in allowed else {403}
        assert answer.status_code in expected, answer.content
        assert answer.status_code != 403 or answer.json()["code"] == "missing_scope"


def test_an_organisers_trading_key_acts_for_nobody_else(ids: dict[str, str], hire: Hire) -> None:
    olga = hire("olga", scopes="read trade")
    assert olga.get("sessions/demo").json().get("role") is None
    assert olga.post("sessions/demo/halt").status_code == 403
    assert olga.get("sessions/demo/orders").status_code == 404
    order = {"participant_id": "alice", "asset": "AAPL", "side": "buy", "quantity": 1, "price": 1}
    assert olga.post("sessions/demo/orders", order).status_code == 404
    joined = olga.post("sessions/demo/participants", {"participant_id": "olga"})
    assert joined.status_code == 201
    assert olga.post("sessions/demo/orders", order).json()["code"] == "not_yours"


def test_the_ledger_says_who_acted_for_whom(alice: Caller, organiser: Caller) -> None:
    body = {"participant_id": "alice", "asset": "AAPL", "side": "buy", "quantity": 1, "price": 1}
    assert organiser.post("sessions/demo/orders", body).status_code == 201
    event = organiser.get("sessions/demo/events").json()["results"][-1]
    assert event["actor"] == organiser.user.uid != alice.user.uid


def test_a_feed_writers_key_pushes_prices_and_nothing_else(alice: Caller, hire: Hire) -> None:
    writer = hire("oracle", scopes="feed", session_id="demo")
    prices = {"prices": {"AAPL": 1, "NVDA": 1, "META": 1, "ORCL": 1}}
    assert writer.post("sessions/demo/prices", prices).status_code == 201
    assert writer.get("sessions/demo").status_code == 403
    assert alice.post("sessions/demo/prices", prices).status_code == 403


def test_a_listing_is_public_to_who_is_signed_in_and_no_more(demo: Callable[[str], Caller], hire: Hire) -> None:
    eve = hire("eve")
    shown = eve.get("sessions").json()["results"][0]
    assert set(shown) == {
        *("session_id", "legs", "q", "status", "start_mode", "end_mode"),
        *("t1", "t2", "created_at", "closed_at", "settled_at", "imported"),
    }
    assert eve.get("sessions/demo").json() == shown
    assert hire("alice", session_id="demo").get("sessions").json()["results"] == [shown]


def test_a_removed_participant_sees_nothing_more(alice: Caller, organiser: Caller) -> None:
    assert organiser.delete("sessions/demo/participants/alice?reason=asked").status_code == 204
    assert alice.get("sessions/demo/orders").status_code == 404
    assert alice.post("sessions/demo/participants", {"participant_id": "alice2"}).json()["code"] == (
        "participant_removed"
    )


def test_a_browser_needs_the_csrf_token_to_change_anything(alice: Caller) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.user)
    assert browser.get("/api/v1/sessions/demo").json()["role"] == "participant"
    order = {"asset": "AAPL", "side": "buy", "quantity": 1, "price": 1}
    refused = browser.post("/api/v1/sessions/demo/orders", order, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    browser.cookies["csrftoken"] = "x" * 32
    done = browser.post(
        "/api/v1/sessions/demo/orders",
        order,
        content_type="application/json",
        headers={"X-CSRFToken": "x" * 32},
    )
    assert done.status_code == 201


def test_who_was_removed_trades_no_more_whatever_a_process_remembers(
    alice: Caller, organiser: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"participant_id": "alice", "asset": "AAPL", "side": "buy", "quantity": 1, "price": 10}
    assert alice.post("sessions/demo/orders", order).status_code == 201
    with monkeypatch.context() as other_process:
        other_process.setattr(seats, "forget", lambda: None)
        assert organiser.delete("sessions/demo/participants/alice").status_code == 204
    before = Event.objects.count()
    remembered = alice.post("sessions/demo/orders", order)
    assert (remembered.status_code, remembered.json()["code"]) == (409, "participant_removed")
    seats.forget()
    assert alice.post("sessions/demo/orders", order).status_code == 404
    assert Event.objects.count() == before
