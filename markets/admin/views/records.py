"""What a session's records say, and how to take them along."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from common.clock import now_us
from markets import queries
from markets.admin import tables
from markets.admin.people_forms import ExportForm
from markets.admin.views.frame import REFUSED, SessionView, attempt
from markets.exports import answer, files


class VerifyView(SessionView):
    """Is what the tables say what happened? Reads every event, so it is asked for by a button."""

    template = "admin/console/verify.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(None)

    def post(self, request: HttpRequest) -> HttpResponse:
        return self._show(queries.verify(self.session.stream))

    def _show(self, findings: list[str] | None) -> HttpResponse:
        seq, head = queries.head(self.session.stream)
        title = f"Verify: {self.session.session_id}"
        return self.page(title, findings=findings, seq=seq, head=head, at=tables.moment(now_us()))


class ExportsView(SessionView):
    """The session's data as files."""

    template = "admin/console/exports.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(f"Exports of {self.session.session_id}", form=ExportForm(session=self.session))


class DownloadView(SessionView):
    """One file, as it was chosen."""

    template = "admin/console/exports.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = ExportForm(request.GET, session=self.session)
        made = attempt(form, lambda: self._make(form.cleaned_data))
        if made is None:
            return self.page(f"Exports of {self.session.session_id}", status=REFUSED, form=form)
        return made

    def _make(self, wanted: dict[str, Any]) -> HttpResponseBase:
        form, table, hides = wanted["format"], wanted["table"], wanted["pseudonymous"]
        if form == "jsonl":
            self.record("export", format=form)
            return answer.ledger_lines(self.request, self.session)
        made = files.make(self.session, form=form, table=table, is_pseudonymous=hides)
        self.record("export", format=form, table=table, pseudonymous=str(hides))
        return answer.file(self.request, made)
