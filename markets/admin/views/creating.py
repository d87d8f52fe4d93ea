"""The page that makes a session."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import roster
from markets.admin import scenarios
from markets.admin.creation import MOST_PARTICIPANTS, SessionDraft
from markets.admin.views.frame import REFUSED, ConsoleView, SessionView


class CreateView(ConsoleView):
    """A session with its legs and participants, on one page; from a scenario, if one is chosen."""

    template = "admin/console/create.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        chosen = request.GET.get("scenario", "")
        return self.show(SessionDraft(beginning=scenarios.scenario(chosen)), chosen=chosen)

    def post(self, request: HttpRequest) -> HttpResponse:
        if "csv" in request.FILES or "read" in request.POST:
            draft = SessionDraft.from_csv(request.POST, request.FILES.get("csv"))
            return self.show(draft, status=REFUSED if draft.is_refused else 200)
        draft = SessionDraft(request.POST)
        stream = draft.create(self.actor)
        if stream is None:
            return self.show(draft, status=REFUSED)
        messages.success(request, f"{draft.form.cleaned_data['session_id']} is created.")
        if failed := draft.simulate(stream):
            messages.error(request, failed)
        return redirect("admin:markets_marketsession_change", stream)

    def show(self, draft: SessionDraft, *, chosen: str = "", status: int = 200) -> HttpResponse:
        """The page as the draft has it."""
        return self.page(
            "New session",
            status=status,
            draft=draft,
            usernames=roster.usernames(),
            scenarios=scenarios.SCENARIOS,
            chosen=chosen,
        )


class CloneView(SessionView):
    """The page of a new session, filled in like one that there is."""

    template = "admin/console/create.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        beginning = scenarios.clone_of(self.session)
        if (count := len(beginning.people)) > MOST_PARTICIPANTS:
            said = (
                f"{count} participants are too many for this page: admit them from a CSV, under People, afterwards."
            )
            messages.warning(request, said)
            beginning = replace(beginning, people=())
        draft = SessionDraft(beginning=beginning)
        title = f"New session like {self.session.session_id}"
        return self.page(title, draft=draft, usernames=roster.usernames(), is_clone=True)
