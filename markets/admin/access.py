"""Who may enter the console, and which sessions they find there."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from accounts.facade import User, may_open_sessions
from common.errors import DomainError
from common.ids import Actor
from markets import queries


def may_enter(user: User | AnonymousUser) -> bool:
    """Superusers, and staff who are organisers."""
    return user.is_active and user.is_staff and may_open_sessions(user)


def session_for(actor: Actor, stream: UUID) -> queries.SessionInfo:
    """The session on this stream, if it is the actor's to run; else Http404, as if there were none."""
    try:
        session = queries.session_of(stream)
    except DomainError as refusal:
        raise Http404(refusal.detail) from refusal
    if not actor.organiser and session.organiser != actor.id:
        raise Http404("There is no such session.")
    return session
