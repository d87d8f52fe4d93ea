"""Sixty calls, good and bad, in one go: no 5xx, no event but of the good ones, and the ledger verifies."""

from typing import Any

import pytest

from ledger.models import Event
from markets.api.tests.conftest import Caller, Hire

pytestmark = pytest.mark.usefixtures("ledger")
Call = tuple[str, str, str, Any, int]
PRICES = {"AAPL": "190.10", "NVDA": "480.20", "META": "350.00", "ORCL": "104.30"}


def order(**change: Any) -> dict[str, Any]:
    return {"participant_id": "alice", "asset": "AAPL", "side": "sell", "quantity": 5, "price": 150.00, **change}


# who, method, path, body, status
CALLS: list[Call] = [
    ("org", "post", "sessions", {"session_id": "s", "legs": ["AAPL"], "q": [1, 2]}, 422),
    ("org", "post", "sessions", {"session_id": "s", "legs": ["AAPL", "AAPL"], "q": [1, 1]}, 422),
    ("org", "post", "sessions", {"legs": ["AAPL"], "q": [1]}, 400),
    ("alice", "post", "sessions", {"session_id": "s", "legs": ["AAPL"], "q": [1]}, 403),
    ("org", "post", "sessions", {"session_id": "s", "legs": list(PRICES), "q": [100, 60, 80, 120]}, 201),
    ("org", "post", "sessions", {"session_id": "s", "legs": ["AAPL"], "q": [1]}, 409),
    ("org", "get", "sessions/s", None, 200),
    ("alice", "get", "sessions/s", None, 200),
    ("alice", "get", "sessions/s/allocations", None, 404),
    ("alice", "post", "sessions/s/participants", {"participant_id": "CASH"}, 422),
    ("alice", "post", "sessions/s/participants", {"participant_id": "a b"}, 422),
    ("alice", "post", "sessions/s/participants", {"participant_id": "alice", "name": 7}, 400),
    ("alice", "post", "sessions/s/participants", {"participant_id": "alice", "name": "Alice"}, 201),
    ("alice", "post", "sessions/s/participants", {"participant_id": "alice2"}, 409),
    ("bob", "post", "sessions/s/participants", {"participant_id": "alice"}, 409),
    ("bob", "post", "sessions/s/participants", {"participant_id": "eve", "user": "alice"}, 403),
    ("bob", "post", "sessions/s/participants", {"participant_id": "bob"}, 201),
    ("org", "post", "sessions/s/participants", {"participant_id": "carol", "user": "ghost"}, 422),
    ("org", "post", "sessions/s/participants", {"participant_id": "carol"}, 201),
    ("alice", "post", "sessions/s/allocations", {}, 403),
    ("org", "post", "sessions/s/allocations", {"allocations": {"alice": {"TSLA": 1}}}, 422),
    ("org", "post", "sessions/s/allocations", {"allocations": {"alice": {"AAPL": -1}}}, 400),
    ("org", "post", "sessions/s/allocations", {"allocations": {"alice": {"AAPL": 101}}}, 422),
    ("org", "post", "sessions/s/allocations", {"allocations": {"alice": {"AAPL": 40, "NVDA": 20}}}, 200),
    ("org", "post", "sessions/s/allocations", {}, 200),
    ("org", "post", "sessions/s/allocations", {}, 422),
    ("alice", "post", "sessions/s/orders", order(), 201),
    ("alice", "post", "sessions/s/orders", order(quantity=0), 400),
    ("alice", "post", "sessions/s/orders", order(quantity=True), 400),
    ("alice", "post", "sessions/s/orders", order(quantity="1.00001"), 400),
    ("alice", "post", "sessions/s/orders", order(quantity=36), 422),
    ("alice", "post", "sessions/s/orders", order(price=None), 400),
    ("alice", "post", "sessions/s/orders", order(order_type="market"), 422),
    ("alice", "post", "sessions/s/orders", order(participant_id="bob"), 403),
    ("bob", "post", "sessions/s/orders", order(participant_id="bob", side="buy", quantity=2), 201),
    ("bob", "post", "sessions/s/orders", order(participant_id="bob", side="buy", quantity=900), 422),
    ("bob", "post", "sessions/s/orders", order(participant_id="bob", side="buy", price=149, post_only=True), 201),
    ("bob", "post", "sessions/s/orders", order(participant_id="bob", side="buy", post_only=True), 422),
    ("bob", "post", "sessions/s/orders/bulk", {"orders": [order(participant_id="bob", quantity=1)] * 3}, 200),
    ("bob", "post", "sessions/s/orders/bulk", {"orders": []}, 400),
    ("bob", "get", "sessions/s/orders", None, 200),
    ("bob", "get", "sessions/s/orders?limit=9999", None, 400),
    ("bob", "get", "sessions/s/orderbook/AAPL", None, 200),
    ("bob", "get", "sessions/s/orderbook/TSLA", None, 404),
    ("bob", "delete", "sessions/s/orders?side=sell", None, 200),
    ("bob", "delete", "sessions/s/orders?participant_id=alice", None, 403),
    ("alice", "post", "sessions/s/rfq", {"leg_from": "AAPL", "leg_to": "AAPL", "amount_from": 1}, 422),
    ("alice", "post", "sessions/s/rfq", {"leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 10}, 201),
    ("alice", "get", "sessions/s/rfq", None, 200),
    ("org", "post", "sessions/s/prices", {"prices": {"AAPL": 1}}, 400),
    ("alice", "post", "sessions/s/prices", {"prices": PRICES}, 403),
    ("org", "post", "sessions/s/prices", {"prices": PRICES}, 201),
    ("org", "post", "sessions/s/halt", {}, 200),
    ("alice", "post", "sessions/s/orders", order(), 409),
    ("org", "post", "sessions/s/start", {}, 409),
    ("org", "post", "sessions/s/resume", {}, 200),
    ("org", "post", "sessions/s/cancel", {}, 422),
    ("org", "post", "sessions/s/settle", {}, 200),
    ("org", "post", "sessions/s/settle", {}, 409),
    ("alice", "get", "sessions/s/settlement", None, 200),
    ("alice", "post", "sessions/s/orders", order(), 409),
    ("alice", "get", "sessions/s/verify", None, 200),
]


def test_sixty_calls_answer_as_they_should(organiser: Caller, hire: Hire) -> None:
    people = {"org": organiser, "alice": hire("alice"), "bob": hire("bob")}
    assert len(CALLS) >= 60
    for number, (who, method, path, body, status) in enumerate(CALLS):
        before = Event.objects.count()
        answer = people[who].call(method, path, body)
        assert answer.status_code == status, (number, method, path, body, answer.content)
        if status >= 400:
            assert Event.objects.count() == before, (number, "a refusal wrote an event")
            assert answer.json()["code"], number
    assert organiser.get("sessions/s/verify").json()["ok"] is True
