"""The live feed over a WebSocket: connects, reads, resumes, connects again."""

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Protocol, Self
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from session_contracts_client import wire
from session_contracts_client.errors import FeedClosed
from session_contracts_client.follower import Follower, Message
from session_contracts_client.market import Market

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_SILENCE_S = 15.0
"""The server says something every 5 s; after so long we no longer believe in the connection."""
FOR_GOOD = {
    4401: "The key is not valid, or no longer.",
    4403: "You are no longer a member of this session.",
    4404: "There is no such session, or no longer.",
}


class HungUp(Exception):
    """The connection ended; `code` is the WebSocket's close code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Wire(Protocol):
    """One connection. `receive` raises TimeoutError when nothing came in time, HungUp at the end."""

    def receive(self, timeout: float) -> str | bytes: ...
    def send(self, text: str) -> None: ...
    def close(self) -> None: ...


class Feed:
    """What happens in a session, in order, and `market`: the session as of the last message read.

    Iterate over it, or call `next` with a timeout. It connects when first read, and again whenever it must. Not for
    several threads at once. Raises FeedClosed when coming back would be of no use.
    """

    def __init__(self, url: str, key: str, session_id: str, *, dial: Callable[[], Wire] | None = None) -> None:
        self._dial = dial or (lambda: dial_websocket(url, key, session_id))
        self._wire: Wire | None = None
        self._follower = Follower()
        self._read: deque[Message] = deque()
        self._pause, self._not_before, self._heard_at = _FIRST_PAUSE_S, 0.0, 0.0
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Message]:
        while (message := self.next()) is not None:
            yield message

    @property
    def market(self) -> Market:
        return self._follower.market

    @property
    def is_right(self) -> bool:
        """Whether `market` can be acted on: connected, and nothing missing."""
        return self._wire is not None and self._follower.is_right

    def next(self, timeout: float | None = None) -> Message | None:
        """The next message; None if there was none for `timeout` seconds, or the feed was closed by us."""
        deadline = time.monotonic() + timeout if timeout is not None else float("inf")
        while not self._is_closed and not self._read:
            self._listen(max(0.0, min(deadline - time.monotonic(), 1.0)))
            if time.monotonic() >= deadline:
                break
        return self._read.popleft() if self._read else None

    def close(self) -> None:
        """Hang up for good."""
        self._is_closed = True
        self._hang_up()

    def _listen(self, patience: float) -> None:
        """Take in one message, or wait for one that long."""
        if self._wire is None and not self._connect(patience):
            return
        assert self._wire is not None
        try:
            text = self._wire.receive(patience)
        except TimeoutError:
            if time.monotonic() - self._heard_at > _SILENCE_S:
                self._lose()
            return
        except HungUp as end:
            self._lose()
            if end.code in FOR_GOOD:
                raise FeedClosed(end.code, FOR_GOOD[end.code]) from end
            return
        self._heard_at, self._pause = time.monotonic(), _FIRST_PAUSE_S
        self._read.extend(self._follower.take(wire.loads(text)))
        if self._follower.wish is not None:
            wish, self._follower.wish = self._follower.wish, None
            try:
                self._wire.send(json.dumps(wish))
            except HungUp:
                self._lose()

    def _connect(self, patience: float) -> bool:
        wait = self._not_before - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, patience))
            return False
        try:
            self._wire = self._dial()
        except OSError:
            self._lose()
            return False
        self._heard_at = time.monotonic()
        self._follower.connected()
        return True

    def _lose(self) -> None:
        """Hang up, and wait a little longer each time before the next try."""
        self._hang_up()
        self._not_before = time.monotonic() + self._pause * random.uniform(0.5, 1)  # noqa: S311  spreads clients
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


class _Socket:
    """A websocket of the websockets package."""

    def __init__(self, connection: ClientConnection, end: ExitStack) -> None:
        self._connection, self._end = connection, end

    def receive(self, timeout: float) -> str | bytes:
        try:
            return self._connection.recv(timeout)
        except ConnectionClosed as closed:
            raise HungUp(_code(closed)) from closed

    def send(self, text: str) -> None:
        try:
            self._connection.send(text)
        except ConnectionClosed as closed:
            raise HungUp(_code(closed)) from closed

    def close(self) -> None:
        self._end.close()


def _code(closed: ConnectionClosed) -> int:
    return closed.rcvd.code if closed.rcvd else 1006


def dial_websocket(url: str, key: str, session_id: str, *, query: str = "") -> Wire:
    """Raises OSError where another try may work, FeedClosed where it will not."""
    address = f"ws{url.removeprefix('http').rstrip('/')}/ws/sessions/{quote(session_id, safe='')}{query}"
    end = ExitStack()
    try:
        connection = end.enter_context(
            connect(
                address,
                additional_headers={"Authorization": f"Bearer {key}"},
                compression=None,
                max_size=None,  # a snapshot is as large as the market
                close_timeout=0.2,  # nothing more is wanted of it
                proxy=None,
            )
        )
    except InvalidStatus as refused:
        if refused.response.status_code in {401, 403, 404}:
            detail = f"{session_id!r} is not there, or not for this key."
            raise FeedClosed(refused.response.status_code, detail) from refused
        raise OSError(str(refused)) from refused
    except InvalidHandshake as error:
        raise OSError(str(error)) from error
    return _Socket(connection, end)
