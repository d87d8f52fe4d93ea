"""A tiny domain, only for tests: named counters. Shows that the ledger knows no domain, and misbehaves on request."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from django.db import models

from common.db import Row, Table
from common.errors import DomainError, InvariantViolation
from common.events import Event
from common.ids import Actor
from ledger.codec import EventTypes
from ledger.domain import Domain, Write


class CounterRow(models.Model):
    """The projection. The fixture `counters` creates its table."""

    pk = models.CompositePrimaryKey("stream_id", "name")
    stream_id = models.UUIDField()
    name = models.CharField(max_length=32)
    value = models.BigIntegerField()

    objects: ClassVar[models.Manager["CounterRow"]] = models.Manager()

    class Meta:
        app_label = "ledger_tests"
        db_table = "ledger_tests_counter"


class Open(msgspec.Struct, frozen=True):
    name: str


class Add(msgspec.Struct, frozen=True):
    """Add `amount` to the counter `name`; refused where that would make it negative."""

    amount: int
    name: str = "a"


class Nothing(msgspec.Struct, frozen=True):
    """Accepted, and changes nothing."""


class Alarm(msgspec.Struct, frozen=True):
    """Time alone adds 1000 to the counter "alarm" at `at`."""

    at: int


class Misbehave(msgspec.Struct, frozen=True):
    """What no command should do; `how` names it."""

    how: str


class Opened(Event, frozen=True):
    name: str


class Added(Event, frozen=True):
    amount: int
    name: str


class AlarmSet(Event, frozen=True):
    rings_at: int


class AlarmRang(Event, frozen=True):
    rings_at: int


class Broken(Event, frozen=True):
    """Sets the state to what `check` refuses."""


class Unlawful(Event, frozen=True):
    """Evolving it raises what only decide may."""


class CounterState(msgspec.Struct):
    name: str = ""
    seq: int = 0
    values: dict[str, int] = {}
    times: list[int] = []
    alarms: list[int] = []
    is_broken: bool = False
    changed: set[str] = set()


class Counters(Domain[CounterState]):
    name = "counter"
    engine_version = 1
    events = EventTypes([Opened, Added, AlarmSet, AlarmRang, Broken, Unlawful])
    tables = (Table(CounterRow),)

    def new_state(self, stream: UUID) -> CounterState:
        return CounterState()

    def decide(self, state: CounterState, command: Any, actor: Actor, now: int) -> Sequence[Event]:
        match command:
            case Open(name):
                return [Opened(name)] if not state.seq else _refuse("open", "It is open already.")
            case Add(amount, name):
                enough = state.values.get(name, 0) + amount >= 0
                return [Added(amount, name)] if enough else _refuse("too_low", f"{name} would be negative.")
            case Alarm(at):
                return [AlarmSet(at)]
            case Misbehave(how):
                return _misbehave(how)
            case _:
                return []

    def evolve(self, state: CounterState, event: Event, at: int) -> None:
        state.seq += 1
        state.times.append(at)
        match event:
            case Opened(name):
                state.name = name
            case Added(amount, name):
                _add(state, name, amount)
            case AlarmSet(when):
                state.alarms = sorted([*state.alarms, when])
            case AlarmRang(when):
                state.alarms.remove(when)
                _add(state, "alarm", 1000)
            case Broken():
                state.is_broken = True
            case Unlawful():
                _add(state, "unlawful", 1)
                _refuse("unlawful", "Too late to refuse.")

    def due(self, state: CounterState, now: int) -> Sequence[Event]:
        return [AlarmRang(when) for when in state.alarms[:1] if when <= now]

    def check(self, state: CounterState) -> None:
        if state.is_broken:
            raise InvariantViolation("the counters are broken")

    def audit(self, state: CounterState) -> Iterator[str]:
        yield from (f"{name} is negative" for name, value in sorted(state.values.items()) if value < 0)

    def take_writes(self, state: CounterState) -> list[Write]:
        changed, state.changed = sorted(state.changed), set()
        rows: list[Row] = [(self.stream_of(state), name, state.values[name]) for name in changed]
        return [(self.tables[0], rows)] if rows else []

    def stream_of(self, state: CounterState) -> UUID:
        """Tests name a stream by its UUID, so that the state knows it."""
        return UUID(state.name)

    def drop_changes(self, state: CounterState) -> None:
        state.changed = set()

    def name_of(self, state: CounterState) -> str:
        return state.name

    def dump(self, state: CounterState) -> Any:
        return {key: value for key, value in msgspec.to_builtins(state).items() if key != "changed"}

    def load(self, stream: UUID, text: str) -> CounterState:
        return msgspec.json.decode(text, type=CounterState)


def _add(state: CounterState, name: str, amount: int) -> None:
    state.values[name] = state.values.get(name, 0) + amount
    state.changed.add(name)


def _refuse(code: str, detail: str) -> list[Event]:
    raise DomainError(code, detail, field="amount")


_ERRORS: dict[str, type[BaseException]] = {
    "bug": ZeroDivisionError,
    "stop": StopIteration,
    "timeout": TimeoutError,
    "exit": SystemExit,
}
_EVENTS: dict[str, list[Event]] = {
    "invariant": [Added(1, "a"), Broken()],
    "unlawful": [Added(1, "a"), Unlawful()],
    "overflow": [Added(1, "a"), Added((1 << 63) - 1, "b"), Added(1, "b")],
    "huge": [Added(1, "a"), Added(1 << 70, "b")],
    "long": [Added(1, "a"), Added(1, "n" * 200)],
    "nul": [Added(1, "a"), Added(1, "n\0l")],
    "surrogate": [Added(1, "a"), Added(1, "\ud800")],
}


def _misbehave(how: str) -> list[Event]:
    if how in _ERRORS:
        raise _ERRORS[how](how)
    return _EVENTS[how]


COUNTERS = Counters()
ANN = Actor("ann")
BOB = Actor("bob")
