"""Requests as bytes, and the loop that sends them over keep-alive connections: as little work as Python allows."""

import selectors
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Answers(NamedTuple):
    """How long each request took (seconds, sorted), how many answers had each status, and the bodies if kept."""

    seconds: float
    took: list[float]
    statuses: dict[int, int]
    cpu: float
    bodies: list[bytes]


def post(path: str, body: object, *, key: str = "") -> bytes:
    """A POST as it goes over the wire."""
    content = msgspec.json.encode(body)
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def exchange(port: int, requests: Sequence[bytes], connections: int, *, keep: bool = False) -> Answers:
    """Send all requests over that many connections, each with one on its way at a time."""
    waiting, took, statuses, bodies = iter(requests), list[float](), dict[int, int](), list[bytes]()
    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, len(requests))):
            line = _Line(port)
            selector.register(line.socket, selectors.EVENT_READ, line)
        start, cpu = time.perf_counter(), time.process_time()
        for key in list(selector.get_map().values()):
            key.data.send(next(waiting))
        while selector.get_map():
            for key, _ in selector.select():
                line = key.data
                answer = line.receive()
                if answer is None:
                    continue
                status, body = answer
                statuses[status] = statuses.get(status, 0) + 1
                took.append(time.perf_counter() - line.sent_at)
                if keep or status >= 500:
                    bodies.append(body)
                following = next(waiting, None)
                if following is None:
                    selector.unregister(line.socket)
                    line.socket.close()
                else:
                    line.send(following)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Answers(seconds, sorted(took), statuses, cpu, bodies)


class _Line:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self._buffer = b""

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bytes] | None:
        """(status, body) once the whole answer is there. Raises ConnectionError when the server hangs up."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server hung up")
        self._buffer += data
        head, end, body = self._buffer.partition(_HEAD_END)
        if not end:
            return None
        at = head.lower().find(_LENGTH)
        if at < 0:
            raise ConnectionError(f"an answer without a length: {head!r}")
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        self._buffer = b""
        return int(head[9:12]), body
