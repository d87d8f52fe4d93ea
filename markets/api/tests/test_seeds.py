"""The seeds' own calls, and the paths around them, answer as the contract says."""

import json

import pytest
from django.test import Client

from markets.api.tests.conftest import SESSION, Caller, Hire

pytestmark = pytest.mark.usefixtures("ledger")
RAW = b"""{
       "session_id":"demo",
       "legs":["AAPL","NVDA","META","ORCL"],
       "q":[100,60,80,120],
       "start_mode":"immediate",
       "end_mode":"manual"
     }"""
ORDER = b"""{
  "participant_id": "alice",
  "asset": "AAPL",
  "side": "buy",
  "order_type": "limit",
  "quantity": 10,
  "price": 150.00
}"""


def test_the_seeds_session_is_created_and_running(organiser: Caller) -> None:
    answer = organiser.post("sessions", RAW)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["session_id"], body["status"], body["q"][0]) == ("demo", "active", "100.0000")
    assert organiser.get("sessions/demo").json() == body


@pytest.mark.parametrize("prefix", ["/api/v1", ""])
def test_without_a_key_the_seeds_call_is_told_to_send_one(prefix: str) -> None:
    answer = Client().post(f"{prefix}/sessions", RAW, content_type="application/json")
    assert answer.status_code == 401
    assert "Bearer sm_" in answer.json()["detail"]


@pytest.mark.parametrize("prefix", ["/api/v1", ""])
def test_the_seeds_order_works_with_and_without_the_prefix(organiser: Caller, prefix: str) -> None:
    assert organiser.post(f"{prefix}/sessions", RAW).status_code == 201
    for who in ("alice", "bob"):
        joined = organiser.post(f"{prefix}/sessions/demo/participants", {"participant_id": who, "name": who.title()})
        assert joined.status_code == 201
        assert joined.json()["name"] == who.title()
    assert organiser.post(f"{prefix}/sessions/demo/allocations", {}).status_code == 200
    placed = organiser.post(f"{prefix}/sessions/demo/orders", ORDER).json()
    assert (placed["status"], placed["price"], placed["quantity"]) == ("open", "150.0000", "10.0000")
    book = organiser.get(f"{prefix}/sessions/demo/orderbook/AAPL").json()
    assert book["bids"] == [{"price": "150.0000", "quantity": "10.0000", "orders": 1}]
    listed = organiser.get(f"{prefix}/sessions/demo/orders").json()
    assert [order["order_id"] for order in listed["results"]] == [placed["order_id"]]


def test_a_swap_as_the_seed_tells_it(alice: Caller, bob: Caller) -> None:
    asked = alice.post(
        "sessions/demo/rfq", {"participant_id": "alice", "leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 10}
    ).json()
    quoted = bob.post(f"rfq/{asked['rfq_id']}/quote", {"participant_id": "bob", "rate": 0.62}).json()
    assert quoted["rate"] == "0.62000000"
    done = alice.post(f"quotes/{quoted['quote_id']}/accept")
    assert done.status_code == 201
    trade = done.json()
    assert (trade["amount_from"], trade["amount_to"]) == ("10.0000", "6.2000")
    assert alice.post(f"quotes/{quoted['quote_id']}/accept").json()["code"] == "quote_not_open"
    held = alice.get("sessions/demo/allocations").json()["allocations"]
    assert (held["alice"]["AAPL"]["total"], held["bob"]["AAPL"]["total"]) == ("40.0000", "60.0000")
    assert (held["alice"]["NVDA"]["total"], held["bob"]["NVDA"]["total"]) == ("36.2000", "23.8000")
    assert "reserved" in held["alice"]["AAPL"]
    assert "reserved" not in held["bob"]["AAPL"]


def test_payouts_add_up_to_the_basket(organiser: Caller) -> None:
    body = {
        "session_id": "two",
        "legs": ["AAPL", "NVDA"],
        "q": [100, 60],
        "participants": [
            {"participant_id": "alice", "name": "Alice", "allocations": {"AAPL": 50, "NVDA": 30}},
            {"participant_id": "bob", "name": "Bob", "allocations": {"AAPL": 50, "NVDA": "30"}},
        ],
    }
    assert organiser.post("sessions", body).status_code == 201
    preview = organiser.get("sessions/two/settlement/preview?AAPL=200&NVDA=500").json()
    settled = organiser.post("sessions/two/settle", {"prices": {"AAPL": 200, "NVDA": 500.0}})
    assert settled.status_code == 200
    found = settled.json()
    assert found["payouts"] == preview["payouts"] == {"alice": "25000.00000000", "bob": "25000.00000000"}
    assert found["treasury"]["payout"] == "0.00000000"
    assert found["totals"]["payouts"] == found["totals"]["basket"] == "50000.00000000"
    assert organiser.get("sessions/two/settlement").json() == found
    assert len(found["head_hash"]) == 64
    assert organiser.get("sessions/two/verify").json()["ok"] is True


def test_prices_pushed_as_the_original_did_give_value_candles_and_a_fixing(organiser: Caller, alice: Caller) -> None:
    pushed = organiser.post(
        "sessions/demo/prices",
        {"prices": {"AAPL": 190.1, "NVDA": 480.2, "META": 350, "ORCL": 104.3}, "ts": "2025-12-13T10:00:00"},
    )
    assert pushed.status_code == 201, pushed.content
    assert pushed.json()["prices"]["AAPL"] == "190.1000"
    assert pushed.json()["source_at"] == "2025-12-13T10:00:00.000000Z"
    assert alice.get("sessions/demo/prices").json()["results"] == [pushed.json()]
    assert alice.get("sessions/demo/prices?after=0").json()["results"] == [pushed.json()]
    candles = alice.get("sessions/demo/candles/AAPL").json()["candles"]
    assert [candle["close"] for candle in candles] == ["190.1000"]
    assert alice.get("sessions/demo/portfolio").json()["holdings"]["AAPL"]["value"] == "9505.00000000"
    assert [line["pnl"] for line in alice.get("sessions/demo/leaderboard").json()["results"]] == ["0.00000000"] * 2
    assert organiser.post("sessions/demo/settle").json()["settlement_prices"]["META"] == "350.0000"


def test_deleting_hides_the_session_and_frees_its_name(organiser: Caller, alice: Caller) -> None:
    assert alice.delete("sessions/demo").status_code == 403
    assert organiser.delete("sessions/demo?reason=over").status_code == 204
    assert organiser.get("sessions/demo").status_code == 404
    assert organiser.get("sessions").json()["results"] == []
    assert organiser.post("sessions", SESSION).status_code == 201


def test_orders_match_and_leaderboard_gains_add_up_to_nothing(alice: Caller, bob: Caller, organiser: Caller) -> None:
    organiser.post("sessions/demo/prices", {"prices": {"AAPL": 160, "NVDA": 480, "META": 350, "ORCL": 104}})
    sold = alice.post("sessions/demo/orders", {"asset": "AAPL", "side": "sell", "quantity": "10", "price": "150"})
    assert sold.status_code == 201
    bought = bob.post("sessions/demo/orders", {"asset": "AAPL", "side": "buy", "quantity": "4", "price": "151"})
    assert bought.json()["trades"][0]["price"] == "150.0000"
    trade = alice.get("sessions/demo/trades").json()["results"][0]
    assert (trade["participant_a"], trade["participant_b"], trade["taker_side"]) == ("alice", "bob", "buy")
    assert alice.get(f"trades/{trade['trade_id']}").json() == trade
    own = alice.get(f"orders/{sold.json()['order_id']}").json()
    assert (own["status"], own["filled_quantity"]) == ("partially_filled", "4.0000")
    assert own["trades"][0]["liquidity"] == "maker"
    replaced = alice.patch(f"orders/{own['order_id']}", {"quantity": 6})
    assert replaced.json()["quantity"] == "6.0000"
    assert alice.delete(f"orders/{own['order_id']}").json()["filled_quantity"] == "4.0000"
    gains = {line["participant_id"]: line["pnl"] for line in bob.get("sessions/demo/leaderboard").json()["results"]}
    assert gains == {"bob": "40.00000000", "alice": "-40.00000000"}
    assert alice.delete("sessions/demo/orders").json() == {"cancelled": []}


def test_export_is_the_ledger_line_by_line(organiser: Caller, alice: Caller) -> None:
    assert alice.get("sessions/demo/export").status_code == 403
    lines = b"".join(organiser.get("sessions/demo/export").streaming_content).decode().splitlines()
    header, *events = [json.loads(line) for line in lines]
    assert header["seq"] == len(events)
    assert header["head"] == events[-1]["hash"]


def test_a_superuser_runs_every_session(demo: object, hire: Hire) -> None:
    root = hire("root", scopes="read trade organise", root=True)
    assert root.post("sessions/demo/halt", {"reason": "a break"}).json()["status"] == "halted"
    assert root.post("sessions/demo/resume").json()["status"] == "active"


def test_health_docs_and_schema_need_nobody(hire: Hire) -> None:
    client = hire("nobody").client
    assert client.get("/health").json()["status"] == "ok"
    page = client.get("/docs")
    assert page.status_code == 200
    assert b"http://" not in page.content.replace(b"http://testserver", b"")
    assert b"https://" not in page.content
    assert b"<script>" not in page.content
    assert client.get("/api/schema").status_code == 200
    assert client.get("/docs/problems").status_code == 200
