"""A crowd at the live feed, in one loop: orders go out steadily or in a burst, and everybody's messages are timed."""

import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks import doors, sockets
from benchmarks import session as sessions
from benchmarks.sockets import Line
from benchmarks.workload import ORGANISER

_QUIET_S, _PATIENCE_S = 1.0, 30.0


class Crowd(NamedTuple):
    """So many clients, who hear `messages` or are pages that get `fragments`."""

    what: str
    clients: int


class Heard(NamedTuple):
    """Milliseconds from an order's sending to its being heard by everybody, and to its ack; `per_second`
    messages were received. `load_cpu`: the load generator's share of one core.
    """

    p50_ms: float
    p99_ms: float
    ack_p50_ms: float
    ack_p99_ms: float
    messages: int
    per_second: float
    load_cpu: float
    seconds: float


class Hall:
    """The clients of one session, and the line that orders come by."""

    def __init__(self, name: str, port: int, crowd: Crowd) -> None:
        self._open, self._crowd = ExitStack(), crowd
        workload = sessions.session(name).workload
        self._steps: Callable[[int], list[bytes]] = lambda count: [
            sockets.frame({"op": "order.new", "id": number, **doors.entry(step.command)})
            for number, step in enumerate(workload.take(count))
        ]
        self._selector = self._open.enter_context(selectors.DefaultSelector())
        path = f"/ws/sessions/{name}"
        self._orders = self._line(port, f"{path}?feed=none", doors.key_of(ORGANISER.id))
        self._selector.register(self._orders.socket, selectors.EVENT_READ, -1)
        self._clients: list[Line] = []
        self.told = 0
        self._forget()
        for number in range(crowd.clients):
            key = doors.key_of(f"user{number % workload.participants}")
            client = self._line(port, f"{path}?format=html" if crowd.what == "fragments" else path, key)
            self._selector.register(client.socket, selectors.EVENT_READ, number)
            self._clients.append(client)
            self._shown.append(0)
            self._hear(0)  # who does not read is closed

    def close(self) -> None:
        """Everybody goes."""
        self._open.close()

    def pace(self, per_second: float, seconds: float) -> Heard:
        """Orders one by one."""
        frames = self._steps(int(per_second * seconds))
        self._quieten()
        return self._timed(frames, 1 / per_second)

    def burst(self, count: int) -> Heard:
        """Orders all at once; `per_second` counts from the first order to the last message."""
        frames = self._steps(count)
        self._quieten()
        return self._timed(frames, 0.0)

    def _line(self, port: int, path: str, key: str) -> Line:
        line = Line(port, path, key)
        self._open.callback(line.socket.close)
        return line

    def _forget(self) -> None:
        self._acked: list[tuple[int, float]] = []
        self._shown = [0] * len(self._clients)
        self._took: list[float] = []
        self._acks: list[float] = []
        self._messages, self._last = 0, 0.0

    def _quieten(self) -> None:
        """Until nobody heard anything for a second but what is said every five."""
        until = time.perf_counter() + _QUIET_S
        while time.perf_counter() < until:
            if self._hear(0.1) > 1 + len(self._clients):
                until = time.perf_counter() + _QUIET_S
        self._forget()

    def _timed(self, frames: list[bytes], pause: float) -> Heard:
        start, cpu = time.perf_counter(), time.process_time()
        for number, frame in enumerate(frames):
            self._orders.send([frame])
            while (wait := start + (number + 1) * pause - time.perf_counter()) > 0:
                self._hear(wait)
        silent_since = time.perf_counter()
        while len(self._acks) < len(frames) or time.perf_counter() - silent_since < 0.5:
            if self._hear(0.1):
                silent_since = time.perf_counter()
            elif time.perf_counter() - silent_since > _PATIENCE_S:
                raise sockets.Hung("not every order was answered")
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        took, acks = sorted(self._took) or [0.0], sorted(self._acks)
        flow = self._last - start if self._last else seconds
        return Heard(
            1e3 * took[len(took) // 2],
            1e3 * took[len(took) * 99 // 100],
            1e3 * acks[len(acks) // 2],
            1e3 * acks[len(acks) * 99 // 100],
            self._messages,
            self._messages / max(flow, 1e-3),
            cpu / seconds,
            seconds,
        )

    def _hear(self, patience: float) -> int:
        """Take in what has come; how many messages."""
        count = 0
        for key, _ in self._selector.select(patience):
            line = self._orders if key.data < 0 else self._clients[key.data]
            texts = line.receive()
            now = time.perf_counter()
            count += len(texts)
            if key.data < 0:
                self._take_acks(texts, now)
            else:
                self._take(key.data, texts, now)
        return count

    def _take_acks(self, texts: list[bytes], now: float) -> None:
        for text in texts:
            if text.startswith(b'{"v":1,"type":"ack"'):
                sent_at = self._orders.sent_at.popleft()
                self._acked.append((_number(text, b'"event_seq":'), sent_at))
                self.told += 1
                self._acks.append(now - sent_at)
            elif text.startswith(b'{"v":1,"type":"error"'):
                raise doors.WrongAnswer(text.decode())

    def _take(self, number: int, texts: list[bytes], now: float) -> None:
        self._messages += len(texts)
        self._last = now
        newest = max(_shown(texts), default=0)
        while (at := self._shown[number]) < len(self._acked) and self._acked[at][0] <= newest:
            self._took.append(now - self._acked[at][1])
            self._shown[number] += 1


def _shown(texts: list[bytes]) -> Iterator[int]:
    """The events that these messages show. Fragments don't say: whatever was acked by then."""
    for text in texts:
        if text.startswith(b'{"v":1,"type":"book"'):
            yield _number(text, b'"seq":')
        elif not text.startswith(b"{"):
            yield 1 << 62


def _number(text: bytes, name: bytes) -> int:
    at = text.index(name) + len(name)
    return int(text[at : text.index(b",", at)])


_halls: dict[Crowd, Hall] = {}


def gather(name: str, port: int, crowd: Crowd) -> None:
    """Have the crowd connect."""
    _halls[crowd] = Hall(name, port, crowd)


def pace(crowd: Crowd, per_second: float, seconds: float) -> Heard:
    return _halls[crowd].pace(per_second, seconds)


def burst(crowd: Crowd, count: int) -> Heard:
    return _halls[crowd].burst(count)


def dismiss(name: str, crowd: Crowd) -> None:
    """Have them go; what they ordered counts as acknowledged."""
    hall = _halls.pop(crowd)
    hall.close()
    doors.acknowledge(name, hall.told)
