"""Who did what, and when: the ledger's own events, and the acts outside it that the platform's stream keeps."""

from django.http import HttpRequest, HttpResponse

from accounts import roster
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
        found = rows.acts(stream, PLATFORM, not_by=members, before=_before(request), limit=_PAGE)
        names = {**roster.names_of(row.actor for row in found), "clock": "the clock"}
        title = f"Audit trail of {self.session.session_id}"
        return self.page(title, table=tables.acts(found, names, limit=_PAGE), before=_before(request))


class TrailView(ConsoleView):
    """What was done outside the sessions' ledgers: by everybody for administrators, one's own for organisers."""

    template = "admin/console/audit.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        only = "" if self.actor.organiser else self.actor.id
        found = rows.platform_acts(PLATFORM, only_by=only, before=_before(request), limit=_PAGE)
        names = roster.names_of([*(row.actor for row in found), *rows.subjects(found)])
        return self.page("Audit trail", table=tables.acts(found, names, limit=_PAGE), before=_before(request))


def _before(request: HttpRequest) -> int:
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
