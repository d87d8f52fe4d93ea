"""Order entry over a WebSocket: pipelined, each answered once, over any number of connections one after the other."""

import json
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from session_contracts_client import wire
from session_contracts_client.errors import ApiError, ClientError, FeedClosed, FieldError, Unreachable
from session_contracts_client.feed import FOR_GOOD, HungUp, Wire, dial_websocket
from session_contracts_client.shapes import Number, Order

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_SILENCE_S = 15.0
_MOST_UNANSWERED = 1000
"""On one connection, after which the server says `busy`; what is more waits here."""
_MOST_BYTES = 16 * 1024
"""Of a message; the server hangs up on whoever sends more."""
_NOT_TAKEN = {"busy", "unavailable"}


@dataclass
class _Asked:
    name: str
    text: str
    since: float
    answer: "Future[Any]"
    read: Callable[[Mapping[str, Any]], Any]
    times_sent: int = 0


class OrderLine:
    """Sends orders without waiting: every method answers a Future at once, whose result() is what the server did.

    Commands are done in the order of the calls. When the connection breaks, what was not answered is sent again under
    its own id, so that it happens once. result() raises ApiError for what is refused, FeedClosed where coming back is
    of no use, Unreachable where nobody can say whether it was done: after `patience` seconds without a connection, or
    when the server is too busy to take it again. A call raises ClientError for what is too long to send. Safe for
    several threads.
    """

    def __init__(
        self, url: str, key: str, session_id: str, *, patience: float = 30.0, dial: Callable[[], Wire] | None = None
    ) -> None:
        self._dial = dial or (lambda: dial_websocket(url, key, session_id, query="?feed=none"))
        self._patience = patience
        self._wire: Wire | None = None
        self._asked: dict[str, _Asked] = {}
        self._waiting: deque[_Asked] = deque()
        self._unanswered = 0
        """Of those that were sent over this connection."""
        self._mutex = threading.Lock()
        self._end: ClientError | None = None
        self._holds = False
        self._reader = threading.Thread(target=self._read, name="order-line", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def place(
        self, asset: str, side: str, quantity: Number, price: Number | None = None, **terms: object
    ) -> "Future[Order]":
        """As Client.place_order."""
        kind = "market" if price is None else "limit"
        body = {"asset": asset, "side": side, "quantity": quantity, "price": price, "order_type": kind, **terms}
        return self._ask("order.new", body, _order)

    def replace(
        self, order_id: str, *, quantity: Number | None = None, price: Number | None = None
    ) -> "Future[Order]":
        """As Client.replace_order."""
        return self._ask("order.replace", {"order_id": order_id, "quantity": quantity, "price": price}, _order)

    def cancel(self, order_id: str) -> "Future[Order]":
        return self._ask("order.cancel", {"order_id": order_id}, _order)

    def cancel_all(self, **narrow: object) -> "Future[list[str]]":
        """All open orders; `narrow`: asset, side, participant_id (for organisers). Their ids."""
        return self._ask("order.cancel_all", narrow, lambda data: list(data["cancelled"]))

    def countdown(self, seconds: int) -> "Future[datetime | None]":
        """Have all open orders cancelled in so many seconds unless this is called again before; 0: don't. When."""
        return self._ask("order.countdown", {"seconds": seconds}, _moment)

    def cancel_on_disconnect(self, *, on: bool = True) -> "Future[None]":
        """Have all open orders cancelled whenever the connection ends, this one or one that follows it."""
        self._holds = on
        return self._ask("order.cancel_on_disconnect", {"on": on}, lambda data: None)

    def close(self) -> None:
        """Hang up. What is not answered by then never will be."""
        self._stop(ClientError("The line was closed."))
        self._reader.join()

    def _ask(self, op: str, body: Mapping[str, object], read: Callable[[Mapping[str, Any]], Any]) -> "Future[Any]":
        name = uuid.uuid4().hex
        given = {field: value for field, value in body.items() if value is not None}
        text = wire.dumps({"op": op, "id": name, **given}).decode()
        if len(text.encode()) > _MOST_BYTES:
            raise ClientError(f"A message has at most {_MOST_BYTES} bytes.")
        asked = _Asked(name, text, time.monotonic(), Future(), read)
        with self._mutex:
            if self._end is not None:
                raise self._end
            self._asked[name] = asked
            self._waiting.append(asked)
            self._send_waiting()
        return asked.answer

    def _send_waiting(self) -> None:
        """Needs the mutex. In the order of the calls, as many as the server takes without having answered."""
        while self._wire is not None and self._waiting and self._unanswered < _MOST_UNANSWERED:
            asked = self._waiting.popleft()
            if asked.name in self._asked:
                asked.times_sent += 1
                self._unanswered += 1
                self._send(asked.text)

    def _send(self, text: str) -> None:
        """Needs the mutex. What is lost with its connection is sent again by the next one."""
        assert self._wire is not None
        try:
            self._wire.send(text)
        except HungUp:
            self._wire.close()
            self._wire = None

    def _read(self) -> None:
        """What the thread does: connect, hear, connect again."""
        pause, heard_at = _FIRST_PAUSE_S, 0.0
        while self._end is None:
            line = self._wire
            try:
                if line is None:
                    self._connect()
                    heard_at = time.monotonic()
                    continue
                self._take(wire.loads(line.receive(0.5)))
                pause, heard_at = _FIRST_PAUSE_S, time.monotonic()
            except TimeoutError:
                if time.monotonic() - heard_at > _SILENCE_S:
                    self._drop(line)
            except (OSError, HungUp) as error:
                self._drop(line)
                if isinstance(error, HungUp) and error.code in FOR_GOOD:
                    self._stop(FeedClosed(error.code, FOR_GOOD[error.code]))
                self._give_up()
                time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  spreads clients
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            except ClientError as error:
                self._stop(error)

    def _connect(self) -> None:
        line = self._dial()
        with self._mutex:
            self._wire = line
            if self._holds:
                self._send(json.dumps({"op": "order.cancel_on_disconnect", "id": 0, "on": True}))
            self._waiting, self._unanswered = deque(self._asked.values()), 0
            self._send_waiting()

    def _take(self, message: Mapping[str, Any]) -> None:
        data = message["data"]
        with self._mutex:
            asked = self._asked.pop(data["id"], None) if message["type"] in {"ack", "error"} else None
            if asked is not None:
                self._unanswered -= 1
                self._send_waiting()
        if asked is None or not asked.answer.set_running_or_notify_cancel():
            return
        if message["type"] == "ack":
            asked.answer.set_result(asked.read(data))
        elif asked.times_sent > 1 and data["code"] in _NOT_TAKEN:
            asked.answer.set_exception(Unreachable("The server did not take it again. It may have been done."))
        else:
            asked.answer.set_exception(_refusal(data))

    def _drop(self, line: Wire | None) -> None:
        with self._mutex:
            if line is not None:
                line.close()
            if self._wire is line:
                self._wire = None

    def _give_up(self) -> None:
        """Whoever waited too long without a connection is told so."""
        with self._mutex:
            late = [name for name, one in self._asked.items() if time.monotonic() - one.since > self._patience]
            lost = [self._asked.pop(name) for name in late]
        for asked in lost:
            if asked.answer.set_running_or_notify_cancel():
                asked.answer.set_exception(Unreachable("The server did not answer in time. It may have been done."))

    def _stop(self, why: ClientError) -> None:
        with self._mutex:
            self._end = self._end or why
            line, self._wire = self._wire, None
            lost, self._asked = list(self._asked.values()), {}
        if line is not None:
            line.close()
        for asked in lost:
            if asked.answer.set_running_or_notify_cancel():
                asked.answer.set_exception(why)


def _order(data: Mapping[str, Any]) -> Order:
    return wire.decode(Order, data["order"])


def _moment(data: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(data["cancel_at"]) if data["cancel_at"] else None


def _refusal(data: Mapping[str, Any]) -> ApiError:
    """`status` is 0: there is none on a socket."""
    errors = tuple(FieldError(one["field"], one["code"], one["detail"]) for one in data["errors"])
    return ApiError(0, str(data["code"]), str(data["detail"]), errors)
