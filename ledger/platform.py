"""The platform stream: what happens to streams as a whole, and what people did that no stream's own events tell."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from common import whence
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger import registry
from ledger.codec import EventTypes
from ledger.domain import Domain
from ledger.models import Event as EventRow
from ledger.models import Stream
from ledger.runtime import runtime
from ledger.tickets import Opens, Outcome

STREAM = UUID("8e0a3f5c-52a6-4c07-9c56-6f0f86a6d9c4")


class DeleteStream(msgspec.Struct, frozen=True):
    """Hide a stream for ever; `manage.py purge` removes its events later."""

    stream: UUID
    name: str
    reason: str


class StreamDeleted(Event, frozen=True):
    """The tombstone of a stream."""

    stream: UUID
    name: str
    reason: str


class RecordAct(msgspec.Struct, frozen=True):
    """Keep on record that somebody did something which no stream's own events tell."""

    act: str
    subject: str
    stream: str
    facts: dict[str, str]


class ActRecorded(Event, frozen=True):
    """Somebody did something outside the streams: gave out keys, say. `stream` is the one it was about, "" for none.

    Like every event it names people by opaque ids, and it never holds a secret.
    """

    act: str
    subject: str
    stream: str
    facts: dict[str, str]


class ImportStream(msgspec.Struct, frozen=True):
    """Take up a stream that happened elsewhere, up to event `last_seq` with the hash `head`."""

    stream: UUID
    domain: str
    name: str
    last_seq: int
    head: str
    software: str


class StreamImported(Event, frozen=True):
    """A stream of another installation was taken up: it ends here for good, at event `last_seq` with the hash `head`.

    `software` is the version that wrote the bundle.
    """

    stream: UUID
    domain: str
    name: str
    last_seq: int
    head: str
    software: str


class PlatformState(msgspec.Struct):
    """Which streams are deleted."""

    seq: int = 0
    deleted: dict[UUID, str] = {}


class Platform(Domain[PlatformState]):
    """The ledger's own domain."""

    name = "platform"
    engine_version = 1
    events = EventTypes([StreamDeleted, StreamImported, ActRecorded])

    def new_state(self, stream: UUID) -> PlatformState:
        return PlatformState()

    def decide(self, state: PlatformState, command: Any, actor: Actor, now: int) -> Sequence[Event]:
        if isinstance(command, RecordAct):
            return [ActRecorded(command.act, command.subject, command.stream, command.facts)]
        if isinstance(command, ImportStream):
            return [StreamImported(**msgspec.structs.asdict(command))]
        if not isinstance(command, DeleteStream):
            raise TypeError(f"no decision for {type(command).__name__}")
        if command.stream in state.deleted:
            raise DomainError("deleted", "This has been deleted.")
        return [StreamDeleted(command.stream, command.name, command.reason)]

    def evolve(self, state: PlatformState, event: Event, at: int) -> None:
        state.seq += 1
        if isinstance(event, StreamDeleted):
            state.deleted[event.stream] = event.name

    def name_of(self, state: PlatformState) -> str:
        return self.name

    def dump(self, state: PlatformState) -> Any:
        return state

    def load(self, stream: UUID, text: str) -> PlatformState:
        return msgspec.json.decode(text, type=PlatformState)

    def within(self, events: Sequence[Event], now: int) -> None:
        """After the platform's own row, lock and hide each stream that is deleted; write each that arrives."""
        for event in events:
            if isinstance(event, StreamDeleted):
                _hide(event.stream, now)
            elif isinstance(event, StreamImported):
                _arrivals[event.stream](now)


def _hide(stream: UUID, now: int) -> None:
    row = Stream.objects.select_for_update().get(id=stream)
    Stream.objects.filter(id=row.id).update(deleted_at=now)
    for table in registry.get(row.domain).tables:
        table.model._default_manager.filter(stream_id=row.id).delete()


_arrivals: dict[UUID, Callable[[int], None]] = {}
"""What writes the streams that this process is importing, given the time."""
_IMPORT_TAKES_S = 3600
PLATFORM = Platform()


def tombstone(stream: UUID) -> int | None:
    """When `stream` was deleted, by its event in the platform stream; None where there is none."""
    return _records("StreamDeleted", stream).values_list("at", flat=True).first()


class Arrival(NamedTuple):
    """The record of an import: when, and where the stream ended."""

    at: int
    last_seq: int
    head: str


def arrival(stream: UUID) -> Arrival | None:
    """The record of `stream`'s import; None where there is none."""
    row = _records("StreamImported", stream).first()
    if row is None:
        return None
    event = PLATFORM.events.decode(row.type, row.version, row.payload)
    assert isinstance(event, StreamImported)
    return Arrival(row.at, event.last_seq, event.head)


def _records(kind: str, stream: UUID) -> "QuerySet[EventRow]":
    return EventRow.objects.filter(stream_id=STREAM, type=kind, payload__contains=f'"stream":"{stream}"')


def delete_stream(stream: UUID, actor: Actor, *, name: str, reason: str, command_id: str = "") -> Outcome:
    """Write the tombstone of a stream and hide it. Raises DomainError `deleted` when it was deleted before."""
    command = DeleteStream(stream, name, reason)
    opens = Opens(PLATFORM.name, PLATFORM.name)
    return runtime.execute_on(STREAM, opens, command, actor, command_id=command_id)


def import_stream(command: ImportStream, write: Callable[[int], None], actor: Actor) -> Outcome:
    """Put an import on record; `write(now)` writes the stream in the same transaction. Raises what it raises."""
    _arrivals[command.stream] = write
    try:
        opens = Opens(PLATFORM.name, PLATFORM.name)
        return runtime.execute_on(STREAM, opens, command, actor, timeout=_IMPORT_TAKES_S)
    finally:
        del _arrivals[command.stream]


def record_act(
    act: str, actor: Actor, *, subject: str = "", stream: UUID | None = None, facts: Mapping[str, str] | None = None
) -> Outcome:
    """Put an act on record, with the address it came from. No secrets and no names of people: events are for ever."""
    told = {**(facts or {}), **({"from": whence.address.get()} if whence.address.get() else {})}
    command = RecordAct(act, subject, stream.hex if stream else "", told)
    return runtime.execute_on(STREAM, Opens(PLATFORM.name, PLATFORM.name), command, actor)
