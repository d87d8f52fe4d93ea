"""One watched exchange: follows its committed events, and tells each market's watchers what concerns them.

Folding and handing out happen without a pause in between, so whoever joins stands exactly where the mirror stands.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from accounts.handshake import Credentials
from common.clock import now_us
from common.ids import public_id
from common.live.connection import GONE, Batch, Connection
from common.live.following import Follower
from common.live.threads import in_thread
from ledger import warm
from ledger.models import Stream
from ledger.runtime import committed_events, runtime
from predictions import shapes
from predictions.domain import EXCHANGES
from predictions.ws.messages import Message, Resume
from predictions.ws.mirror import Fact, Mirror

log = logging.getLogger("predictions.ws")
_HISTORY = 4096
_LASTING = {"trade", "order", "status"}
"""What a resume tells again; the snapshot that ends it has the rest."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Who watches a market; `user` is "" where nobody is signed in, who sees what everybody may."""

    stream: UUID
    market: int
    user: str
    credentials: Credentials | None


class Watcher(Connection[Guest]):
    """A connection, with the agents whose own messages it gets."""

    agents: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as text, for everybody and for the agent whose it is."""

    fact: Fact
    shown: Message | None
    own: Message | None

    def to(self, watcher: Watcher) -> Message | None:
        """What a watcher of this market gets of it."""
        return self.own if self.own is not None and self.fact.agent in watcher.agents else self.shown


class Feed(Follower[Watcher]):
    """Use it on the event loop that made it."""

    def __init__(self, mirror: Mirror, stream: UUID) -> None:
        super().__init__(stream)
        self._mirror = mirror
        self._newest = self._history_from = mirror.seq
        self._history: deque[Told] = deque()
        self._lock = asyncio.Lock()

    def hear(self, seq: int) -> None:
        """How far the exchange is, 0 when it is deleted."""
        if not seq:
            self._close_all(GONE)
        elif seq > self._mirror.seq:
            self._newest = max(self._newest, seq)
            self._moved.set()

    def beat(self) -> None:
        now = now_us()
        for watcher in self.connections:
            message = self.message("heartbeat", watcher.guest.market, now, {"server_time": shapes.moment(now)})
            watcher.offer(Batch([message]))

    def message(self, kind: str, market: int, at: int, data: shapes.Shape, seq: int | None = None) -> Message:
        """A message about a market; as of now where no seq is given."""
        return Message(kind, public_id(self.stream, market), self._mirror.seq if seq is None else seq, at, data)

    async def join(self, watcher: Watcher) -> bool:
        """Give the newcomer a snapshot as of now, and everything after it. False: there is no such market."""
        await self._catch_up(to_the_end=True)
        if not self._mirror.has(watcher.guest.market):
            return False
        watcher.agents = self._mirror.agents_of(watcher.guest.user)
        watcher.joined_at_seq = self._mirror.seq
        self.connections.add(watcher)
        watcher.offer(self._snapshot(watcher))
        return True

    async def resume(self, watcher: Watcher, wish: Resume) -> None:
        """What the client missed since `wish.seq`, where it is still remembered, and a snapshot in any case."""
        await self._catch_up(to_the_end=True)
        missed = list(self._missed(watcher, wish.seq))
        if missed:
            # Whoever lost something on this very connection holds `wish.seq`; whoever speaks of an earlier
            # connection holds the snapshot that this one began with.
            watcher.offer(Batch(missed, held=wish.seq if wish.seq >= watcher.joined_at_seq else None))
        watcher.offer(self._snapshot(watcher))

    def _missed(self, watcher: Watcher, seq: int) -> Iterator[Message]:
        if seq < self._history_from:
            return
        for told in self._history:
            fact = told.fact
            # A connection may have been cut between the messages of event `seq`. Its trade, the first, has come.
            is_new = fact.seq > seq or (fact.seq == seq and fact.kind != "trade")
            message = told.to(watcher) if fact.market == watcher.guest.market and is_new else None
            if message is not None:
                yield message

    def _snapshot(self, watcher: Watcher) -> Batch:
        market = watcher.guest.market
        data = self._mirror.snapshot(market, sorted(watcher.agents))
        return Batch([self.message("snapshot", market, now_us(), data)])

    async def _catch_up(self, *, to_the_end: bool = False) -> None:
        """Fold what was committed: from the ring where it reaches, else from the table."""
        async with self._lock:
            if to_the_end:
                self._newest = max(self._newest, await in_thread(_seq_of, self.stream))
            events = runtime.committed.after(self.stream, self._mirror.seq) or []
            if not events and self._newest > self._mirror.seq:
                events = await in_thread(committed_events, self.stream, self._mirror.seq)
            if not events:
                return
            self._hand_out(self._mirror.fold(events))
            if any(item.type == "AgentRegistered" for item in events):
                for watcher in self.connections:
                    watcher.agents = self._mirror.agents_of(watcher.guest.user)

    def _hand_out(self, facts: list[Fact]) -> None:
        """To each watcher what its market's facts are to it, in one batch; the same texts for all."""
        of_market: dict[int, list[Told]] = {}
        for fact in facts:
            told = Told(fact, self._text(fact, fact.data), self._text(fact, fact.own))
            of_market.setdefault(fact.market, []).append(told)
            if fact.kind in _LASTING:
                self._history.append(told)
        while len(self._history) > _HISTORY:
            self._history_from = self._history.popleft().fact.seq
        for watcher in self.connections:
            told_here = (told.to(watcher) for told in of_market.get(watcher.guest.market, ()))
            messages = [message for message in told_here if message is not None]
            if messages:
                watcher.offer(Batch(messages))

    def _text(self, fact: Fact, data: shapes.Shape | None) -> Message | None:
        return None if data is None else self.message(fact.kind, fact.market, fact.at, data, fact.seq)


def _seq_of(stream: UUID) -> int:
    """The last committed event of a stream; 0 when it is deleted."""
    return Stream.objects.filter(id=stream, deleted_at=None).values_list("seq", flat=True).first() or 0


def mirror_of(stream: UUID) -> Mirror | None:
    """The exchange as its committed events say it is now; None when there is none, or it is deleted."""
    row = Stream.objects.filter(id=stream, domain=EXCHANGES.name, deleted_at=None).first()
    return Mirror(warm.load(EXCHANGES, stream, upto=row.seq).state, row.last_at) if row else None
