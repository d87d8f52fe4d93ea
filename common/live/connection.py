"""One client: what waits for it, in a bounded queue, and the task that sends it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import uuid4

from common.live.message import Answer, Message

Guest = TypeVar("Guest")

Send = Callable[[Any], Awaitable[None]]

NOT_SIGNED_IN = 4401
NOT_YOURS = 4403
GONE = 4404
TOO_SLOW = 4408
RESTART = 1012
_MOST_BATCHES = 256
_MOST_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that go out together. `held`: what the client says it holds, for the first `prev`."""

    messages: Sequence[Message] = ()
    html: str = ""
    held: int | None = None
    held_tick: int | None = None

    @property
    def size(self) -> int:
        return sum(message.size for message in self.messages) + len(self.html)


@dataclass(frozen=True, slots=True)
class Answers(Batch):
    """One client's own, to which more may be added while it waits."""

    messages: list[Message] = field(default_factory=list)


class Connection(Generic[Guest]):
    """Nobody waits for a client: what it does not read fills its queue, and a full queue closes it."""

    def __init__(self, guest: Guest, send: Send, *, as_html: bool, is_quiet: bool = False) -> None:
        self.guest, self.as_html = guest, as_html
        self.is_quiet = is_quiet
        """It hears nothing but answers and heartbeats."""
        self.handle: str | None = None
        self.joined_at_seq = 0
        self.name = uuid4().hex
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
        if self.closing.done():
            return
        if len(self._waiting) >= _MOST_BATCHES or self._bytes > _MOST_BYTES:
            self._waiting.clear()
            self.close(TOO_SLOW)
            return
        self._waiting.append(batch)
        self._bytes += batch.size
        self._something.set()

    def answer(self, message: Answer) -> None:
        """Queue an answer, beside those that wait already: they are no more than what the client has asked."""
        if not (self._waiting and isinstance(self._waiting[-1], Answers)):
            self.offer(Answers())
        if self._waiting and isinstance(last := self._waiting[-1], Answers):
            last.messages.append(message)
            self._bytes += message.size

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
            await asyncio.wait_for(self._send_text(self._framed(message)), 0.1)

    async def _send_batch(self, batch: Batch) -> None:
        self._seq = self._seq if batch.held is None else batch.held
        self._tick = self._tick if batch.held_tick is None else batch.held_tick
        for message in batch.messages:
            await self._send_text(self._framed(message))
        if batch.html:
            await self._send_text(batch.html)

    def _framed(self, message: Message) -> str:
        """The message with this connection's `prev`; afterwards it is what the client holds, answers excepted."""
        if isinstance(message, Answer):
            text = message.after(self._seq)
        elif message.is_tick:
            text, self._tick = message.after(self._tick), message.seq
        else:
            text, self._seq = message.after(self._seq), message.seq
        return text

    def _send_text(self, text: str) -> Awaitable[None]:
        return self._send({"type": "websocket.send", "text": text})
