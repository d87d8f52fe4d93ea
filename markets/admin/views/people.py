"""Who takes part: the list, a CSV of more, and one-time codes to sign in with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts import codes, roster
from accounts import facade as accounts
from common.clock import now_us
from common.errors import DomainError
from markets import queries, requests
from markets.admin import roster as sheets
from markets.admin import rows, tables
from markets.admin.people_forms import CodesForm, RosterForm
from markets.admin.views.buttons import buttons
from markets.admin.views.frame import REFUSED, SessionView, attempt
from markets.engine import commands as c
from markets.engine.state import TREASURY
from markets.handlers import participants
from markets.qr import qr


class PeopleView(SessionView):
    """Everybody who joined, how they sign in, and what can be done for them."""

    template = "admin/console/people.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        members = rows.members(self.session.stream)
        known = {code.user: code for code in codes.codes_of(self.session.stream)}
        return self.page(
            f"People of {self.session.session_id}",
            people=tables.people(members, roster.names_of(m.user for m in members), known, now=now_us()),
            groups=[group for group in buttons(self.session) if group[0] == "Participants"],
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """What a CSV would do: the command, the names outside the ledger, and each line as the preview shows it."""

    command: c.AdmitParticipants
    names: Mapping[str, str]
    lines: Sequence[sheets.Line]
    accounts: Sequence[str]
    numbers: Mapping[str, int]
    here: Sequence[str]

    def said(self, refusal: DomainError) -> DomainError:
        """The session's refusal, with the line that it is about."""
        number = self.numbers.get(refusal.field.rpartition(".")[0]) or self.numbers.get(refusal.field)
        return sheets.RosterError([f"Line {number}: {refusal.detail}"]) if number else refusal


class RosterView(SessionView):
    """A CSV is read, shown with what it would do, and then done as a whole."""

    template = "admin/console/roster.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(RosterForm(session=self.session))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = RosterForm(request.POST, request.FILES, session=self.session)
        if "confirm" in request.POST:
            return self._done(request, form)
        planned = attempt(form, lambda: self._plan(form.data_read()))
        if planned is None:
            return self._show(form, status=REFUSED)
        return self._show(form, planned=planned)

    def _done(self, request: HttpRequest, form: RosterForm) -> HttpResponse:
        """Do what was shown; the same page sent once more is the same command, and done already."""
        lines = attempt(form, lambda: self._admit(form))
        if lines is None:
            return self._show(form, status=REFUSED)
        messages.success(request, f"{lines} lines are done.")
        return self.home("people")

    def _plan(self, data: bytes) -> Planned:
        """Raises RosterError for the lines that are wrong, or that the session would refuse."""
        found = self._read(data)
        self._check_treasury(found)
        users = {member.handle: member.user for member in rows.members(self.session.stream) if not member.is_removed}
        self._check_users(found, users)
        planned = self._planned(found, set(users))
        try:
            queries.rehearse(self.session.stream, planned.command, self.actor, now_us())
        except DomainError as refusal:
            raise planned.said(refusal) from None
        return planned

    def _read(self, data: bytes) -> sheets.Roster:
        session = self.session
        return sheets.read(data, legs=session.legs, quantity_decimals=session.quantity_decimals, known=roster.uids_of)

    def _check_users(self, found: sheets.Roster, users: Mapping[str, str]) -> None:
        """Raises RosterError naming the lines that give somebody who is in another account than theirs."""
        known = roster.uids_of([line.user for line in found.lines if line.user])
        wrong = [
            line for line in found.lines if line.user and users.get(line.handle, known[line.user]) != known[line.user]
        ]
        if wrong:
            raise sheets.RosterError(
                [
                    f"Line {line.number}: {line.handle} is in the session, and not as the user {line.user!r}."
                    for line in wrong
                ]
            )

    def _check_treasury(self, found: sheets.Roster) -> None:
        """Raises RosterError naming the lines with which more of a leg is wanted than there is."""
        session = self.session
        if not any(session.q):
            return
        held = queries.allocations(session.stream)[TREASURY]
        short = sheets.beyond(
            found.lines,
            session.legs,
            session.quantity_decimals,
            lambda leg: held[leg].total if leg in held else 0,
        )
        if told := [f"Line {number}: {text}" for number, text in sorted(short)]:
            raise sheets.RosterError(told)

    def _planned(self, found: sheets.Roster, here: set[str]) -> Planned:
        session = self.session
        new = [line for line in found.lines if line.handle not in here]
        uids, told = self._accounts(found.lines, here)
        amounts = requests.allocations(session, {line.handle: dict(line.amounts) for line in found.lines})
        command = c.AdmitParticipants(
            participants=tuple(
                c.Admission(participant=line.handle, user=uids[line.handle], amounts=amounts[line.handle] or None)
                for line in new
            ),
            allocations={
                line.handle: amounts[line.handle] for line in found.lines if line.handle in here and line.amounts
            },
        )
        numbers = {f"participants.{index}": line.number for index, line in enumerate(new)}
        numbers |= {f"allocations.{line.handle}": line.number for line in found.lines}
        names = {line.handle: line.name for line in found.lines if line.name}
        known = [line.handle for line in found.lines if line.handle in here]
        return Planned(command, names, found.lines, told, numbers, known)

    def _accounts(self, lines: Sequence[sheets.Line], here: set[str]) -> tuple[dict[str, str], list[str]]:
        """(uid of each new handle, how each line's participant signs in)."""
        known = roster.uids_of([line.user for line in lines if line.user])
        organiser, session_id = self.session.organiser, self.session.session_id
        uids = {
            line.handle: known.get(line.user) or accounts.uid_made_up(organiser, session_id, line.handle)
            for line in lines
        }
        told = ["is in the session" if line.handle in here else line.user or "signs in by code" for line in lines]
        return uids, told

    def _admit(self, form: RosterForm) -> int:
        """How many lines were done. Who joins is as it was shown, whoever came since: the session decides."""
        session = self.session
        found = self._read(form.data_read())
        planned = self._planned(found, set(form.cleaned_data["here"].split()))
        try:
            outcome = participants.admit_participants(
                session.stream, planned.command, self.actor, names=planned.names, command_id=form.once
            )
        except DomainError as refusal:
            raise planned.said(refusal) from None
        for admitted in planned.command.participants:
            accounts.settle_made_up(admitted.user, session.session_id, admitted.participant)
        if not outcome.replayed:
            self.record("roster", lines=str(len(planned.lines)))
        return len(planned.lines)

    def _show(self, form: RosterForm, *, planned: Planned | None = None, status: int = 200) -> HttpResponse:
        preview = tables.roster(self.session, planned.lines, planned.accounts) if planned else None
        title = f"Participants from a CSV: {self.session.session_id}"
        return self.page(
            title,
            status=status,
            form=form,
            preview=preview,
            text=form.text_read() if planned else "",
            here=" ".join(planned.here) if planned else "",
            example=sheets_example(self.session.legs),
            treasury=tables.treasury(self.session),
        )


def sheets_example(legs: Sequence[str]) -> str:
    """A header and a line that fit the session."""
    return f"participant_id,name,user,{','.join(legs)}\nalice,Alice A.,,{','.join('10' for _ in legs)}"


@dataclass(frozen=True, slots=True)
class Slip:
    """What is cut out and handed to one participant."""

    handle: str
    name: str
    code: str
    qr: SafeString


class CodesView(SessionView):
    """One-time codes, shown once, on a sheet to print."""

    template = "admin/console/codes.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        one = request.GET.getlist("participants")
        return self._show(CodesForm(session=self.session, initial={"participants": one} if one else None))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodesForm(request.POST, session=self.session)
        issued = attempt(form, lambda: self._issue(request, form.cleaned_data))
        if issued is None:
            return self._show(form, status=REFUSED)
        self.record("codes issued", handles=str(len(issued)), hours=str(form.cleaned_data["hours"]))
        return self._sheet(request, issued, form.cleaned_data["hours"])

    def _issue(self, request: HttpRequest, wanted: dict[str, Any]) -> list[tuple[str, str]]:
        users = {member.handle: member.user for member in rows.members(self.session.stream)}
        return codes.issue(
            {handle: users[handle] for handle in wanted["participants"]},
            session_id=self.session.session_id,
            stream=self.session.stream,
            organiser=self.session.organiser,
            issuer=accounts.user_of(request.user),
            hours=wanted["hours"],
        )

    def _sheet(self, request: HttpRequest, issued: Sequence[tuple[str, str]], hours: int) -> HttpResponse:
        address = request.build_absolute_uri(reverse("join"))
        names = queries.display_names(self.session.stream, [handle for handle, _ in issued])
        slips = [Slip(who, names.get(who, ""), code, qr(f"{address}#{code}")) for who, code in issued]
        return self.page(
            f"Sign-in sheet: {self.session.session_id}",
            template="admin/console/sheet.html",
            slips=slips,
            address=address,
            hours=hours,
        )

    def _show(self, form: CodesForm, status: int = 200) -> HttpResponse:
        return self.page(f"Sign-in sheet: {self.session.session_id}", status=status, form=form)
