"""The platform stream: what happens to streams as a whole, and what people did that no stream's own events tell."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

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


class PlatformState(msgspec.Struct):
    """Which streams are deleted."""

    seq: int = 0
    deleted: dict[UUID, str] = {}


class Platform(Domain[PlatformState]):
    """The ledger's own domain."""

    name = "platform"
    engine_version = 1
    events = EventTypes([StreamDeleted, ActRecorded])

    def new_state(self, stream: UUID) -> PlatformState:
        return PlatformState()

    def decide(self, state: PlatformState, command: Any, actor: Actor, now: int) -> Sequence[Event]:
        if isinstance(command, RecordAct):
            return [ActRecorded(command.act, command.subject, command.stream, command.facts)]
        if not isinstance(command, DeleteStream):
            raise TypeError(f"no decision for {type(command).__name__}")
        if command.stream in state.deleted:
            raise DomainError("deleted", "This has been deleted.")
        return [StreamDeleted(command.stream, command.name, command.reason)]

    def evolve(self, state: PlatformState, event: Event, at: int) -> None:
        state.seq += 1
        if isinstance(event, ActRecorded):
            return
        assert isinstance(event, StreamDeleted)
        state.deleted[event.stream] = event.name

    def name_of(self, state: PlatformState) -> str:
        return self.name

    def dump(self, state: PlatformState) -> Any:
        return state

    def load(self, stream: UUID, text: str) -> PlatformState:
        return msgspec.json.decode(text, type=PlatformState)

    def within(self, events: Sequence[Event], now: int) -> None:
        """Lock each stream after the platform's own, hide it, drop its rows."""
        for event in events:
            if not isinstance(event, StreamDeleted):
                continue
            row = Stream.objects.select_for_update().get(id=event.stream)
            Stream.objects.filter(id=row.id).update(deleted_at=now)
            for table in registry.get(row.domain).tables:
                table.model._default_manager.filter(stream_id=row.id).delete()


PLATFORM = Platform()


def tombstone(stream: UUID) -> int | None:
    """When `stream` was deleted, by its event in the platform stream; None where there is none."""
    events = EventRow.objects.filter(stream_id=STREAM, type="StreamDeleted", payload__contains=f'"stream":"{stream}"')
    return events.values_list("at", flat=True).first()


def delete_stream(stream: UUID, actor: Actor, *, name: str, reason: str, command_id: str = "") -> Outcome:
    """Write the tombstone of a stream and hide it. Raises DomainError `deleted` when it was deleted before."""
    command = DeleteStream(stream, name, reason)
    opens = Opens(PLATFORM.name, PLATFORM.name)
    return runtime.execute_on(STREAM, opens, command, actor, command_id=command_id)


def record_act(
    act: str, actor: Actor, *, subject: str = "", stream: UUID | None = None, facts: Mapping[str, str] | None = None
) -> Outcome:
    """Put an act on record, with the address it came from. No secrets and no names of people: events are for ever."""
    told = {**(facts or {}), **({"from": whence.address.get()} if whence.address.get() else {})}
    command = RecordAct(act, subject, stream.hex if stream else "", told)
    return runtime.execute_on(STREAM, Opens(PLATFORM.name, PLATFORM.name), command, actor)
