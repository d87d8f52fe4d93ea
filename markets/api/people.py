"""Whom an organiser admits: an account named by `user`, or somebody made up whose account waits to be handed out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts import facade as accounts
from common.errors import DomainError, InvalidInput
from common.fields import Fields
from common.ids import Actor
from markets import requests
from markets.engine import commands as c
from markets.handlers import participants
from markets.seats import Seat


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the session must know of people (opaque ids), and what is kept outside the ledger."""

    names: dict[str, str] = field(default_factory=dict)
    made_up: dict[str, str] = field(default_factory=dict)

    def keep(self, stream: UUID, session_id: str, *, replayed: bool) -> None:
        """After the commit: display names, and accounts for those who were made up. A repeat renames nobody."""
        participants.name_participants(stream, self.names, rename=not replayed)
        for handle, uid in self.made_up.items():
            accounts.settle_made_up(uid, session_id, handle)

    def user(self, fields: Fields, organiser: str, session_id: str, handle: str) -> str:
        """The opaque id of the person that an entry names."""
        username = fields.text("user", "")
        if username:
            return accounts.uid_of(username, field=fields.path("user"))
        uid = accounts.uid_made_up(organiser, session_id, handle)
        self.made_up[handle] = uid
        return uid


def create_session(body: object, actor: Actor) -> tuple[c.CreateSession, Admitted]:
    """POST /sessions → the command, with `user` as an opaque id and `name` taken out."""
    admitted = Admitted()
    if isinstance(body, Mapping) and isinstance(body.get("participants"), list):
        session_id = str(body.get("session_id"))
        entries = [
            _entry(entry, index, admitted, actor, session_id) for index, entry in enumerate(body["participants"])
        ]
        body = {**body, "participants": entries}
    return requests.create_session(body), admitted


def _entry(entry: object, index: int, admitted: Admitted, actor: Actor, session_id: str) -> dict[str, Any]:
    at = f"participants.{index}"
    fields = Fields(entry, at=at)
    handle = fields.text("participant_id")
    name = _name(fields)
    if name:
        admitted.names[handle] = name
    kept = {"participant_id": handle, "allocations": fields.take("allocations")}
    kept["user"] = admitted.user(fields, actor.id, session_id, handle)
    fields.end()
    return kept


def join_session(body: object, seat: Seat, seat_user: str) -> tuple[c.JoinSession, Admitted]:
    """POST /sessions/{id}/participants → the command. Who is no organiser joins as themselves, `seat_user`."""
    admitted = Admitted()
    fields = Fields(body)
    handle = fields.text("participant_id")
    name = _name(fields)
    if name:
        admitted.names[handle] = name
    user = seat.actor.id
    if seat.organises:
        user = admitted.user(fields, seat.session.organiser, seat.session.session_id, handle)
    elif fields.text("user", seat_user) != seat_user:
        raise DomainError("not_organiser", "Only the organiser admits somebody else.", field="user")
    fields.end()
    return c.JoinSession(participant=handle, user=user), admitted


def _name(fields: Fields) -> str:
    name = fields.text("name", "")
    if len(name) > 80:
        raise InvalidInput(fields.path("name"), "name has at most 80 characters.")
    return name
