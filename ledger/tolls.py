"""Rate limits that hold under the stream's lock: what a command costs, and what is left in its sender's buckets.

A bucket is one number: the moment at which it will be full again. Taking from it moves that moment away, time brings
it nearer, and nobody can move it further than an empty bucket has to go. The rows are the truth; a process remembers
them as of the stream's `turn`, which every batch that takes something raises.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from common.clock import SECOND
from common.db import Row, Table
from common.errors import DomainError, Throttled
from ledger.models import Bucket

BUCKETS = Table(Bucket)
Key = tuple[str, str]
"""(actor, bucket)."""


class Toll(NamedTuple):
    """What a command takes: `cost` tokens from a bucket that holds `burst` and gains `rate` a second."""

    bucket: str
    cost: int
    rate: int
    burst: int

    @property
    def step(self) -> int:
        """µs in which one token comes back, rounded so that it is never early."""
        return -(-SECOND // self.rate)

    def after(self, full_at: int, now: int) -> int:
        """When it would be full again once this was taken. What lies too far ahead was written before a clock was
        set back, and counts no more; a little ahead is only another machine's clock.
        """
        window = self.step * self.burst
        owed_until = now if full_at > now + 2 * window else min(full_at, now + window)
        return max(owed_until, now) + self.step * self.cost

    def left(self, full_at: int, now: int) -> int:
        """How many tokens are in the bucket."""
        return max(0, self.burst - -(-max(0, full_at - now) // self.step))


@dataclass(slots=True)
class Remembered:
    """A stream's buckets as of `turn`; of `actors` all of them, an absent one is full."""

    turn: int = 0
    actors: set[str] = field(default_factory=set)
    full_at: dict[Key, int] = field(default_factory=dict)


class Till:
    """Takes the tolls of one batch. Needs the lock on the stream."""

    def __init__(self, turn: int, memory: Remembered, now: int) -> None:
        self._turn, self._now, self._taken = turn, now, dict[Key, int]()
        self._memory = memory if memory.turn == turn else Remembered(turn)

    @property
    def turn(self) -> int:
        """The stream's turn once this batch is written."""
        return self._turn + bool(self._taken)

    def lacks(self, actors: Iterable[str]) -> set[str]:
        """Whose buckets must be read first."""
        return set(actors) - self._memory.actors

    def learn(self, actors: Iterable[str], rows: Iterable[tuple[str, str, int]]) -> None:
        """The stored buckets of `actors`."""
        self._memory.actors.update(actors)
        self._memory.full_at.update({(actor, bucket): full_at for actor, bucket, full_at in rows})

    def take(self, actor: str, tolls: Sequence[Toll]) -> None:
        """Take all of `tolls` or none. Raises Throttled; DomainError `invalid_bulk` where no wait would help."""
        taken: dict[Key, int] = {}
        for toll in _summed(tolls):
            if toll.cost > toll.burst:
                detail = f"This takes {toll.cost} {toll.bucket} at once; at most {toll.burst} are possible."
                raise DomainError("invalid_bulk", detail)
            key = actor, toll.bucket
            full_at = self._taken.get(key, self._memory.full_at.get(key, 0))
            after, latest = toll.after(full_at, self._now), self._now + toll.step * toll.burst
            if after > latest:
                raise Throttled(toll.bucket, after - latest)
            taken[key] = after
        self._taken |= taken

    def rows(self, stream: UUID) -> list[Row]:
        """The buckets that this batch took from, as rows in order of their keys."""
        return [(stream, actor, bucket, full_at) for (actor, bucket), full_at in sorted(self._taken.items())]

    def committed(self) -> Remembered:
        """What to remember once the batch is committed."""
        self._memory.full_at.update(self._taken)
        self._memory.turn = self.turn
        return self._memory


def _summed(tolls: Sequence[Toll]) -> Sequence[Toll]:
    if len(tolls) < 2:
        return tolls
    costs: Counter[str] = Counter()
    for toll in tolls:
        costs[toll.bucket] += toll.cost
    return [toll._replace(cost=costs[toll.bucket]) for toll in {toll.bucket: toll for toll in tolls}.values()]


class Memory:
    """What this process remembers of the buckets of at most `limit` streams. Safe to share between threads."""

    def __init__(self, limit: int) -> None:
        self._limit, self._mutex = limit, Lock()
        self._streams: OrderedDict[UUID, Remembered] = OrderedDict()

    def get(self, stream: UUID) -> Remembered:
        """What is remembered. A stream's drain alone adds to it, and only what is committed."""
        with self._mutex:
            return self._streams.get(stream) or Remembered()

    def put(self, stream: UUID, remembered: Remembered) -> None:
        with self._mutex:
            self._streams[stream] = remembered
            while len(self._streams) > self._limit:
                self._streams.popitem(last=False)

    def clear(self) -> None:
        with self._mutex:
            self._streams.clear()
