"""Exchanges as the ledger sees them: the pure engine and its projection, bound together."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from common.events import Event
from common.ids import Actor
from ledger.codec import EventTypes
from ledger.domain import Domain, Write
from ledger.tolls import Toll
from predictions import limits, projections
from predictions.engine import invariants
from predictions.engine.decide import dispatch
from predictions.engine.events import EVENTS
from predictions.engine.evolve import evolve, forget_changes
from predictions.engine.state import ENGINE_VERSION, ExchangeState, Saved


class ExchangeDomain(Domain[ExchangeState]):
    """One stream per exchange."""

    name = "exchange"
    engine_version = ENGINE_VERSION
    events = EventTypes(EVENTS)
    tables = projections.TABLES

    def new_state(self, stream: UUID) -> ExchangeState:
        return ExchangeState(stream)

    def decide(self, state: ExchangeState, command: Any, actor: Actor, now: int) -> Sequence[Event]:
        return dispatch.decide(state, command, actor, now)

    def toll(self, state: ExchangeState, command: Any, actor: Actor) -> Toll | None:
        return limits.toll(command, actor)

    def evolve(self, state: ExchangeState, event: Event, at: int) -> None:
        evolve(state, event, at)

    def due(self, state: ExchangeState, now: int) -> Sequence[Event]:
        return dispatch.due(state, now)

    def check(self, state: ExchangeState) -> None:
        invariants.check_touched(state)

    def audit(self, state: ExchangeState) -> Iterator[str]:
        return invariants.audit(state)

    def take_writes(self, state: ExchangeState) -> list[Write]:
        return projections.take_writes(state)

    def drop_changes(self, state: ExchangeState) -> None:
        forget_changes(state)

    def name_of(self, state: ExchangeState) -> str:
        return state.facts.name

    def dump(self, state: ExchangeState) -> Saved:
        return state.saved()

    def load(self, stream: UUID, text: str) -> ExchangeState:
        return ExchangeState(stream, msgspec.json.decode(text, type=Saved))


EXCHANGES = ExchangeDomain()
