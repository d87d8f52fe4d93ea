"""Who stands before a session's page: found once per request, or 404 for what is not theirs to see."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest

from accounts.facade import actor_of
from common.errors import DomainError
from common.ids import Actor, parse_public_id
from markets import queries


@dataclass(frozen=True, slots=True)
class Visitor:
    """A member of a session: its participant `handle` ("" for an organiser who doesn't take part)."""

    session: queries.SessionInfo
    actor: Actor
    handle: str
    is_organiser: bool

    @property
    def stream(self) -> UUID:
        return self.session.stream

    def number(self, outside: str) -> int:
        """The seq behind an opaque id of this session. Raises Http404 for all others."""
        found = parse_public_id(outside)
        if found is None or found[0] != self.session.stream:
            raise Http404
        return found[1]


def session_named(session_id: str) -> queries.SessionInfo:
    """The session of this name. Raises Http404."""
    try:
        return queries.session(session_id)
    except DomainError as refusal:
        raise Http404(refusal.detail) from refusal


def visitor(request: HttpRequest, session_id: str) -> Visitor:
    """The member who asks. Raises Http404 for everybody else."""
    session, actor = session_named(session_id), actor_of(request.user)
    handle = queries.participant_of(session.stream, actor.id) or ""
    is_organiser = actor.organiser or actor.id == session.organiser
    if not handle and not is_organiser:
        raise Http404("not a member")
    return Visitor(session, actor, handle, is_organiser)


_COMMAND_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def command_id(request: HttpRequest) -> str:
    """The form's id, under which it happens once; "" (a new one) where the form has none that is usable."""
    given = request.POST.get("command_id", "")
    return f"form:{given}" if _COMMAND_ID.fullmatch(given) else ""
