"""Bad input is a clear 4xx that names its field, and leaves no event behind."""

from typing import Any

import pytest

from ledger.models import Event
from markets.api.tests.conftest import SESSION, Caller

pytestmark = pytest.mark.usefixtures("ledger")
BUY = {"participant_id": "alice", "asset": "AAPL", "side": "buy", "order_type": "limit", "quantity": 1, "price": 100}


def refused(answer: Any, status: int, field: str, *, code: str = "") -> dict[str, Any]:
    """The problem, after looking at its shape."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == status, body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["detail"].endswith(".")
    assert set(body) >= {"type", "title", "status", "detail", "code", "errors"}
    if field:
        assert [error["field"] for error in body["errors"]] == [field]
    assert not code or body["code"] == code
    return body


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"asset": "TSLA"}, 422, "asset"),
        ({"asset": 7}, 400, "asset"),
        ({"asset": "A\u0000"}, 400, "asset"),
        ({"asset": "CASH"}, 422, "asset"),
        ({"quote_asset": "AAPL"}, 422, "quote_asset"),
        ({"side": "hold"}, 400, "side"),
        ({"order_type": "stop"}, 400, "order_type"),
        ({"quantity": 0}, 400, "quantity"),
        ({"quantity": -1}, 400, "quantity"),
        ({"quantity": "NaN"}, 400, "quantity"),
        ({"quantity": float("nan")}, 400, "quantity"),
        ({"quantity": float("inf")}, 400, "quantity"),
        ({"quantity": True}, 400, "quantity"),
        ({"quantity": None}, 400, "quantity"),
        ({"quantity": [1]}, 400, "quantity"),
        ({"quantity": "1e400"}, 400, "quantity"),
        ({"quantity": "1_0"}, 400, "quantity"),
        ({"quantity": "٣"}, 400, "quantity"),
        ({"quantity": "1.00001"}, 400, "quantity"),
        ({"quantity": 10**30}, 400, "quantity"),
        ({"price": "100.00001"}, 400, "price"),
        ({"price": 0}, 400, "price"),
        ({"price": None}, 400, "price"),
        ({"order_type": "market"}, 422, "price"),
        ({"quantity": 2_000, "price": 100}, 422, "quantity"),
        ({"side": "sell", "quantity": "50.0001"}, 422, "quantity"),
        ({"participant_id": "bob"}, 403, "participant_id"),
        ({"participant_id": "nobody"}, 403, "participant_id"),
        ({"time_in_force": "day"}, 400, "time_in_force"),
        ({"time_in_force": "gtd"}, 422, "expires_at"),
        ({"time_in_force": "gtd", "expires_at": "yesterday"}, 400, "expires_at"),
        ({"time_in_force": "gtd", "expires_at": "2020-01-01T00:00:00Z"}, 422, "expires_at"),
        ({"time_in_force": "ioc", "post_only": True}, 422, "post_only"),
        ({"post_only": "yes"}, 400, "post_only"),
        ({"client_order_id": "x" * 65}, 400, "client_order_id"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_a_bad_order_is_refused_by_field(alice: Caller, change: dict[str, Any], status: int, field: str) -> None:
    before = Event.objects.count()
    refused(alice.post("sessions/demo/orders", {**BUY, **change}), status, field)
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "asset"),
        (b"[]", "body"),
        (b"7", "body"),
        (b"{", "body"),
        (b'{"quantity": NaN}', "quantity"),
        (b'{"quantity": -Infinity}', "quantity"),
        (b'{"a": {"b": [1, NaN]}}', "a.b.1"),
        (b'{"asset": "AAPL", "asset": "NVDA"}', "asset"),
        (b'{"asset": "\xff"}', "body"),
        (b"\xef\xbb\xbf{}", "body"),
        (b'{"asset": "\\ud800"}', "asset"),
        (b'{"asset": "\\u0000"}', "asset"),
        (b'{"\\ud800": 1}', "body"),
        (b"[" * 5000 + b"]" * 5000, "body"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "body"),
        (b'{"asset": "A", "side": "buy", "quantity": ' + b"9" * 5000 + b"}", "quantity"),
    ],
)
def test_what_is_no_json_object_is_refused(alice: Caller, body: bytes, field: str) -> None:
    before = Event.objects.count()
    refused(alice.post("sessions/demo/orders", body), 400, field)
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    "number", ["1e400", "1e99999999999999999999", "-1e99999999999999999999", "1e-99999999999999999999"]
)
def test_a_json_number_out_of_all_range_names_its_field(alice: Caller, number: str) -> None:
    body = f'{{"participant_id":"alice","asset":"AAPL","side":"buy","quantity":{number},"price":1}}'.encode()
    refused(alice.post("sessions/demo/orders", body), 400, "quantity")


def test_too_large_a_body_and_another_content_type(alice: Caller) -> None:
    refused(alice.post("sessions/demo/orders", b" " * 1_000_001), 413, "", code="body_too_large")
    form = alice.client.post(
        "/api/v1/sessions/demo/orders", {"asset": "AAPL"}, headers={"Authorization": f"Bearer {alice.secret}"}
    )
    refused(form, 415, "", code="unsupported_media_type")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"legs": ["AAPL", "AAPL"], "q": [1, 1]}, 422, "legs"),
        ({"legs": ["AAPL", "CASH"], "q": [1, 1]}, 422, "legs"),
        ({"legs": [], "q": []}, 400, "legs"),
        ({"legs": "AAPL"}, 400, "legs"),
        ({"legs": ["AAPL"], "q": [1, 2]}, 422, "q"),
        ({"q": [100, 60, 80, "x"]}, 400, "q.3"),
        ({"q": [100, 60, 80, -1]}, 400, "q.3"),
        ({"q": [100, 60, 80, 0]}, 422, "q"),
        ({"session_id": "a b"}, 422, "session_id"),
        ({"session_id": None}, 400, "session_id"),
        ({"start_mode": "later"}, 400, "start_mode"),
        ({"start_mode": "scheduled"}, 422, "t1"),
        ({"start_mode": "scheduled", "t1": "2020-01-01T00:00:00Z"}, 422, "t1"),
        ({"t2": "2020-01-01T00:00:00Z"}, 422, "end_mode"),
        ({"end_mode": "timed"}, 422, "t2"),
        ({"end_mode": "timed", "duration_minutes": "1.5"}, 400, "duration_minutes"),
        ({"quantity_decimals": 7}, 400, "quantity_decimals"),
        ({"cash_per_participant": "lots"}, 400, "cash_per_participant"),
        ({"feed": "nowhere"}, 422, "feed"),
        ({"fixing": "guess"}, 400, "fixing"),
        ({"fixing": "twap"}, 422, "fixing_window"),
        ({"bounds": {"max": 1}}, 400, "bounds.max"),
        ({"participants": [{"name": "Alice"}]}, 400, "participants.0.participant_id"),
        ({"participants": [7]}, 400, "participants.0"),
        ({"participants": [{"participant_id": "a", "user": "ghost"}]}, 422, "participants.0.user"),
        ({"participants": [{"participant_id": "treasury"}]}, 422, "participants.0.participant_id"),
        (
            {"participants": [{"participant_id": "a", "allocations": {"AAPL": "x"}}]},
            400,
            "participants.0.allocations.AAPL",
        ),
        ({"participants": [{"participant_id": "a", "allocations": {"TSLA": 1}}]}, 422, "allocations.a.TSLA"),
        ({"participants": [{"participant_id": "a", "allocations": {"AAPL": 101}}]}, 422, "allocations"),
    ],
)
def test_a_bad_session_is_refused_by_field(
    organiser: Caller, change: dict[str, Any], status: int, field: str
) -> None:
    refused(organiser.post("sessions", {**SESSION, **change}), status, field)
    assert Event.objects.count() == 0
    assert organiser.get("sessions").json()["results"] == []


def test_a_malformed_csv_row_is_named_by_its_line(organiser: Caller) -> None:
    rows = "ts,AAPL,NVDA\n2025-12-13T10:00:00,190.1,480.2\n2025-12-13T10:00:01,x,481\n2025-12-13T10:00:02,1\n"
    body = refused(
        organiser.post("feeds", {"name": "csv", "mode": "replay", "csv": rows}), 400, "", code="invalid_input"
    )
    assert [error["field"] for error in body["errors"]] == ["csv", "csv"]
    assert body["errors"][0]["detail"].startswith("Line 3:")
    assert organiser.get("feeds").json()["results"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prices"),
        ({"prices": {"AAPL": 1}}, "prices.NVDA"),
        ({"prices": {"AAPL": -1, "NVDA": 1, "META": 1, "ORCL": 1}}, "prices.AAPL"),
        ({"prices": {"AAPL": 1, "NVDA": 1, "META": 1, "ORCL": 1, "TSLA": 1}}, "prices.TSLA"),
        ({"prices": {"AAPL": "1.00001", "NVDA": 1, "META": 1, "ORCL": 1}}, "prices.AAPL"),
        ({"prices": {"AAPL": 1, "NVDA": 1, "META": 1, "ORCL": 1}, "ts": "noon"}, "ts"),
    ],
)
def test_bad_prices_are_refused_by_field(organiser: Caller, alice: Caller, body: object, field: str) -> None:
    refused(organiser.post("sessions/demo/prices", body), 400, field)
    assert organiser.get("sessions/demo/prices").json()["results"] == []


@pytest.mark.parametrize(
    ("entry", "status", "field"),
    [
        ({**BUY, "quantity": "x"}, 400, "orders.1.quantity"),
        ({**BUY, "participant_id": "bob"}, 403, "orders.1.participant_id"),
        ({"action": "cancel"}, 400, "orders.1.order_id"),
        ({"action": "cancel", "order_id": "x", "price": 1}, 400, "orders.1.price"),
        ({"action": "dance"}, 400, "orders.1.action"),
        (7, 400, "orders.1"),
    ],
)
def test_one_malformed_entry_refuses_the_bulk(alice: Caller, entry: object, status: int, field: str) -> None:
    before = Event.objects.count()
    refused(alice.post("sessions/demo/orders/bulk", {"orders": [BUY, entry]}), status, field)
    assert Event.objects.count() == before


@pytest.mark.parametrize("orders", [[], "x", None, [BUY] * 1001])
def test_a_bulk_holds_one_to_a_thousand(alice: Caller, orders: object) -> None:
    refused(alice.post("sessions/demo/orders/bulk", {"orders": orders}), 400, "orders")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("sessions?limit=0", "limit"),
        ("sessions?limit=501", "limit"),
        ("sessions?limit=x", "limit"),
        ("sessions?cursor=x", "cursor"),
        ("sessions?cursor=9.x", "cursor"),
        ("sessions?colour=red", "colour"),
        ("sessions?limit=1&limit=2", "limit"),
        ("sessions/demo/orders?cursor=-1", "cursor"),
        ("sessions/demo/orders?cursor=99999999999999999999", "cursor"),
        ("sessions/demo/orders?status=old", "status"),
        ("sessions/demo/orders?asset=%00", "asset"),
        ("sessions/demo/events?after=x", "after"),
        ("sessions/demo/orderbook/AAPL?depth=501", "depth"),
        ("sessions/demo/candles/AAPL?interval=0", "interval"),
        ("sessions/demo/candles/AAPL?end=noon", "end"),
        ("sessions/demo/settlement/preview?AAPL=1", "prices.NVDA"),
        ("sessions/demo/settlement/preview?AAPL=1&NVDA=1&META=1&ORCL=1&AAPL=2", "AAPL"),
        ("sessions/demo/settlement/preview?AAPL=1&NVDA=1&META=1&ORCL=1&TSLA=2", "prices.TSLA"),
        ("sessions/demo?colour=red", "colour"),
        ("sessions/demo/leaderboard?limit=1", "limit"),
        ("sessions/demo/allocations?who=a&who=b", "who"),
        ("me?a", "a"),
    ],
)
def test_a_bad_query_is_refused_by_name(alice: Caller, path: str, field: str) -> None:
    refused(alice.get(path), 400, field)


def test_no_posted_change_takes_a_query(organiser: Caller, alice: Caller) -> None:
    refused(alice.post("sessions/demo/orders?asset=AAPL", BUY), 400, "asset")
    refused(organiser.post("sessions/demo/halt?reason=x"), 400, "reason")
    refused(organiser.delete("sessions/demo?reason=x&reason=y"), 400, "reason")


def test_too_long_a_text_is_told_how_long_it_may_be(organiser: Caller, alice: Caller) -> None:
    told = refused(alice.post("sessions/demo/orders", {**BUY, "asset": "A" * 2001}), 400, "asset")
    assert told["detail"] == "asset has at most 2000 characters."
    told = refused(organiser.post("sessions/demo/halt", {"reason": "x" * 2001}), 400, "reason")
    assert told["detail"] == "reason has at most 2000 characters."


def test_nothing_follows_the_last_event_that_there_can_be(alice: Caller) -> None:
    answer = alice.get(f"sessions/demo/events?after={(1 << 63) - 1}")
    assert (answer.status_code, answer.json()) == (200, {"results": [], "next": None})


@pytest.mark.parametrize(
    "path",
    [
        "sessions/none",
        "sessions/%00",
        "sessions/demo/",
        "sessions/demo/orderbook/TSLA",
        "sessions/demo/orderbook/AAPL?quote=TSLA",
        "sessions/demo/candles/AAPL?source=trades&quote=TSLA",
        "sessions/demo/settlement",
        "orders/1-1",
        "orders/x",
        "rfq/zz-9999999999999999999",
        "quotes/1-1/accept",
        "feeds/none",
        "keys/99999999999999999999999",
        "nothing",
    ],
)
def test_what_there_is_not_is_a_problem_404(alice: Caller, path: str) -> None:
    answer = alice.post(path) if path.endswith("accept") else alice.get(path)
    refused(answer, 404, "", code="")


def test_a_preview_refuses_what_settling_would(alice: Caller) -> None:
    preview = "sessions/demo/settlement/preview?NVDA=1&META=1&ORCL=1&AAPL=900000000000"
    refused(alice.get(preview), 422, "prices", code="too_large")


def test_another_host_is_a_problem_under_api_and_a_page_elsewhere(alice: Caller) -> None:
    refused(alice.get("me", Host="evil.example"), 400, "", code="invalid_input")
    answer = alice.client.get("/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_method_that_there_is_not(alice: Caller) -> None:
    refused(alice.patch("sessions", {}), 405, "", code="method_not_allowed")
