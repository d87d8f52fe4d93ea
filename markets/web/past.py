"""Sessions as they were after some event: folded with the engine's own evolve, kept for whoever steps on."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from uuid import UUID

from ledger import registry, store, warm
from ledger.warm import Warm
from markets.engine.state import SessionState

_MOST_KEPT, _FARTHEST = 16, 20_000
_kept: list[Warm] = []
"""Used longest ago first. Whoever takes one out owns it until it is put back."""
_mutex = Lock()


@contextmanager
def state_after(stream: UUID, seq: int) -> Iterator[SessionState]:
    """The state after event `seq`, which there must be. To read within the block only: the next step changes it."""
    found = _take(stream, seq)
    if found is None:
        found = warm.load(registry.get("session"), stream, upto=seq)
    elif found.seq < seq:
        found.fold(store.read_for_fold(stream, found.seq, seq))
    yield found.state
    with _mutex:
        _kept.append(found)
        del _kept[:-_MOST_KEPT]


def _take(stream: UUID, seq: int) -> Warm | None:
    """The kept state that is nearest before `seq`."""
    with _mutex:
        near = [one for one in _kept if one.stream == stream and seq - _FARTHEST <= one.seq <= seq]
        if not near:
            return None
        found = max(near, key=lambda one: one.seq)
        _kept[:] = [one for one in _kept if one is not found]
        return found
