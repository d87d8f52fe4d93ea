"""People, a session of theirs made by commands, and signed-in browsers without JavaScript."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.test import Client

from accounts.facade import User, actor_of
from common.ids import Actor
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import participants, prices, sessions

LEGS = ("AAPL", "GOLD 3m")


@dataclass(frozen=True, slots=True)
class Room:
    """A running session `room` with alice and bob in it, an organiser, and a stranger."""

    stream: UUID
    people: dict[str, User]

    def actor(self, name: str) -> Actor:
        return actor_of(self.people[name])

    def browser(self, name: str, *, checks: bool = False) -> Client:
        client = Client(enforce_csrf_checks=checks)
        client.force_login(self.people[name])
        return client

    @property
    def session(self) -> queries.SessionInfo:
        return queries.session_of(self.stream)


@pytest.fixture
def people(ledger: None) -> dict[str, User]:
    names = ("alice", "bob", "orga", "stranger")
    return {
        name: User.objects.create_user(name, is_organiser=name == "orga")  # no password: hashing takes its time
        for name in names
    }


@pytest.fixture
def make_room(people: dict[str, User]) -> Callable[..., Room]:
    def make(**terms: object) -> Room:
        body = {"session_id": "room", "legs": list(LEGS), "q": [100, 60], "end_mode": "manual", **terms}
        orga = actor_of(people["orga"])
        stream = sessions.create_session(requests.create_session(body), orga).stream
        for name in ("alice", "bob"):
            actor = actor_of(people[name])
            participants.join_session(stream, c.JoinSession(participant=name, user=actor.id), actor)
        participants.assign_allocations(stream, c.AssignAllocations(), orga)
        return Room(stream, people)

    return make


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    room = make_room()
    for aapl, gold in (("150", "1900"), ("151", "1895.5"), ("152.25", "1899")):
        prices.push_prices(room.session, {"AAPL": aapl, "GOLD 3m": gold})
    return room
