"""What the clock does: a function per job, as Celery tasks. Each looks for what is due in rows and has it done.

Whoever calls them, however often and from however many places at once: what is due is done once.
"""

import logging

from celery import shared_task

from common.clock import now_us
from common.errors import DomainError, Unavailable
from markets import queries
from markets.handlers import countdowns, prices, sessions
from markets.models import ClockNote
from oracle import facade as oracle

log = logging.getLogger("markets.clock")


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def note_clock() -> None:
    """Show that the clock lives: whoever stands by for it, and /health/ready, look at this."""
    ClockNote.objects.bulk_create(
        [ClockNote(id=1, at=now_us())], update_conflicts=True, unique_fields=["id"], update_fields=["at"]
    )


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def advance_sessions() -> None:
    """Write down the starts, expiries and closings that are due, and cancel for those whose countdown ran out."""
    countdowns.fire_due()
    for stream in queries.due_sessions(now_us()):
        try:
            sessions.advance_session(stream)
        except (DomainError, Unavailable) as refusal:
            log.warning("session %s was not advanced: %s", stream, refusal)
        except Exception:
            log.exception("session %s was not advanced", stream)


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def settle_closed() -> None:
    """Settle what is closed and has a fixing."""
    for session_id, reason in prices.settle_closed():
        log.info("session %s waits for its settlement: %s", session_id, reason)


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def advance_feeds() -> None:
    """Publish the ticks of sims and replays that are due. One feed's trouble is not another's."""
    for feed in oracle.running_feeds():
        try:
            oracle.advance_feed(feed)
        except Exception:
            log.exception("feed %s was not advanced", feed)
