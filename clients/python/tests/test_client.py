"""Requests against a little server that answers what a test tells it to."""

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from session_contracts_client import ApiError, Client, UnexpectedAnswer, Unreachable, transport, wire
from session_contracts_client.shapes import Level

PROBLEM = {
    "type": "/docs/problems#invalid_input",
    "title": "Invalid input",
    "status": 400,
    "detail": "quantity must be a number.",
    "code": "invalid_input",
    "errors": [{"field": "quantity", "code": "invalid_input", "detail": "quantity must be a number."}],
}


class Script:
    """What is to be answered, one after the other, and what was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""

    def add(self, status: int, body: Any, **headers: str) -> None:
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append((self.command, self.path, headers, body))
            status, extra, answer = script.answers.pop(0)
            if not status:
                self.close_connection = True
                return
            data = json.dumps(answer).encode() if answer is not None else b""
            kind = "application/problem+json" if status >= 400 else "application/json"
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  http.server's names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(transport, "_FIRST_PAUSE_S", 0.01)
    with Client(script.url, "secret", patience=5) as client:
        yield client


def test_a_call_that_was_not_answered_is_repeated_under_the_same_idempotency_key(
    script: Script, client: Client
) -> None:
    script.add(0, None)
    script.add(503, {"code": "busy", "detail": "Later."})
    script.add(200, {"cancelled": []})
    script.add(200, {"cancelled": []})
    assert client.cancel_orders("demo") == []
    client.cancel_orders("demo")
    keys = [headers["idempotency-key"] for _, _, headers, _ in script.asked]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert {headers["authorization"] for _, _, headers, _ in script.asked} == {"Bearer secret"}


def test_retry_after_is_waited_for(script: Script, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    script.add(429, {"code": "throttled", "detail": "Too many."}, Retry_After="3")
    script.add(200, {"results": [], "next": None})
    assert list(client.sessions()) == []
    assert waits == [3.0]


def test_a_busy_server_is_given_up_after_patience(script: Script, client: Client) -> None:
    script.add(503, {"code": "busy", "detail": "Later."}, Retry_After="30")
    with pytest.raises(ApiError) as refused:
        client.session("demo")
    assert (refused.value.status, refused.value.code) == (503, "busy")


def test_a_problem_becomes_an_exception_with_code_detail_and_field(script: Script, client: Client) -> None:
    script.add(400, PROBLEM)
    with pytest.raises(ApiError) as refused:
        client.place_order("demo", "A", "buy", "x")
    error = refused.value
    assert (error.status, error.code, error.field) == (400, "invalid_input", "quantity")
    assert error.detail == "quantity must be a number."
    assert len(script.asked) == 1


def test_lists_are_followed_from_page_to_page(script: Script, client: Client) -> None:
    entry = {"key_id": 1, "name": "n", "prefix": "sm_1", "scopes": ["read"], "session_id": None}
    entry |= {"created_at": "2026-01-01T00:00:00Z", "expires_at": None, "last_used_at": None, "new_member": 1}
    script.add(200, {"results": [entry], "next": "/api/v1/keys?cursor=1&limit=1"})
    script.add(200, {"results": [{**entry, "key_id": 2}], "next": None})
    found = client.keys()
    assert [key.key_id for key in found] == [1, 2]
    assert [path for _, path, _, _ in script.asked] == ["/api/v1/keys", "/api/v1/keys?cursor=1&limit=1"]


def test_names_are_quoted_and_numbers_keep_their_digits(script: Script, client: Client) -> None:
    script.add(200, {"asset": "GOLD 3m", "quote_asset": "CASH", "bids": [], "asks": []})
    client.book("a/b", "GOLD 3m")
    assert script.asked[0][1] == "/api/v1/sessions/a%2Fb/orderbook/GOLD%203m?depth=50"
    assert wire.dumps({"quantity": Decimal("1E-4"), "on": True}) == b'{"quantity":"0.0001","on":true}'
    assert wire.loads("0.1") == Decimal("0.1")


def test_a_float_is_never_sent(client: Client) -> None:
    with pytest.raises(TypeError, match="Decimal"):
        client.place_order("demo", "A", "buy", 0.1)  # type: ignore[arg-type]


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        Client("http://127.0.0.1:9", "k", patience=0).session("demo")


def test_an_answer_that_lacks_what_it_needs_is_named() -> None:
    with pytest.raises(UnexpectedAnswer, match="Level"):
        wire.decode(Level, {"price": "1", "orders": 1})
