"""Who did what, and when: the ledger's own events, and the acts outside it that the platform's stream keeps."""

import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts import roster
from ledger.models import Event
from ledger.platform import STREAM as PLATFORM
from markets.admin import rows, tables
from markets.admin.views.frame import ConsoleView, SessionView

_PAGE = 50


class AuditView(SessionView):
    """What was done to a session, newest first: not what participants did for themselves."""

    template = "admin/console/audit.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        stream = self.session.stream
        members = [member.user for member in rows.members(stream) if member.user != self.session.organiser]
        found, older = rows.acts(stream, PLATFORM, not_by=members, before=_before(request), limit=_PAGE)
        names = {**roster.names_of(row.actor for row in found), "clock": "the clock"}
        title = f"Audit trail of {self.session.session_id}"
        return self.page(title, table=tables.acts(found, names), **_around(request, found, older))


class TrailView(ConsoleView):
    """What was done outside the sessions' ledgers: by everybody for administrators, one's own for organisers."""

    template = "admin/console/audit.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        only = "" if self.actor.organiser else self.actor.id
        found, older = rows.platform_acts(PLATFORM, only_by=only, before=_before(request), limit=_PAGE)
        names = roster.names_of([*(row.actor for row in found), *rows.subjects(found)])
        table = tables.acts(found, names, rows.names_of_sessions(found))
        return self.page("Audit trail", table=table, **_around(request, found, older))


def _before(request: HttpRequest) -> rows.Before:
    """`12-7`; whatever else is there begins at the newest."""
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", request.GET.get("before", ""))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _around(request: HttpRequest, found: Sequence[Event], older: rows.Before) -> dict[str, Any]:
    """Whether there is a newer page, and where the older one begins."""
    is_full = len(found) == _PAGE
    return {"before": any(_before(request)), "older": f"{older[0]}-{older[1]}" if is_full else ""}
