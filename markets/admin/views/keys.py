"""API keys of a session's participants."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import facade as accounts
from accounts import roster
from common.errors import DomainError
from markets.admin import forms, rows, tables
from markets.admin.views.frame import REFUSED, SessionView, attempt


class KeysView(SessionView):
    """API keys of the participants, good for this session only. Secrets are shown once, in the answer."""

    template = "admin/console/keys.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(forms.KeysForm(session=self.session))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = forms.KeysForm(request.POST, session=self.session)
        issued = attempt(form, lambda: self._issue(form.cleaned_data))
        if issued is None:
            return self._show(form, status=REFUSED)
        self.record("keys issued", keys=str(len(issued)), scopes=" ".join(form.cleaned_data["scopes"]))
        return self._show(forms.KeysForm(session=self.session), issued=issued)

    def _issue(self, wanted: dict[str, Any]) -> list[tuple[str, str]]:
        """(handle, secret) of each."""
        users = {member.handle: member.user for member in rows.members(self.session.stream)}
        return roster.issue_keys(
            {handle: users[handle] for handle in wanted["participants"]},
            name=wanted["name"],
            scopes=wanted["scopes"],
            session_id=self.session.session_id,
            issuer=accounts.user_of(self.request.user),
        )

    def _show(self, form: forms.KeysForm, *, status: int = 200, issued: Any = ()) -> HttpResponse:
        known = tables.keys(roster.session_keys(self.session.stream))
        title = f"API keys: {self.session.session_id}"
        return self.page(title, status=status, form=form, issued=issued, keys=known)


class RevokeView(SessionView):
    """A key of this session is worth nothing any more."""

    def post(self, request: HttpRequest, key: int) -> HttpResponse:
        try:
            messages.success(request, f"{roster.revoke_key(self.session.stream, key)} is revoked.")
            self.record("key revoked", key=str(key))
        except DomainError as refusal:
            messages.error(request, refusal.detail)
        return redirect("admin:markets_marketsession_keys", self.session.stream)
