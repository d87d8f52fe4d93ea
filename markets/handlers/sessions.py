"""A session's life: create, start, halt, resume, close, cancel, delete, advance."""

from uuid import UUID

from django.conf import settings

from common.errors import DomainError
from common.ids import CLOCK, Actor
from ledger import platform
from ledger.runtime import runtime
from ledger.tickets import Opens, Outcome
from markets import queries, seats
from markets.engine import commands as c
from markets.models import Countdown, DisplayName, Presence
from oracle import facade as oracle


def create_session(command: c.CreateSession, actor: Actor, *, command_id: str = "") -> Outcome:
    """Open a session. Its feed must exist, have its legs and no more decimals; without one it gets its own.

    Raises DomainError `session_exists`, `invalid_session`, `unknown_feed`, `feed_mismatch`.
    """
    if command.feed:
        _check_feed(command)
    try:
        return runtime.open(Opens("session", command.session_id), command, actor, command_id=command_id)
    except DomainError as refusal:
        if refusal.code == "name_taken":
            detail = f"There is a session {command.session_id!r} already."
            raise DomainError("session_exists", detail, field="session_id") from refusal
        raise


def _check_feed(command: c.CreateSession) -> None:
    feed = oracle.get_feed(command.feed)
    lacking = [leg for leg in command.legs if leg not in feed.instruments]
    if lacking:
        raise DomainError("feed_mismatch", f"The feed has no prices for {', '.join(lacking)}.", field="feed")
    if feed.price_decimals > command.price_decimals:
        raise DomainError(
            "feed_mismatch", f"The feed has {feed.price_decimals} decimals, more than the session.", field="feed"
        )


def start_session(stream: UUID, actor: Actor, *, command_id: str = "") -> Outcome:
    """Open trading."""
    return runtime.execute(stream, c.StartSession(), actor, command_id=command_id)


def halt_session(stream: UUID, actor: Actor, *, reason: str = "", command_id: str = "") -> Outcome:
    """Stop trading; cancels stay possible."""
    return runtime.execute(stream, c.HaltSession(reason=reason), actor, command_id=command_id)


def resume_session(stream: UUID, actor: Actor, *, command_id: str = "") -> Outcome:
    """Trade again."""
    return runtime.execute(stream, c.ResumeSession(), actor, command_id=command_id)


def close_session(stream: UUID, actor: Actor, *, command_id: str = "") -> Outcome:
    """Close by hand: everything open expires. Refused before a fixed t2 where ALLOW_MANUAL_SETTLE is false."""
    command = c.CloseSession(before_t2=settings.ALLOW_MANUAL_SETTLE)
    return runtime.execute(stream, command, actor, command_id=command_id)


def cancel_session(stream: UUID, actor: Actor, *, reason: str, command_id: str = "") -> Outcome:
    """Call the session off: reservations are released, nothing is paid."""
    return runtime.execute(stream, c.CancelSession(reason=reason), actor, command_id=command_id)


def advance_session(stream: UUID) -> Outcome:
    """Write down what time has made happen: start, expiries, closing. Doing it twice changes nothing."""
    return runtime.execute(stream, c.AdvanceSession(), CLOCK)


def delete_session(session_id: str, actor: Actor, *, reason: str = "", command_id: str = "") -> Outcome:
    """Hide a session for ever and drop its rows; `manage.py purge` removes its events later."""
    session = queries.session(session_id)
    if not actor.organiser and actor.id != session.organiser:
        raise DomainError("not_organiser", "Only the session's organiser may do this.")
    outcome = platform.delete_stream(
        session.stream, actor, name=session.session_id, reason=reason, command_id=command_id
    )
    for table in (Countdown, DisplayName, Presence):  # no projections: the ledger doesn't know them
        table.objects.filter(stream_id=session.stream).delete()
    seats.forget()
    return outcome


def feed_of(session: queries.SessionInfo) -> str:
    """The name of the feed that a session's prices come from: the one it named, or its own.

    An imported session has none here: who names a feed here as one was named there means another.
    """
    shared = "" if session.is_imported else session.feed
    return shared or f"session:{session.stream.hex}"
