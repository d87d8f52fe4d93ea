"""Verifying for members: folding a whole session is dear, so nobody may ask often, and one answer serves all."""

import threading
import time
from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

from accounts import facade as accounts
from common.clock import now_us
from common.errors import Unavailable
from common.ids import Actor
from markets import queries

VERIFY = accounts.Rule("verifications", burst=10, per_minute=10)
_KEPT_FOR = 20
"""An answer is kept for so many times as long as it took to find: verifying one head costs 5 % of a processor."""
_MOST_KEPT, _PATIENCE_S = 64, 2.0


class Verified(NamedTuple):
    """What verify found of a session that ended at `seq` and `head`. No findings: all is true."""

    findings: list[str]
    seq: int
    head: str
    checked_at: int
    took_ms: int


_kept: OrderedDict[UUID, tuple[float, Verified]] = OrderedDict()
_busy = threading.Lock()


def verify(stream: UUID, actor: Actor) -> Verified:
    """Fold a session from its first event and compare everything, or the answer of a moment ago.

    Raises Throttled; Unavailable `busy` while this process verifies something large.
    """
    accounts.take(VERIFY, actor.id)
    if (known := _known(stream)) is not None:
        return known
    if not _busy.acquire(timeout=_PATIENCE_S):
        raise Unavailable("busy", "Something is being verified just now. Try again in a few seconds.", retry_after=5)
    try:
        return _known(stream) or _verify(stream)
    finally:
        _busy.release()


def _known(stream: UUID) -> Verified | None:
    until, found = _kept.get(stream, (0.0, None))
    if found is None or time.monotonic() >= until or (found.seq, found.head) != queries.head(stream):
        return None
    return found


def _verify(stream: UUID) -> Verified:
    """Head and verdict are of one moment only if nothing was added meanwhile; then alone the answer is kept."""
    begun, (seq, head) = time.monotonic(), queries.head(stream)
    findings = queries.verify(stream)
    took = time.monotonic() - begun
    found = Verified(findings, seq, head, now_us(), round(took * 1000))
    if queries.head(stream) == (seq, head):
        _kept[stream] = time.monotonic() + _KEPT_FOR * took, found
        _kept.move_to_end(stream)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found
