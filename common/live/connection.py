"""One client: what waits for it, in a bounded queue, and the task that sends it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from common.ids import new_id
from common.live.message import Answer, Message

Guest = TypeVar("Guest")

Send = Callable[[Any], Awaitable[None]]

NOT_SIGNED_IN = 4401
NOT_YOURS = 4403
GONE = 4404
TOO_SLOW = 4408
RESTART = 1012
FRAMES = "websocket.frames"
"""The name of a server's own extension: it also sends `frames`, whole ones, made once for many clients."""
_TEXT = 0x81
_BUNDLE_BYTES = 32 * 1024
_MOST_BATCHES = 256
_MOST_BYTES = 2 * 1024 * 1024


class Piece(NamedTuple):
    """What is sent in one go, and the `seq` and `tick` that the client holds then."""

    content: bytes
    seq: int
    tick: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that go out together. `held`: what the client says it holds, for the first `prev`."""

    messages: Sequence[Message] = ()
    html: str = ""
    held: int | None = None
    held_tick: int | None = None
    _made: dict[tuple[bool, int, int], list[Piece]] = field(default_factory=dict)

    def after(self, seq: int, tick: int, *, as_frames: bool) -> list[Piece]:
        """For a client whose last messages reflected `seq` and `tick`: its texts, or frames of a server
        (RFC 6455, section 5.2), several together. Made once for all who hold the same.
        """
        before = as_frames, seq, tick
        pieces = self._made.get(before)
        if pieces is None:
            texts = self._texts(
                seq if self.held is None else self.held, tick if self.held_tick is None else self.held_tick
            )
            pieces = self._made[before] = list(_bundles(texts) if as_frames else texts)
        return pieces

    def _texts(self, seq: int, tick: int) -> Iterator[Piece]:
        for message in self.messages:
            text = message.after(tick if message.is_tick else seq)
            if message.is_tick:
                tick = message.seq
            elif not isinstance(message, Answer):
                seq = message.seq
            yield Piece(text.encode(), seq, tick)
        if self.html:
            yield Piece(self.html.encode(), seq, tick)

    @property
    def size(self) -> int:
        return sum(message.size for message in self.messages) + len(self.html)


@dataclass(frozen=True, slots=True)
class Answers(Batch):
    """One client's own, to which more may be added while it waits."""

    messages: list[Message] = field(default_factory=list)


class Connection(Generic[Guest]):
    """Nobody waits for a client: what it does not read fills its queue, and a full queue closes it."""

    def __init__(
        self, guest: Guest, send: Send, *, as_html: bool, is_quiet: bool = False, takes_frames: bool = False
    ) -> None:
        self.guest, self.as_html = guest, as_html
        self.is_quiet = is_quiet
        """It hears nothing but answers and heartbeats."""
        self._takes_frames = takes_frames
        self.handle: str | None = None
        self.joined_at_seq = 0
        self.name = new_id()
        self.holds: set[str] = set()
        """The participants whose open orders are cancelled when it ends."""
        self.closing: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Set to the code that the connection is to be closed with."""
        self._send = send
        self._seq = self._tick = 0
        self._waiting: deque[Batch] = deque()
        self._bytes = 0
        self._something = asyncio.Event()

    def offer(self, batch: Batch) -> None:
        """Queue `batch`, or close the connection that let too much pile up. Never waits."""
        if self.closing.done() or self._overflows(len(self._waiting)):
            return
        self._waiting.append(batch)
        self._bytes += batch.size
        self._something.set()

    def answer(self, message: Answer) -> None:
        """Queue an answer, beside those that wait already. Never waits, as `offer`."""
        if not (self._waiting and isinstance(self._waiting[-1], Answers)):
            self.offer(Answers())
        if self._waiting and isinstance(last := self._waiting[-1], Answers) and not self._overflows(0):
            last.messages.append(message)
            self._bytes += message.size

    def _overflows(self, batches: int) -> bool:
        """Whether too much waits already; then the connection is closed, and all of it forgotten."""
        if batches < _MOST_BATCHES and self._bytes <= _MOST_BYTES:
            return False
        self._waiting.clear()
        self.close(TOO_SLOW)
        return True

    def close(self, code: int) -> None:
        """Have the connection closed with `code`; the first one counts."""
        if not self.closing.done():
            self.closing.set_result(code)

    async def pump(self) -> None:
        """Send what is queued, for ever. `send` waits while the client does not read."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                batch = self._waiting.popleft()
                await self._send_batch(batch)
                self._bytes -= batch.size

    async def say(self, message: Message) -> None:
        """Send one message past the queue, to a client that may not read it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._send_batch(Batch([message])), 0.1)

    async def _send_batch(self, batch: Batch) -> None:
        for piece in batch.after(self._seq, self._tick, as_frames=self._takes_frames):
            self._seq, self._tick = piece.seq, piece.tick
            shown = {"frames": piece.content} if self._takes_frames else {"text": piece.content.decode()}
            await self._send({"type": "websocket.send", **shown})


def _bundles(texts: Iterable[Piece]) -> Iterator[Piece]:
    """So many frames at a time as may wait in a transport."""
    bundle, seq, tick = bytearray(), 0, 0
    for content, seq, tick in texts:
        size = len(content)
        if size < 126:
            head = bytes((_TEXT, size))
        elif size < 1 << 16:
            head = bytes((_TEXT, 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((_TEXT, 127)) + size.to_bytes(8, "big")
        bundle += head + content
        if len(bundle) >= _BUNDLE_BYTES:
            yield Piece(bytes(bundle), seq, tick)
            bundle.clear()
    if bundle:
        yield Piece(bytes(bundle), seq, tick)
