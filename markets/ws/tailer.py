"""One watched session: follows its committed events and its feed, and tells those who watch.

Two cursors: the mirror's seq (ledger) and `feed_seq` (oracle). Folding and handing out happen without a pause in
between, so whoever joins stands exactly where the mirror stands.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.utils.module_loading import import_string

from common.clock import now_us
from common.live.connection import GONE, NOT_YOURS, Batch, Connection
from common.live.following import Follower
from common.live.message import Message
from common.live.threads import in_thread
from ledger.domain import Committed
from ledger.runtime import runtime
from markets import shapes
from markets.handlers.sessions import feed_of
from markets.ws import reading
from markets.ws.changes import Change
from markets.ws.credentials import Guest
from markets.ws.messages import Resume
from markets.ws.mirror import Fact, Mirror, Step
from markets.ws.reading import News, Watch
from oracle.facade import TickInfo

log = logging.getLogger("markets.ws")
_FRAGMENTS = "markets.web.fragments"
"""The one place that names the pages' renderer: render(change, handles)."""
_HTML_PAUSE_S = 0.2
_HISTORY = 4096
_RECENT = 64
_ORDER = {"trade": 0, "book": 1, "allocation": 2, "rfq": 3, "quote": 4, "order": 5, "status": 6, "announcement": 7}
"""Within one seq: the trade first, so that whoever holds a seq has its trade; then what stands now; then the rest."""


class Tailer(Follower[Connection[Guest]]):
    """Use it on the event loop that made it."""

    def __init__(self, mirror: Mirror, stream: UUID) -> None:
        super().__init__(stream)
        self._mirror = mirror
        self._feed = feed_of(mirror.info)
        self._tick: TickInfo | None = None
        self._feed_decimals = 0
        self._newest = mirror.seq
        self._audiences: dict[str, int] = {}
        """handle → the seq since which its own messages are in the history."""
        self._history: deque[tuple[str, Message]] = deque()
        self._history_from = mirror.seq
        self._recent: deque[Committed] = deque(maxlen=_RECENT)
        self._pending: Change | None = None
        self._was_heard = False
        self._lock, self._rendering = asyncio.Lock(), asyncio.Event()
        self._tasks.append(asyncio.create_task(self._render()))

    # What the hub says

    @property
    def seq(self) -> int:
        """The last event that was told."""
        return self._mirror.seq

    @property
    def present(self) -> frozenset[str]:
        """The participants who are connected."""
        return frozenset(connection.handle for connection in self.connections if connection.handle)

    @property
    def watch(self) -> Watch:
        return Watch(self.stream, self._feed, self._feed_seq)

    def hear(self, news: News) -> None:
        """What the poll found."""
        if not news.seq:
            self._close_all(GONE)
            return
        if news.ticks:
            self._tell_ticks(news.ticks, news.price_decimals)
        self._newest = max(self._newest, news.seq)
        if self._newest > self._mirror.seq:
            self._moved.set()

    def beat(self) -> None:
        now = now_us()
        data = {"server_time": shapes.moment(now), "feed_seq": self._feed_seq}
        batch = Batch([self._message("heartbeat", self._mirror.seq, now, data)])
        for connection in self.connections:
            if not connection.as_html:
                connection.offer(batch)
        self._push_html(Change(self.stream, self._mirror.seq))

    # What connections ask

    async def join(self, connection: Connection[Guest], *, since: int | None = None) -> None:
        """Give the newcomer a snapshot as of now, and everything after it. `since`: what a page was made from."""
        await self._learn_prices()
        events = await in_thread(reading.events_after, self.stream, since) if since is not None else []
        await self._catch_up(to_the_end=True)
        connection.handle = self._mirror.handle_of(connection.guest.user)
        connection.joined_at_seq = self._mirror.seq
        self.connections.add(connection)
        self._was_heard |= not connection.is_quiet
        self._attend(connection.handle)
        if connection.as_html:
            self._push_html(self._everything(events[:1000]))
        elif not connection.is_quiet:
            connection.offer(self._snapshot(connection.handle))

    async def resume(self, connection: Connection[Guest], wish: Resume) -> None:
        """What the client missed since `wish.seq`, where it is still remembered, and a snapshot in any case."""
        ticks: list[TickInfo] = []
        if wish.feed_seq is not None:
            ticks, self._feed_decimals = await in_thread(reading.ticks_after, self._feed, wish.feed_seq)
        await self._catch_up(to_the_end=True)
        told = [tick for tick in ticks if tick.seq <= self._feed_seq]
        if told and len(ticks) < reading.MOST_TICKS:
            connection.offer(Batch([self._tick_message(tick) for tick in told], held_tick=wish.feed_seq))
        missed = self._missed(connection.handle, wish.seq)
        if missed:
            # Whoever lost something on this very connection holds `wish.seq`; whoever speaks of an earlier
            # connection holds the snapshot that this one began with.
            held = wish.seq if wish.seq >= connection.joined_at_seq else None
            connection.offer(Batch(missed, held=held))
        connection.offer(self._snapshot(connection.handle))

    # Following

    async def _catch_up(self, *, to_the_end: bool = False) -> None:
        """Fold what was committed: from the ring where it reaches, else from the table."""
        async with self._lock:
            if to_the_end:
                self._newest = max(self._newest, await in_thread(reading.seq_of, self.stream))
            events = runtime.committed.after(self.stream, self._mirror.seq) or []
            if not events and self._newest > self._mirror.seq:
                events = await in_thread(reading.events_after, self.stream, self._mirror.seq)
            if not events:
                return
            if not self._was_heard:
                self._pass_over(events)
                return
            undone = await in_thread(reading.undone_by, self.stream, events) if _has_bust(events) else {}
            self._hand_out(events, self._mirror.fold(events, self._audiences, undone))

    def _pass_over(self, events: Sequence[Committed]) -> None:
        """Nobody has ever heard this feed, so nothing is made of it, and nothing remembered for who comes back."""
        self._newest = max(self._newest, events[-1].seq)
        self._recent.extend(events)
        self._history.clear()
        if self._mirror.pass_over(events):
            self._settle_members()
        self._history_from = self._mirror.seq

    def _hand_out(self, events: Sequence[Committed], step: Step) -> None:
        self._newest = max(self._newest, self._mirror.seq)
        self._recent.extend(events)
        facts = sorted(step.facts, key=lambda fact: (fact.seq, _ORDER[fact.kind]))
        told = [(fact.who, self._told(fact)) for fact in facts]
        self._remember(told)
        self._give_each(told)
        if step.members_changed:
            self._settle_members()
        self._push_html(
            Change(
                self.stream,
                self._mirror.seq,
                events,
                frozenset(step.levels),
                (),
                frozenset(step.holders),
                status_changed=step.status_changed,
            )
        )

    def _settle_members(self) -> None:
        """Who joined gets a snapshot with what is theirs; who was removed leaves, organisers excepted."""
        for connection in list(self.connections):
            guest, handle = connection.guest, self._mirror.handle_of(connection.guest.user)
            if handle == connection.handle:
                continue
            connection.handle = handle
            self._attend(handle)
            if handle is None and not guest.sees_all and guest.user != self._mirror.organiser:
                connection.close(NOT_YOURS)
            elif not connection.as_html and not connection.is_quiet:
                connection.offer(self._snapshot(handle))

    # Telling

    def _told(self, fact: Fact) -> Message:
        return self._message(fact.kind, fact.seq, fact.at, fact.data)

    def _message(self, kind: str, seq: int, at: int, data: shapes.Shape) -> Message:
        return Message(kind, self._mirror.info.session_id, seq, at, data)

    def _give_each(self, told: Sequence[tuple[str, Message]]) -> None:
        """To each audience its messages, made once; to each connection the same ones."""
        batches: dict[str | None, Batch] = {}
        for connection in self._listeners():
            batch = batches.get(connection.handle)
            if batch is None:
                mine = [message for who, message in told if not who or who == connection.handle]
                batch = batches[connection.handle] = Batch(mine)
            if batch.messages:
                connection.offer(batch)

    def _give(self, messages: Sequence[Message]) -> None:
        batch = Batch(messages)
        for connection in self._listeners():
            connection.offer(batch)

    def _listeners(self) -> Iterable[Connection[Guest]]:
        return [one for one in self.connections if not one.as_html and not one.is_quiet]

    def _snapshot(self, handle: str | None) -> Batch:
        prices = self._shown(self._tick)["prices"] if self._tick else {}
        data = self._mirror.snapshot(handle, prices, self._feed_seq)
        message = self._message("snapshot", self._mirror.seq, now_us(), data)
        return Batch([message], held_tick=self._feed_seq)

    # Remembering

    def _attend(self, handle: str | None) -> None:
        """From now on make the own messages of `handle`, also while it is away for a moment."""
        if handle is not None:
            self._audiences.setdefault(handle, self._mirror.seq)

    def _remember(self, told: Sequence[tuple[str, Message]]) -> None:
        """What may be told again. Not books and holdings: the snapshot that ends every resume has them."""
        self._history.extend(pair for pair in told if pair[1].kind not in {"book", "allocation"})
        while len(self._history) > _HISTORY:
            self._history_from = self._history.popleft()[1].seq

    def _missed(self, handle: str | None, seq: int) -> list[Message]:
        since = max(self._history_from, self._audiences[handle] if handle else 0)
        if seq < since:
            return []
        return [
            message
            for who, message in self._history
            # A connection may have been cut between the messages of event `seq`. Its trade, the first, has come.
            if (message.seq > seq or (message.seq == seq and message.kind != "trade")) and (not who or who == handle)
        ]

    # Prices

    @property
    def _feed_seq(self) -> int:
        return self._tick.seq if self._tick else 0

    async def _learn_prices(self) -> None:
        if self._tick is None:
            tick, decimals = await in_thread(reading.latest_tick, self._feed)
            if tick is not None and self._tick is None:
                self._tick, self._feed_decimals = tick, decimals

    def _tell_ticks(self, ticks: Sequence[TickInfo], price_decimals: int) -> None:
        new = [tick for tick in ticks if tick.seq > self._feed_seq]
        if not new:
            return
        self._tick, self._feed_decimals = new[-1], price_decimals
        self._give([self._tick_message(tick) for tick in new])
        self._push_html(Change(self.stream, self._mirror.seq, ticks=new))

    def _tick_message(self, tick: TickInfo) -> Message:
        return self._message("tick", tick.seq, tick.published_at, self._shown(tick))

    def _shown(self, tick: TickInfo) -> shapes.Shape:
        return shapes.tick(tick, self._feed_decimals, self._mirror.info.legs)

    # Pages

    def _everything(self, events: Sequence[Committed]) -> Change:
        ticks = (self._tick,) if self._tick else ()
        return Change(
            self.stream,
            self._mirror.seq,
            (*events, *self._recent),
            self._mirror.pairs,
            ticks,
            self._mirror.handles,
            status_changed=True,
        )

    def _push_html(self, change: Change) -> None:
        if any(connection.as_html for connection in self.connections):
            self._pending = self._pending.followed_by(change) if self._pending else change
            self._rendering.set()

    async def _render(self) -> None:
        """Fragments once per audience, at most five times a second, in a thread: templates may query."""
        while True:
            await self._rendering.wait()
            self._rendering.clear()
            change, self._pending = self._pending, None
            pages = [connection for connection in self.connections if connection.as_html]
            handles = {connection.handle for connection in pages}
            if change is not None and pages:
                try:
                    made = await in_thread(_fragments, change, handles)
                except Exception:
                    log.exception("no fragments of %s", self._mirror.info.session_id)
                else:
                    batches = {handle: Batch(html=text) for handle, text in made.items() if text}
                    for connection in pages:
                        if batch := batches.get(connection.handle):
                            connection.offer(batch)
            await asyncio.sleep(_HTML_PAUSE_S)


def _fragments(change: Change, handles: Collection[str | None]) -> dict[str | None, str]:
    """audience → its page's new fragments."""
    made: dict[str | None, str] = import_string(f"{_FRAGMENTS}.render")(change, handles)
    return made


def _has_bust(events: Sequence[Committed]) -> bool:
    return any(item.type == "TradeBusted" for item in events)
