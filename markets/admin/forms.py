"""The console's forms: text in, text out. What it means is for markets.requests and the domain to say."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

from django import forms
from django.http import QueryDict

from common.errors import DomainError, Unavailable
from common.money import format_units
from markets import queries
from markets.admin import rows
from markets.engine.events import Amounts
from markets.engine.names import is_handle
from markets.engine.state import TREASURY

_MOST_CELLS = 900
"""More in one form than this nobody fills in, and settings let in not many more."""


def text_field(
    label: str, *, required: bool = True, help_text: str = "", size: int = 20, longest: int = 200
) -> forms.CharField:
    """A line of text, as the admin draws it."""
    return forms.CharField(
        label=label,
        required=required,
        max_length=longest,
        help_text=help_text,
        widget=forms.TextInput(attrs={"size": size, "autocomplete": "off"}),
    )


class CommandForm(forms.Form):
    """A form that becomes one command. `command_id` makes a double click happen once."""

    BEGINS: ClassVar[Mapping[str, Any]] = {}
    """Initial values."""
    command_id = forms.RegexField(r"\A[0-9a-f]{32}\Z", widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        data: QueryDict | None = None,
        files: Any = None,
        *,
        session: queries.SessionInfo | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial={**self.BEGINS, **(initial or {}), "command_id": uuid4().hex})
        self.session = session
        self.build()

    def build(self) -> None:
        """Fields that depend on the session."""

    @property
    def info(self) -> queries.SessionInfo:
        assert self.session is not None
        return self.session

    @property
    def once(self) -> str:
        """The command's id, "" where the form came without one."""
        given = self.cleaned_data.get("command_id")
        return f"form:{given}" if given else ""

    def field_for(self, name: str) -> str | None:
        """The form's name for a field that the domain names."""
        return name if name in self.fields else None

    def people_or(self, field: str) -> list[str]:
        """Who takes part, and who was chosen on a page from before they left: the domain says what became of them."""
        here, chosen = queries.participants(self.info.stream), str(self.data.get(field, ""))
        return [*here, *([chosen] if is_handle(chosen) and chosen not in here else [])]

    def refuse(self, refusal: DomainError | Unavailable) -> None:
        """Show a refusal beside its field. It changed nothing, so the next try is a new command; after no answer it
        is the same one."""
        if isinstance(refusal, Unavailable):
            self.add_error(None, f"{refusal} Press the button again in a moment.")
            return
        field = self.field_for(refusal.field)
        label = str(self.fields[field].label) if field in self.fields else ""
        told = [*getattr(refusal, "problems", ())]  # of a file: one for each line that is wrong
        if (more := getattr(refusal, "count", 0) - len(told)) > 0 and told:
            told.append(f"... and {more} more.")
        self.add_error(field if field in self.fields else None, told or refusal.spoken_of(label))
        again = QueryDict(mutable=True)
        again.update(self.data)
        again["command_id"] = uuid4().hex
        self.data = again


class ConfirmForm(CommandForm):
    """Nothing to fill in."""


class MayReasonForm(CommandForm):
    """With a reason, if there is one."""

    reason = text_field("Reason", required=False, help_text="Kept in the ledger.", size=60)


class ReasonForm(CommandForm):
    """With a reason that the ledger keeps."""

    reason = text_field("Reason", help_text="Kept in the ledger.", size=60)


class DeleteForm(CommandForm):
    """The name, typed, so that nobody deletes by a slip."""

    session_id = text_field("Session", help_text="Type the session's name to confirm.")
    reason = text_field("Reason", required=False, size=60)

    def clean_session_id(self) -> str:
        typed = str(self.cleaned_data["session_id"])
        if typed != self.info.session_id:
            raise forms.ValidationError("This is not the session's name.")
        return typed


class AdmitForm(CommandForm):
    """A user becomes a participant."""

    participant_id = text_field("Handle", help_text="1 to 32 letters, digits, '.', '-', '_'. In the ledger.")
    user = text_field("User", required=False, help_text="The name they sign in with, if it isn't the handle.")
    name = text_field("Display name", required=False, help_text="Shown to people; no part of the ledger.")


class AnnounceForm(CommandForm):
    """What to say, and to whom."""

    text = text_field("Text", help_text="At most 500 characters.", size=60, longest=500)
    participant = forms.ChoiceField(label="To", required=False)

    def build(self) -> None:
        choice = self.fields["participant"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", "everybody"), *[(who, f"{who} alone") for who in self.people_or("participant")]]

    def field_for(self, name: str) -> str | None:
        return super().field_for({"participant_id": "participant"}.get(name, name))


class RemoveForm(CommandForm):
    """A participant leaves."""

    participant = forms.ChoiceField(label="Participant")
    reason = text_field("Reason", required=False, size=60)

    def build(self) -> None:
        choice = self.fields["participant"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(who, who) for who in self.people_or("participant")]

    def field_for(self, name: str) -> str | None:
        return super().field_for({"participant_id": "participant"}.get(name, name))


class BustForm(CommandForm):
    """A trade, by the event that made it, and why."""

    trade = forms.IntegerField(
        label="Trade", min_value=1, max_value=2**63 - 1, help_text="The number of the event that made it."
    )
    reason = text_field("Reason", help_text="Kept in the ledger.", size=60)


class PricesForm(CommandForm):
    """One price for each leg."""

    def build(self) -> None:
        for index, leg in enumerate(self.info.legs):
            self.fields[f"price_{index}"] = text_field(leg)

    def field_for(self, name: str) -> str | None:
        head, _, leg = name.partition(".")
        if head != "prices" or leg not in self.info.legs:
            return super().field_for(name)
        return f"price_{self.info.legs.index(leg)}"

    @property
    def prices(self) -> dict[str, object]:
        """{leg: text} of what was typed."""
        typed = {leg: self.cleaned_data[f"price_{index}"].strip() for index, leg in enumerate(self.info.legs)}
        return {leg: text for leg, text in typed.items() if text}

    @property
    def shown(self) -> dict[str, object] | None:
        """What a preview is of: {} before anything was sent, None where one of the prices was refused."""
        if any(name.startswith("price_") for name in self.errors):
            return None
        return self.prices if self.is_bound else {}


class MayPricesForm(PricesForm):
    """Prices typed instead of the feed's, or none."""

    def build(self) -> None:
        super().build()
        for name in self.fields:
            self.fields[name].required = False


class CorrectionForm(MayPricesForm):
    """The right prices, and what was wrong."""

    def build(self) -> None:
        super().build()
        self.fields["reason"] = text_field("Reason", required=False, help_text="Kept in the ledger.", size=60)


class AllocationForm(CommandForm):
    """A quantity for each participant and leg; empty cells are zero, empty rows are left alone."""

    def build(self) -> None:
        here = [member for member in rows.members(self.info.stream) if not member.is_removed]
        here.sort(key=lambda member: member.has_allocation)
        handles = [member.handle for member in here][: _MOST_CELLS // len(self.info.legs)]
        for name in self.data:
            head, _, handle = str(name).removeprefix("units:").partition(":")
            if str(name).startswith("units:") and head == "0" and handle not in handles:
                handles.append(handle)  # who was typed for stays, whatever happened to them meanwhile
        self.handles = handles[:_MOST_CELLS]
        for handle in self.handles:
            for index, leg in enumerate(self.info.legs):
                self.fields[f"units:{index}:{handle}"] = text_field(f"{handle} {leg}", required=False, size=10)

    def grid(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The cells by participant."""
        return [(who, [self[f"units:{index}:{who}"] for index in range(len(self.info.legs))]) for who in self.handles]

    def treasury(self) -> list[str]:
        """What there is to allocate, by leg."""
        held = queries.allocations(self.info.stream)[TREASURY]
        units = [held[leg].total if leg in held else 0 for leg in self.info.legs]
        return [format_units(amount, self.info.quantity_decimals) for amount in units]

    def field_for(self, name: str) -> str | None:
        for index, leg in enumerate(self.info.legs):
            for handle in self.handles:
                if name == f"allocations.{handle}.{leg}":
                    return f"units:{index}:{handle}"
        return None

    @property
    def body(self) -> dict[str, object]:
        """As the API takes it. Raises DomainError where nothing was typed: that would be the equal split."""
        wanted: dict[str, dict[str, str]] = {}
        for who in self.handles:
            cells = {leg: self.cleaned_data[f"units:{index}:{who}"] for index, leg in enumerate(self.info.legs)}
            typed = {leg: text.strip() for leg, text in cells.items() if text.strip()}
            if typed:
                wanted[who] = typed
        if not wanted:
            raise DomainError("invalid_allocation", "Type at least one quantity.")
        return {"allocations": wanted}


class PaceForm(CommandForm):
    """How fast a source publishes."""

    BEGINS: ClassVar[Mapping[str, Any]] = {"tick_ms": "1000", "max_ticks": "0"}
    tick_ms = text_field("Milliseconds between ticks", size=10)
    max_ticks = text_field("Most ticks", size=10, help_text="0: without end.")

    def field_for(self, name: str) -> str | None:
        return super().field_for(name.removeprefix("settings.").partition(".")[0])

    def numbers(self, *names: str) -> dict[str, object]:
        """The whole numbers among the fields, as numbers. Raises DomainError naming the field."""
        found: dict[str, object] = {}
        for name in names:
            text = self.cleaned_data[name].strip()
            if text and not (text.isascii() and text.isdecimal() and len(text) < 20):
                raise DomainError("invalid_input", "This must be a whole number.", field=name)
            if text:
                found[name] = int(text)
        return found


class SimForm(PaceForm):
    """A simulated source: correlated geometric Brownian motion."""

    seed = text_field("Seed", required=False, help_text="The same seed gives the same path.", size=22)
    volatility = text_field("Volatility per year", required=False, help_text="0.4 where empty.", size=10)
    drift = text_field("Drift per year", required=False, help_text="0 where empty.", size=10)
    rho = text_field("Correlation", required=False, help_text="Of every pair, 0 to 1; 0.3 where empty.", size=10)
    step_seconds = text_field("Simulated seconds per tick", required=False, help_text="60 where empty.", size=10)

    def build(self) -> None:
        for index, leg in enumerate(self.info.legs):
            self.fields[f"start_{index}"] = text_field(
                f"{leg} starts at", required=False, help_text="A price of its own where empty.", size=10
            )

    def field_for(self, name: str) -> str | None:
        for index, leg in enumerate(self.info.legs):
            if name == f"settings.start.{leg}":
                return f"start_{index}"
        return super().field_for(name)

    @property
    def settings(self) -> dict[str, object]:
        """The source's settings as oracle takes them: what is empty is left to its defaults."""
        settings = self.numbers("tick_ms", "max_ticks", "seed", "step_seconds")
        for name in ("volatility", "drift", "rho"):
            if text := self.cleaned_data[name].strip():
                settings[name] = text
        typed = {leg: self.cleaned_data[f"start_{index}"].strip() for index, leg in enumerate(self.info.legs)}
        if start := {leg: text for leg, text in typed.items() if text}:
            settings["start"] = start
        return settings


class ReplayForm(PaceForm):
    """A CSV that is replayed."""

    csv = forms.FileField(
        label="CSV", help_text="ts,LEG,LEG,... one row per tick. It is checked whole before anything is published."
    )
    loop = forms.BooleanField(label="Begin again at its end", required=False)

    @property
    def settings(self) -> dict[str, object]:
        settings = self.numbers("tick_ms", "max_ticks")
        return {**settings, "loop": True} if self.cleaned_data["loop"] else settings


class KeysForm(CommandForm):
    """Whom to issue keys to, and what for."""

    BEGINS: ClassVar[Mapping[str, Any]] = {"scopes": ["read", "trade"], "name": "bot"}
    participants = forms.MultipleChoiceField(label="Participants", widget=forms.CheckboxSelectMultiple)
    scopes = forms.MultipleChoiceField(
        label="May",
        widget=forms.CheckboxSelectMultiple,
        choices=[("read", "read"), ("trade", "trade")],
    )
    name = text_field("Name", help_text="What the keys are for; shown in lists.")

    def build(self) -> None:
        choice = self.fields["participants"]
        assert isinstance(choice, forms.MultipleChoiceField)
        choice.choices = [(who, who) for who in queries.participants(self.info.stream)]


def as_typed(session: queries.SessionInfo, prices: Amounts) -> dict[str, str]:
    """Initial values of a PricesForm."""
    return {
        f"price_{index}": format_units(prices[leg], session.price_decimals)
        for index, leg in enumerate(session.legs)
        if leg in prices
    }
