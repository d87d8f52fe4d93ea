"""Forms about participants, the room, and what is taken along."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from accounts import codes
from common.errors import DomainError
from markets.admin import roster as sheets
from markets.admin import rows
from markets.admin.forms import CommandForm
from markets.exports.tables import TABLES


class RosterForm(CommandForm):
    """A file; or, once it was shown, its text, to be done."""

    csv = forms.FileField(label="CSV", required=False, help_text="UTF-8. Commas, semicolons or tabs between.")
    text = forms.CharField(required=False, strip=False, widget=forms.HiddenInput, max_length=sheets.MOST_BYTES)
    here = forms.CharField(required=False, widget=forms.HiddenInput, max_length=sheets.MOST_BYTES)
    """Which of its handles were in the session when it was shown."""

    def data_read(self) -> bytes:
        """The file's bytes. Raises DomainError where there is none."""
        upload = self.cleaned_data["csv"]
        if upload is not None:
            self._read: bytes = upload.read(sheets.MOST_BYTES + 1)
        else:
            self._read = str(self.cleaned_data["text"]).encode()
        if not self._read:
            raise DomainError("invalid_input", "Choose a CSV file.", field="csv")
        return self._read

    def text_read(self) -> str:
        """What was read, to be sent along with the confirmation."""
        return self._read.decode("utf-8-sig")


class CodesForm(CommandForm):
    """Whom to give a code, and for how long it is good."""

    BEGINS: ClassVar[Mapping[str, Any]] = {"hours": 12}
    participants = forms.MultipleChoiceField(label="For", widget=forms.CheckboxSelectMultiple)
    hours = forms.IntegerField(
        label="Good for hours",
        min_value=1,
        max_value=codes.LONGEST_HOURS,
        help_text="Each works once. A new code makes an earlier unused one worthless.",
    )

    def build(self) -> None:
        choice = self.fields["participants"]
        assert isinstance(choice, forms.MultipleChoiceField)
        here = [member for member in rows.members(self.info.stream) if not member.is_removed]
        organiser, session_id = self.info.organiser, self.info.session_id
        fit = [
            member.handle
            for member in here
            if codes.may_have_code(member.user, member.handle, session_id=session_id, organiser=organiser)
        ]
        choice.choices = [(who, who) for who in fit]
        self.initial.setdefault("participants", fit)
        self.others = [member.handle for member in here if member.handle not in fit]


class ProjectorForm(CommandForm):
    """What the room may see."""

    with_leaderboard = forms.BooleanField(label="Show the leaderboard", required=False)


class ExportForm(CommandForm):
    """Which file."""

    BEGINS: ClassVar[Mapping[str, Any]] = {"format": "csv"}
    format = forms.ChoiceField(
        label="As",
        choices=[
            ("csv", "CSV: a zip of all tables, or one table"),
            ("xlsx", "XLSX: a workbook"),
            ("parquet", "Parquet: a zip of all tables, or one table"),
            ("jsonl", "the ledger itself, as JSON lines"),
        ],
    )
    table = forms.ChoiceField(
        label="Table", required=False, choices=[("", "all, with a codebook"), *[(name, name) for name in TABLES]]
    )
    pseudonymous = forms.BooleanField(
        label="Pseudonymous",
        required=False,
        help_text="Names, sign-in names and all that people wrote are left out; handles are replaced, always alike.",
    )

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if found.get("format") == "jsonl" and (found.get("table") or found.get("pseudonymous")):
            self.add_error("format", "The ledger is exported whole and as it was hashed: choose another format.")
        return found
