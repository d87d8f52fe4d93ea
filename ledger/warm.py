"""Warm states: what a process remembers of the streams it serves, folded from their events."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

from ledger import store
from ledger.codec import canonical
from ledger.domain import Domain


class BrokenLedger(Exception):
    """The events of a stream are not gap-free."""


@dataclass(slots=True)
class Warm:
    """The state of one stream after event `seq`."""

    domain: Domain[Any]
    stream: UUID
    state: Any
    seq: int
    snapshot_seq: int

    def fold(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Apply stored events: (seq, type, version, payload, at) each."""
        decode, evolve, state, seq = self.domain.events.decode, self.domain.evolve, self.state, self.seq
        for number, kind, version, payload, at in rows:
            if number != seq + 1:
                raise BrokenLedger(f"stream {self.stream}: event {number} stands where {seq + 1} should")
            evolve(state, decode(kind, version, payload), at)
            seq = number
            if not seq % 4096:
                self.domain.drop_changes(state)  # these rows are written already
        self.seq = seq
        self.domain.drop_changes(state)


def load(domain: Domain[Any], stream: UUID, *, upto: int, use_snapshot: bool = True) -> Warm:
    """The state after event `upto`: from the newest usable snapshot, then the events after it."""
    snapshot = store.newest_snapshot(stream, domain.engine_version, upto) if use_snapshot else None
    if snapshot is None:
        warm = Warm(domain, stream, domain.new_state(stream), 0, 0)
    else:
        seq, text = snapshot
        warm = Warm(domain, stream, domain.load(stream, text), seq, seq)
    if warm.seq < upto:
        warm.fold(store.read_for_fold(stream, warm.seq, upto))
    return warm


def dump(warm: Warm) -> str:
    """The canonical text of the state: what snapshots hold and state hashes are taken of."""
    return canonical(warm.domain.dump(warm.state))


class WarmStates:
    """At most `limit` states, the longest unused dropped first. Safe to share between threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._states: OrderedDict[UUID, Warm] = OrderedDict()
        self._mutex = Lock()

    def take(self, stream: UUID) -> Warm | None:
        """Remove and return the state: whoever works on it owns it, and an error loses it."""
        with self._mutex:
            return self._states.pop(stream, None)

    def put(self, warm: Warm) -> None:
        """Keep `warm` for next time."""
        with self._mutex:
            self._states[warm.stream] = warm
            while len(self._states) > self._limit:
                self._states.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with self._mutex:
            self._states.clear()
