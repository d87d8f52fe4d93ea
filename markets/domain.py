"""Sessions as the ledger sees them: the pure engine and its projection, bound together."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any
from uuid import UUID

import msgspec

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger.codec import EventTypes
from ledger.domain import Domain, Write
from ledger.tolls import Toll
from markets import limits, projections
from markets.engine import commands as c
from markets.engine import invariants
from markets.engine.decide import dispatch
from markets.engine.events import EVENTS
from markets.engine.evolve import evolve, forget_changes
from markets.engine.state import ENGINE_VERSION, Order, Saved, SessionState
from markets.models import MarketSession
from oracle import facade as oracle

_OF_AN_ORDER = (c.ReplaceOrder, c.CancelOrder)


class SessionDomain(Domain[SessionState]):
    """One stream per session."""

    name = "session"
    engine_version = ENGINE_VERSION
    events = EventTypes(EVENTS)
    tables = projections.TABLES
    may_be_imported = True

    def new_state(self, stream: UUID) -> SessionState:
        return SessionState(stream)

    def decide(self, state: SessionState, command: Any, actor: Actor, now: int) -> Sequence[Event]:
        return dispatch.decide(state, command, actor, now)

    def toll(self, state: SessionState, command: Any, actor: Actor) -> Toll | None:
        return limits.toll(state.facts.bounds, command, actor)

    def left(self, state: SessionState, command: Any) -> Order | None:
        """The order that was replaced or cancelled."""
        return copy(state.changed.orders[command.order]) if isinstance(command, _OF_AN_ORDER) else None

    def evolve(self, state: SessionState, event: Event, at: int) -> None:
        evolve(state, event, at)

    def due(self, state: SessionState, now: int) -> Sequence[Event]:
        return dispatch.due(state, now)

    def check(self, state: SessionState) -> None:
        invariants.check_touched(state)

    def audit(self, state: SessionState) -> Iterator[str]:
        return invariants.audit(state)

    def take_writes(self, state: SessionState) -> list[Write]:
        return projections.take_writes(state)

    def drop_changes(self, state: SessionState) -> None:
        forget_changes(state)

    def name_of(self, state: SessionState) -> str:
        return state.facts.session_id

    def sources(self, stream: UUID) -> dict[str, Any]:
        name = MarketSession.objects.values_list("feed", flat=True).get(stream_id=stream)
        try:
            feed = oracle.get_feed(name or f"session:{stream.hex}")
        except DomainError:
            return {}  # nobody has published a price yet
        return {
            "feed": {
                "name": feed.name,
                "mode": feed.mode,
                "instruments": feed.instruments,
                "price_decimals": feed.price_decimals,
                "settings": feed.settings,
            }
        }

    def dump(self, state: SessionState) -> Saved:
        return state.saved()

    def load(self, stream: UUID, text: str) -> SessionState:
        return SessionState(stream, msgspec.json.decode(text, type=Saved))


SESSIONS = SessionDomain()
