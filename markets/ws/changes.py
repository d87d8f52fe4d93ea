"""What moved on a session since the last push, for whoever renders it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger.domain import Committed
from oracle.facade import TickInfo

Pair = tuple[str, str]
"""A book: (asset, quote_asset)."""


@dataclass(frozen=True, slots=True)
class Change:
    """The events up to and with `seq`, the books, holders and prices that they (or the oracle) moved."""

    stream: UUID
    seq: int
    events: Sequence[Committed] = ()
    books: frozenset[Pair] = frozenset()
    ticks: Sequence[TickInfo] = ()
    holders: frozenset[str] = frozenset()
    status_changed: bool = False

    def followed_by(self, later: "Change") -> "Change":
        """Both changes as one."""
        return Change(
            self.stream,
            max(self.seq, later.seq),
            (*self.events, *later.events),
            self.books | later.books,
            (*self.ticks, *later.ticks),
            self.holders | later.holders,
            status_changed=self.status_changed or later.status_changed,
        )
