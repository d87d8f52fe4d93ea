"""Clients in a process of their own: `python -m tests.guarantees.trader '{"urls": [...], ...}'`, until SIGTERM.

Each is a thread with one connection and a journal, written and synced before a request goes out and after its answer
came. What got no answer is unknown, and half of them ask again under the same Idempotency-Key until they know.
"""

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

OK, FAIL, UNKNOWN = "ok", "fail", "unknown"
_TIMEOUT_S, _PAUSE_S = 15.0, 0.1


@dataclass(frozen=True)
class Plan:
    """What to do. `keys`: participant → API key. `most`: requests per client, 0 for no end."""

    urls: list[str]
    session: str
    keys: dict[str, str]
    folder: str
    seed: int
    most: int = 0
    round: str = "0"
    pause: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What came of one request: ok, fail (it did not happen) or unknown."""

    outcome: str
    status: int = 0
    body: dict[str, Any] | None = None
    replayed: bool = False
    retry_after: str = ""

    @property
    def code(self) -> str:
        return str((self.body or {}).get("code", ""))


class Wire:
    """One connection to one server, opened again when it breaks."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._host, self._port, self._key = parts.hostname, parts.port, key
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> Answer:
        """Send it once. Only a connection that was refused, or a refusal in words, means that nothing happened."""
        try:
            connection = self._connected()
        except OSError:
            return Answer(FAIL)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            connection.request(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return Answer(UNKNOWN)
        found = json.loads(text) if text else {}
        replayed = answer.headers.get("Idempotent-Replayed") == "true"
        retry_after = answer.headers.get("Retry-After", "")
        return Answer(_outcome(answer.status, found), answer.status, found, replayed, retry_after)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
            connection.connect()
            self._connection = connection
        return self._connection


def _outcome(status: int, body: dict[str, Any]) -> str:
    """503 says that nothing was changed, unless it says that nobody knows; any other 5xx says nothing."""
    if status < 300:
        return OK
    if status < 500 or (status == 503 and body.get("code") != "outcome_unknown"):
        return FAIL
    return UNKNOWN


class Journal:
    """One client's lines of JSON, each on the disk before the next step."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)

    def note(self, **line: object) -> None:
        os.write(self._file, f"{json.dumps({**line, 'at': time.monotonic()})}\n".encode())
        os.fsync(self._file)


class Trader:
    """Orders that meet others' orders, and cancels; half the orders bear a client_order_id as well as a key."""

    def __init__(self, plan: Plan, number: int, who: str, ending: threading.Event) -> None:
        self._plan, self._who, self._ending = plan, who, ending
        self._chance = random.Random(f"{plan.seed}-{plan.round}-{who}")
        self._wire = Wire(plan.urls[number % len(plan.urls)], plan.keys[who])
        self._journal = Journal(Path(plan.folder) / f"{plan.round}-{who}.jsonl")
        self._own: list[str] = []

    def trade(self) -> None:
        turn = 0
        while not self._ending.is_set() and (turn < self._plan.most or not self._plan.most):
            turn += 1
            name = f"{self._plan.round}-{self._who}-{turn}"
            if self._own and self._chance.random() < 0.3:
                self._cancel(name, self._own.pop(self._chance.randrange(len(self._own))))
            else:
                self._place(name)
            time.sleep(self._plan.pause)
        self._wire.close()

    def _place(self, name: str) -> None:
        body = {
            "asset": self._chance.choice(("AAPL", "NVDA")),
            "side": self._chance.choice(("buy", "sell")),
            "order_type": "limit",
            "quantity": self._chance.randrange(1, 4),
            "price": self._chance.randrange(8, 13),
        }
        if self._chance.random() < 0.5:
            body["client_order_id"] = name
        answer = self._insist(name, "place", "POST", f"/sessions/{self._plan.session}/orders", body)
        if answer.outcome == OK and answer.body and answer.body["status"] in {"open", "partially_filled"}:
            self._own.append(str(answer.body["order_id"]))

    def _cancel(self, name: str, order: str) -> None:
        self._insist(name, "cancel", "DELETE", f"/orders/{order}", None)

    def _insist(self, name: str, verb: str, method: str, path: str, body: object) -> Answer:
        insists = self._chance.random() < 0.5
        while True:
            self._journal.note(id=name, who=self._who, verb=verb, path=path, body=body)
            answer = self._wire.ask(method, path, body, key=name)
            order = (answer.body or {}).get("order_id", "")
            self._journal.note(
                id=name,
                outcome=answer.outcome,
                status=answer.status,
                code=answer.code,
                order=order,
                replayed=answer.replayed,
            )
            is_settled = answer.outcome == OK or answer.status in range(400, 500)
            if is_settled or not insists or self._ending.is_set():
                return answer
            time.sleep(_PAUSE_S)


def main(plan: Plan) -> None:
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    traders = [Trader(plan, number, who, ending) for number, who in enumerate(plan.keys)]
    threads = [threading.Thread(target=trader.trade, daemon=True) for trader in traders]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():  # a join without end would keep the signal waiting
            thread.join(0.1)


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
