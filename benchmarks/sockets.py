"""The WebSocket's client side as bytes: a handshake, frames, and the loop that sends orders over many connections."""

import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence

import msgspec

from benchmarks.wire import Answers

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Hung(Exception):
    """The server closed the connection, or refused it."""


def frame(body: object) -> bytes:
    """A text message as a client sends it: masked."""
    return _masked(_TEXT, msgspec.json.encode(body))


def _masked(kind: int, content: bytes) -> bytes:
    mask = os.urandom(4)
    size = len(content)
    head = bytes((0x80 | kind, 0x80 | size)) if size < 126 else bytes((0x80 | kind, 0xFE)) + size.to_bytes(2, "big")
    stream = int.from_bytes(mask * (size // 4 + 1), "big") >> (8 * (4 - size % 4))
    return head + mask + (int.from_bytes(content, "big") ^ stream).to_bytes(size, "big")


class Line:
    """One connection."""

    def __init__(self, port: int, path: str, key: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at: deque[float] = deque()
        self._buffer = bytearray()
        head = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {key}\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._read()
        if not self._buffer.startswith(b"HTTP/1.1 101"):
            raise Hung(bytes(self._buffer[:200]).decode())
        del self._buffer[: end + 4]

    def send(self, frames: Sequence[bytes]) -> None:
        """All of them in one go, their time noted."""
        self.sent_at.extend([time.perf_counter()] * len(frames))
        self.socket.sendall(b"".join(frames))

    def receive(self) -> list[bytes]:
        """The texts that have come whole. Blocks until something came."""
        self._read()
        texts, at, buffer = [], 0, self._buffer
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1], 2
            if size > 125:
                head = 4 if size == 126 else 10
                if len(buffer) - at < head:
                    break
                size = int.from_bytes(buffer[at + 2 : at + head], "big")
            if len(buffer) - at < head + size:
                break
            content, kind = bytes(buffer[at + head : at + head + size]), buffer[at] & 0x0F
            at += head + size
            if kind == _TEXT:
                texts.append(content)
            elif kind == _PING:
                self.socket.sendall(_masked(_PONG, content))
            elif kind == _CLOSE:
                raise Hung(str(int.from_bytes(content[:2], "big")))
        del buffer[:at]
        return texts

    def _read(self) -> None:
        data = self.socket.recv(1 << 18)
        if not data:
            raise Hung("without a word")
        self._buffer += data


def exchange(lines: Sequence[Line], commands: Sequence[Sequence[bytes]], window: int) -> Answers:
    """Each line sends its commands, `window` of them unanswered at a time. `statuses`: 1 for acks, 0 for errors."""
    took, statuses, bodies, waiting = list[float](), {0: 0, 1: 0}, list[bytes](), [iter(own) for own in commands]
    left, total = [len(own) for own in commands], sum(map(len, commands))
    start, cpu = time.perf_counter(), time.process_time()
    with selectors.DefaultSelector() as selector:
        for number, line in enumerate(lines):
            selector.register(line.socket, selectors.EVENT_READ, number)
            line.send([frame for _, frame in zip(range(window), waiting[number], strict=False)])
        while total:
            for key, _ in selector.select(timeout=30) or _silence():
                number, line = key.data, lines[key.data]
                answered = 0
                for text in line.receive():
                    is_ack = text.startswith(b'{"v":1,"type":"ack"')
                    if not is_ack and not text.startswith(b'{"v":1,"type":"error"'):
                        continue
                    statuses[is_ack] += 1
                    took.append(time.perf_counter() - line.sent_at.popleft())
                    answered += 1
                    if not is_ack:
                        bodies.append(text)
                total -= answered
                left[number] -= answered
                if answered and (more := [frame for _, frame in zip(range(answered), waiting[number], strict=False)]):
                    line.send(more)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Answers(seconds, sorted(took), statuses, cpu, bodies)


def _silence() -> list[tuple[selectors.SelectorKey, int]]:
    raise Hung("nothing came for 30 s")
