"""Keys over the API: one's own, no more than oneself may, gone when revoked."""

import time

import pytest
from django.test import Client

from markets.api.tests.conftest import Caller, Hire

pytestmark = pytest.mark.usefixtures("ledger")


def test_a_key_is_issued_listed_used_and_revoked(alice: Caller) -> None:
    issued = alice.post("keys", {"name": "bot", "scopes": ["read"], "session_id": "demo"})
    assert issued.status_code == 201
    body = issued.json()
    bot = Caller(alice.user, body["secret"], Client())
    assert bot.get("sessions/demo/orders").status_code == 200
    assert bot.get("me").json()["scopes"] == ["read"]
    listed = alice.get("keys").json()["results"]
    assert [key["name"] for key in listed] == ["test", "bot"]
    assert all("secret" not in key for key in listed)
    start = time.monotonic()
    assert alice.delete(f"keys/{body['key_id']}").status_code == 204
    assert bot.get("sessions/demo/orders").status_code == 401
    assert time.monotonic() - start < 1
    assert alice.get(f"keys/{body['key_id']}").status_code == 404
    assert alice.delete(f"keys/{body['key_id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"scopes": ["read"]}, 400, "name"),
        ({"name": "x", "scopes": "read"}, 400, "scopes"),
        ({"name": "x", "scopes": ["fly"]}, 403, "scopes"),
        ({"name": "x", "scopes": ["organise"]}, 403, "scopes"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        ({"name": "x", "session_id": "none"}, 404, "session_id"),
        ({"name": "x", "user": "bob"}, 403, "user"),
        ({"name": "x", "user": "ghost"}, 403, "user"),
    ],
)
def test_a_bad_key_is_refused_by_field(alice: Caller, body: dict[str, object], status: int, field: str) -> None:
    answer = alice.post("keys", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)
    assert len(alice.get("keys").json()["results"]) == 1


def test_a_key_cannot_make_or_rule_a_stronger_one(alice: Caller, hire: Hire) -> None:
    reader = hire("alice", scopes="read", session_id="demo")
    assert reader.post("keys", {"name": "x", "scopes": ["trade"]}).json()["code"] == "scope_not_allowed"
    assert reader.post("keys", {"name": "x", "scopes": ["read"]}).json()["code"] == "scope_not_allowed"
    made = reader.post("keys", {"name": "x", "scopes": ["read"], "session_id": "demo"})
    assert made.status_code == 201
    stronger = alice.get("keys").json()["results"][0]["key_id"]
    assert reader.delete(f"keys/{stronger}").status_code == 404
    assert reader.delete(f"keys/{made.json()['key_id']}").status_code == 204


def test_an_administrator_issues_for_others_even_for_the_made_up(organiser: Caller, hire: Hire) -> None:
    body = {"session_id": "demo", "legs": ["A"], "q": [1], "participants": [{"participant_id": "alice"}]}
    organiser.post("sessions", body)
    assert organiser.post("keys", {"name": "x", "user": "alice.demo"}).status_code == 403
    root = hire("root", scopes="read trade organise", root=True)
    issued = root.post("keys", {"name": "alice's", "user": "alice.demo", "session_id": "demo"})
    assert issued.status_code == 201, issued.content
    alice = Caller(organiser.user, issued.json()["secret"], Client())
    assert alice.get("sessions/demo").json()["participant_id"] == "alice"
    assert alice.get("me").json()["user"] == "alice.demo"
    assert root.delete(f"keys/{issued.json()['key_id']}").status_code == 204
    assert alice.get("sessions/demo").status_code == 401


def test_somebody_elses_key_is_not_there(alice: Caller, bob: Caller) -> None:
    key = alice.get("keys").json()["results"][0]["key_id"]
    assert bob.get(f"keys/{key}").status_code == 404
    assert bob.delete(f"keys/{key}").status_code == 404
