"""The committed ring: the newest committed events of each stream, for readers that follow."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import islice
from threading import Lock
from uuid import UUID

from ledger.domain import Committed


class CommittedRing:
    """The last `size` events of each of at most `streams` streams. Only committed events ever enter."""

    def __init__(self, *, size: int = 4096, streams: int = 256) -> None:
        self._size, self._limit = size, streams
        self._rings: OrderedDict[UUID, deque[Committed]] = OrderedDict()
        self._mutex = Lock()

    def append(self, stream: UUID, events: Sequence[Committed]) -> None:
        """Add the events of one committed batch. A gap before them (another process wrote) starts afresh."""
        with self._mutex:
            ring = self._rings.pop(stream, None)
            if ring is None or (ring and ring[-1].seq + 1 != events[0].seq):
                ring = deque(maxlen=self._size)
            ring.extend(events)
            self._rings[stream] = ring
            while len(self._rings) > self._limit:
                self._rings.popitem(last=False)

    def after(self, stream: UUID, seq: int) -> list[Committed] | None:
        """The committed events after `seq`, gap-free; None where the ring doesn't reach back: ask the table.

        An empty list means that this process knows of nothing newer; another process may.
        """
        with self._mutex:
            ring = self._rings.get(stream)
            if not ring or seq < ring[0].seq - 1:
                return None
            return list(islice(ring, max(0, seq - ring[0].seq + 1), None))

    def clear(self) -> None:
        """Forget everything."""
        with self._mutex:
            self._rings.clear()
