"""A message of a live feed as text, made once for all who get it."""

from typing import Any, ClassVar

import msgspec

from common.clock import isoformat

VERSION = 1
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Message:
    """A message whose text is made once for all who get it; only `prev` differs from connection to connection."""

    __slots__ = ("_head", "_tail", "is_tick", "kind", "seq")
    topic_name: ClassVar[str] = "session_id"
    """What messages are about: the member that names it."""

    def __init__(self, kind: str, topic: str, seq: int, at: int, data: dict[str, Any]) -> None:
        self.kind, self.seq, self.is_tick = kind, seq, kind == "tick"
        names = ("feed_seq", "prev_feed_seq") if self.is_tick else ("seq", "prev")
        name = _ENCODER.encode(topic).decode()
        self._head = f'{{"v":{VERSION},"type":"{kind}","{self.topic_name}":{name},"{names[0]}":{seq},"{names[1]}":'
        self._tail = f',"at":"{isoformat(at)}","data":{_ENCODER.encode(data).decode()}}}'

    @property
    def size(self) -> int:
        """About how many bytes it is."""
        return len(self._head) + len(self._tail)

    def after(self, prev: int) -> str:
        """The text for a connection whose last message reflected `prev`."""
        return f"{self._head}{prev}{self._tail}"


class Answer(Message):
    """A message to one client, past the feed: its `seq` and `prev` are both what the client holds already."""

    __slots__ = ()

    def __init__(self, kind: str, topic: str, at: int, data: dict[str, Any]) -> None:
        super().__init__(kind, topic, 0, at, data)
        self._head = self._head.removesuffix('0,"prev":')

    def after(self, prev: int) -> str:
        return f'{self._head}{prev},"prev":{prev}{self._tail}'
