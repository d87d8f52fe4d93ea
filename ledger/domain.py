"""What a domain brings to the ledger: its pure functions, its event types, its rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from common.db import Row, Table
from common.events import Event
from common.ids import Actor
from ledger.codec import EventTypes
from ledger.tolls import Toll

StateT = TypeVar("StateT")
Write = tuple[Table, list[Row]]


class Domain(ABC, Generic[StateT]):
    """One kind of stream. All but `within` and `sources` is pure: no clock, database, randomness, logging."""

    name: str
    engine_version: int
    """Raise it whenever `dump`'s shape or the meaning of a state changes: older snapshots are then ignored."""
    events: EventTypes
    tables: Sequence[Table] = ()
    """The projection: every row of these tables is derived from events."""
    may_be_imported: bool = False
    """Whether a stream of another installation may be read here: `manage.py import`."""

    @abstractmethod
    def new_state(self, stream: UUID) -> StateT:
        """The state before the first event."""

    @abstractmethod
    def decide(self, state: StateT, command: Any, actor: Actor, now: int) -> Sequence[Event]:
        """The events that `command` causes at `now` (µs), or DomainError. Changes nothing."""

    def toll(self, state: StateT, command: Any, actor: Actor) -> Toll | None:
        """What `actor` pays from a bucket before `command` is decided; None: it is free."""
        return None

    @abstractmethod
    def evolve(self, state: StateT, event: Event, at: int) -> None:
        """Apply one event to `state`, in place. The only thing that changes a state."""

    def left(self, state: StateT, command: Any) -> Any:
        """What the caller of `command`, whose events `state` has just taken, will want to know of it: a copy."""
        return None

    def due(self, state: StateT, now: int) -> Sequence[Event]:
        """What time alone makes happen up to `now`; called again until it answers nothing."""
        return ()

    def check(self, state: StateT) -> None:
        """Raise InvariantViolation if what was touched since the last call breaks a rule. Cost stays flat."""

    def audit(self, state: StateT) -> Iterator[str]:
        """The full invariants, one sentence per violation."""
        yield from ()

    def take_writes(self, state: StateT) -> list[Write]:
        """Whole rows of everything that changed since the last call, and forget what changed."""
        return []

    def drop_changes(self, state: StateT) -> None:
        """Forget what changed: its rows are written already."""
        self.take_writes(state)

    @abstractmethod
    def dump(self, state: StateT) -> Any:
        """The state as plain data for a snapshot; `msgspec` encodes it canonically."""

    @abstractmethod
    def load(self, stream: UUID, text: str) -> StateT:
        """The inverse of `dump`, from its JSON text."""

    def name_of(self, state: StateT) -> str:
        """The name that the events give the stream; "" where they give none."""
        return ""

    def sources(self, stream: UUID) -> dict[str, Any]:
        """Where the facts came from that events took from outside, as plain data: a feed with its seed, say."""
        return {}

    def within(self, events: Sequence[Event], now: int) -> None:
        """More writes in the same transaction, for a domain that also acts on other streams."""


class Committed(msgspec.Struct, frozen=True, gc=False):
    """One event as the table has it, and decoded."""

    stream: UUID
    seq: int
    type: str
    version: int
    payload: str
    actor: str
    command_id: str
    at: int
    hash: str
    event: Event
