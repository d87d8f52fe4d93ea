"""Messages in the order of the wire → a Market that is right, and what to ask for when something was lost. No I/O.

Each message names the one before it on its connection (`prev`; ticks: `prev_feed_seq`). If that is not the one we
hold, something was lost: we ask the server to resume from there, and take nothing else until what it answers fits.
Every answer ends in a snapshot, which replaces all we know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from session_contracts_client import shapes, wire
from session_contracts_client.market import Market
from session_contracts_client.shapes import Book, Data, Order, Quote, Rfq, Snapshot, Trade

_DATA: dict[str, type[Data]] = {
    "snapshot": shapes.Snapshot,
    "tick": shapes.Tick,
    "trade": shapes.Trade,
    "book": shapes.Book,
    "allocation": shapes.Allocation,
    "rfq": shapes.Rfq,
    "quote": shapes.Quote,
    "order": shapes.Order,
    "status": shapes.StatusChange,
    "announcement": shapes.Announcement,
    "heartbeat": shapes.Heartbeat,
    "error": shapes.Complaint,
}
_NOTHING = -1


@dataclass(frozen=True)
class Message:
    """What happened. `is_late`: while we were away; the market was past it already when this was told."""

    kind: str
    seq: int
    data: Data
    is_late: bool = False


class Follower:
    """One client's view of one session, over any number of connections one after the other."""

    def __init__(self) -> None:
        self.market = Market()
        self.wish: dict[str, object] | None = None
        """What to send to the server; whoever sends it sets it to None."""
        self._held = self._held_tick = _NOTHING
        self._is_asking = False
        self._has_gap = False
        self._begun = _NOTHING
        self._told = self._told_tick = self._complete = _NOTHING
        self._told_there: set[tuple[str, ...]] = set()
        self._pending: list[Message] | None = None
        """While what we missed before this connection is on its way: what came since, to be told after it."""

    @property
    def is_right(self) -> bool:
        """Whether the market is as the server told it last, with nothing missing."""
        return self._held != _NOTHING and not self._has_gap

    def connected(self) -> None:
        """A new connection: its first message is a snapshot, and nothing counts before it."""
        self._held = self._held_tick = _NOTHING
        self._is_asking = self._has_gap = False
        self._pending = self.wish = None

    def take(self, envelope: Mapping[str, Any]) -> list[Message]:
        """Fold one message; what is news to the caller."""
        kind = envelope["type"]
        data = wire.decode(_DATA[kind], envelope["data"]) if kind in _DATA else None
        if isinstance(data, Snapshot):
            return self._begin(data, envelope["seq"])
        if isinstance(data, shapes.Tick):
            return self._tick(data, envelope)
        if not self._follows(envelope):
            self._lost()
            return []
        seq = self._held = envelope["seq"]
        if isinstance(data, shapes.Heartbeat) and data.feed_seq > self._held_tick:
            self._lost()
        if data is None:  # a newer server's word, or its last one
            return []
        if isinstance(data, shapes.Heartbeat | shapes.Complaint):
            return [Message(kind, seq, data)]
        return self._change(Message(kind, seq, data, is_late=seq <= self._begun))

    def _follows(self, envelope: Mapping[str, Any]) -> bool:
        return self._held != _NOTHING and bool(envelope.get("prev") == self._held)

    def _lost(self) -> None:
        if self._held == _NOTHING:
            return
        self._has_gap = True
        if not self._is_asking:
            self._ask(self._held, self._held_tick)

    def _ask(self, seq: int, feed_seq: int) -> None:
        self._is_asking = True
        self.wish = {"op": "resume", "seq": seq, "feed_seq": feed_seq}

    def _begin(self, snapshot: Snapshot, seq: int) -> list[Message]:
        known = self.market.session
        is_first = self._held == _NOTHING
        was_away = is_first and known is not None and known.created_at == snapshot.session.created_at
        news = [told for message in self._pending or () for told in self._news(message)]
        self._held, self._held_tick, self._begun = seq, snapshot.feed_seq, seq
        self._is_asking = self._has_gap = False
        self._pending = None
        self.market.begin(snapshot, seq=seq)
        if was_away and self._told <= seq:
            self._held_tick = self._told_tick
            self._pending = []
            self._ask(self._complete, self._told_tick)
        else:
            self._told = self._complete = seq
            self._told_tick, self._told_there = snapshot.feed_seq, set()
        return [*news, Message("snapshot", seq, snapshot)]

    def _tick(self, tick: shapes.Tick, envelope: Mapping[str, Any]) -> list[Message]:
        if self._held == _NOTHING or envelope["prev_feed_seq"] != self._held_tick:
            self._lost()
            return []
        self._held_tick = self._told_tick = tick.feed_seq
        is_late = tick.feed_seq <= self.market.feed_seq
        if not is_late:
            self.market.feed_seq = tick.feed_seq
            self.market.apply(tick)
        return [Message("tick", tick.feed_seq, tick, is_late)]

    def _change(self, message: Message) -> list[Message]:
        if not message.is_late and message.seq >= self.market.seq:
            self.market.seq = message.seq
            self.market.apply(message.data)
        if self._pending is not None and not message.is_late:
            self._pending.append(message)
            return []
        return self._news(message)

    def _news(self, message: Message) -> list[Message]:
        """The message, unless it was told already."""
        name = (message.kind, *_identity(message.data))
        if message.seq < self._told or (message.seq == self._told and name in self._told_there):
            return []
        if message.seq > self._told:
            self._told, self._told_there = message.seq, set()
            self._complete = message.seq - 1  # of this event more may come, or the connection may break amid it
        self._told_there.add(name)
        return [message]


def _identity(data: Data) -> tuple[str, ...]:
    match data:
        case Trade():
            return (data.trade_id,)
        case Order():
            return (data.order_id,)
        case Rfq():
            return (data.rfq_id,)
        case Quote():
            return (data.quote_id,)
        case Book():
            return (data.asset, data.quote_asset)
    return ()
