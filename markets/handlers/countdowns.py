"""Orders that are cancelled unless somebody shows that they live: by a countdown, or by a connection that stands.

Both are rows with a time, so that they outlive whoever wrote them; the clock does what is due. A cancel is an event.
"""

import logging
from collections.abc import Collection
from uuid import UUID

from common.clock import SECOND, now_us
from common.errors import DomainError
from common.ids import CLOCK
from ledger.runtime import runtime
from markets import queries
from markets.engine import commands as c
from markets.models import Countdown

log = logging.getLogger("markets.countdowns")
LONGEST_S = 86_400
LEASE_S = 15
"""A connection's countdown: its server sets it anew every five seconds, for as long as both are there."""
_KEY = ["stream_id", "handle", "holder"]


def count_down(stream: UUID, handle: str, seconds: int) -> int | None:
    """Cancel the open orders of `handle` in so many seconds, unless this is said again; 0: never. When, in µs.

    Raises DomainError `unknown_participant`.
    """
    if not seconds:
        Countdown.objects.filter(stream_id=stream, handle=handle, holder="").delete()
        return None
    return _set(stream, handle, "", seconds)


def hold(stream: UUID, handle: str, holder: str) -> int:
    """Cancel the open orders of `handle` when the connection `holder` ends, or its server does."""
    return _set(stream, handle, holder, LEASE_S)


def let_go(stream: UUID, handle: str, holder: str) -> None:
    """The connection may end without consequences."""
    Countdown.objects.filter(stream_id=stream, handle=handle, holder=holder).delete()


def keep(holders: Collection[str]) -> set[str]:
    """These connections still stand. Answers those of them whose countdown ran out before they could say so."""
    rows = Countdown.objects.filter(holder__in=holders)
    rows.update(due_at=now_us() + LEASE_S * SECOND)
    return set(holders) - set(rows.values_list("holder", flat=True))


def end(holder: str) -> None:
    """The connection ended: do now what was to be done then."""
    for row in Countdown.objects.filter(holder=holder):
        _fire(row)


def fire_due() -> None:
    """Cancel for everybody whose time is up. Doing it twice, or from several places, changes nothing."""
    for row in Countdown.objects.filter(due_at__lte=now_us()).order_by("due_at")[:1000]:
        try:
            _fire(row)
        except Exception:
            log.exception("the orders of %s in %s were not cancelled", row.handle, row.stream_id)


def _set(stream: UUID, handle: str, holder: str, seconds: int) -> int:
    if handle not in queries.people(stream).values():
        raise DomainError("unknown_participant", f"There is no participant {handle!r}.", field="participant_id")
    row = Countdown(stream_id=stream, handle=handle, holder=holder, due_at=now_us() + seconds * SECOND)
    Countdown.objects.bulk_create([row], update_conflicts=True, update_fields=["due_at"], unique_fields=_KEY)
    return row.due_at


def _fire(row: Countdown) -> None:
    """First the cancels, under an id that the row gives, then the row, unless it was set anew meanwhile."""
    command = c.CancelOrders(participant=row.handle, reason="disconnected" if row.holder else "countdown")
    try:
        runtime.execute(row.stream_id, command, CLOCK, command_id=f"countdown:{row.pk}:{row.due_at}")
    except DomainError as refusal:  # the session is over, or they were removed: nothing is open
        log.info("nothing to cancel for %s in %s: %s", row.handle, row.stream_id, refusal)
    Countdown.objects.filter(pk=row.pk, due_at=row.due_at).delete()
