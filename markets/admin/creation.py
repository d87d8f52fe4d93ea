"""The one page that makes a session: its terms, its legs, its participants → one CreateSession."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.http import QueryDict

from accounts import facade as accounts
from accounts import roster
from common.errors import DomainError, Unavailable
from common.ids import Actor
from common.money import parse_units
from markets import queries, requests
from markets.admin import roster as roster_csv
from markets.admin import scenarios
from markets.admin.forms import CommandForm, text_field
from markets.engine import commands as c
from markets.handlers import participants as people
from markets.handlers import prices, sessions
from oracle import facade as oracle

_MOST_LEGS, MOST_PARTICIPANTS = 64, 500
_TOO_MANY = {
    "legs": f"A session has at most {_MOST_LEGS} legs.",
    "participants": f"At most {MOST_PARTICIPANTS} participants fit here: admit the others from a CSV, under People.",
}
_PACE = {"tick_ms": 1000, "max_ticks": 0}
Fieldset = tuple[str, list[forms.BoundField], bool]
_BOUNDS = (
    "min_quantity",
    "max_quantity",
    "price_band_percent",
    "max_open_orders",
    "orders_per_second",
    "order_burst",
)


def _moment(label: str, help_text: str) -> forms.CharField:
    field = text_field(label, required=False, help_text=help_text)
    field.widget = forms.TextInput(attrs={"type": "datetime-local", "step": "1"})
    return field


def _choice(label: str, *options: tuple[str, str], help_text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=options, help_text=help_text)


class TermsForm(CommandForm):
    """Everything about a session but its legs and people. The fields are those of the API."""

    session_id = text_field("Name", help_text="1 to 64 letters, digits, '.', '-', '_'.")
    start_mode = _choice("Starts", ("manual", "by hand"), ("immediate", "at once"), ("scheduled", "at t1"))
    t1 = _moment("Start (t1)", "UTC. For a scheduled start.")
    t2 = _moment("End (t2)", "UTC. Empty, as the duration: it ends by hand.")
    duration_minutes = text_field("Minutes", required=False, help_text="Instead of an end: from the start.", size=10)
    cash_per_participant = text_field("Cash each", help_text="0: a session without cash.", size=14)
    feed = _choice("Prices from", help_text="A feed of its own can be simulated, replayed or pushed to.")
    simulate = forms.BooleanField(
        label="Simulate them at once", required=False, help_text="From the legs' first prices on, a tick a second."
    )
    csv = forms.FileField(
        label="Participants from a CSV",
        required=False,
        help_text="participant_id,name,user,AAPL,NVDA,... It is shown below, and nothing is created yet.",
    )
    fixing = _choice("Fixing", ("last", "last price"), ("twap", "TWAP"), ("median", "median"), ("manual", "typed"))
    fixing_window = text_field("Window", required=False, help_text="Seconds, for TWAP and median.", size=10)
    fixing_max_age = text_field("Oldest price", help_text="Seconds.", size=10)
    quantity_decimals = text_field("Quantity decimals", help_text="0 to 6.", size=4)
    price_decimals = text_field("Price decimals", help_text="0 to 6.", size=4)
    self_trade_prevention = _choice(
        "Self-trades",
        ("cancel_newest", "cancel the newest order"),
        ("cancel_oldest", "cancel the oldest order"),
        ("cancel_both", "cancel both"),
    )
    min_quantity = text_field("Smallest order", required=False, size=10)
    max_quantity = text_field("Largest order", required=False, size=10)
    price_band_percent = text_field("Price band %", required=False, help_text="Around the last price.", size=10)
    max_open_orders = text_field("Open orders each", required=False, help_text="At most.", size=10)
    orders_per_second = text_field("Orders a second", required=False, help_text="Each, at most.", size=10)
    order_burst = text_field("Orders at once", required=False, help_text="Empty: ten seconds' worth.", size=10)
    leg_lot = text_field("Lot", required=False, help_text="Of leg-to-leg books.", size=10)
    leg_tick = text_field("Tick", required=False, help_text="Lot × tick is a whole unit.", size=10)

    MAIN = (
        ("Session", ("session_id", "cash_per_participant", "feed", "simulate")),
        ("Time", ("start_mode", "t1", "t2", "duration_minutes")),
    )
    MORE = (
        ("Fixing", ("fixing", "fixing_window", "fixing_max_age")),
        ("Scale and rules", ("quantity_decimals", "price_decimals", "self_trade_prevention")),
        ("Bounds", (*_BOUNDS, "leg_lot", "leg_tick")),
    )
    BEGINS: ClassVar[Mapping[str, Any]] = {
        "cash_per_participant": "100000",
        "fixing_max_age": "60",
        "quantity_decimals": "4",
        "price_decimals": "4",
    }

    def build(self) -> None:
        feed = self.fields["feed"]
        assert isinstance(feed, forms.ChoiceField)
        feed.required = False
        shared = [feed.name for feed in oracle.list_feeds() if not feed.name.startswith("session:")]
        feed.choices = [("", "a feed of its own"), *[(name, name) for name in shared]]

    def main(self) -> list[Fieldset]:
        """What most sessions need."""
        return self._fieldsets(self.MAIN)

    def more(self) -> list[Fieldset]:
        """What has a good default: folded away unless something in it was refused."""
        return self._fieldsets(self.MORE)

    def _fieldsets(self, groups: Sequence[tuple[str, tuple[str, ...]]]) -> list[Fieldset]:
        return [
            (title, [self[name] for name in names], any(self[name].errors for name in names))
            for title, names in groups
        ]

    def field_for(self, name: str) -> str | None:
        return super().field_for({"leg_books": "leg_lot"}.get(name, name).removeprefix("bounds."))

    def body(self) -> dict[str, Any]:
        """What was filled in, as the API takes it."""
        apart = {"command_id", "csv", "simulate"}
        typed = {name: str(self.cleaned_data[name]).strip() for name in self.fields if name not in apart}
        found: dict[str, Any] = {name: text for name, text in typed.items() if text and name not in _BOUNDS}
        found["bounds"] = {name: typed[name] for name in _BOUNDS if typed[name]}
        return found


def _cell(label: str, *, size: int = 20, longest: int = 200) -> forms.CharField:
    """A field in a row of several, named for those who don't see the column's title."""
    field = text_field(label, required=False, size=size, longest=longest)
    field.widget.attrs["aria-label"] = label
    return field


class LegForm(forms.Form):
    """One leg of the basket."""

    name = _cell("Leg")
    q = _cell("q", size=14)
    price = _cell("First price", size=12)


class PersonForm(forms.Form):
    """One participant, and what they begin with."""

    participant_id = _cell("Handle", size=16)
    name = _cell("Display name", size=18)
    user = _cell("User", size=16)
    allocations = _cell("Begins with", size=28, longest=_MOST_LEGS * 64)
    user.widget.attrs["list"] = "usernames"
    allocations.widget.attrs["placeholder"] = "AAPL=10, NVDA=2.5"

    def amounts(self) -> dict[str, str]:
        """{leg: text} of `LEG=quantity, ...`. Raises DomainError."""
        found: dict[str, str] = {}
        for part in self.cleaned_data["allocations"].split(","):
            leg, equals, text = (piece.strip() for piece in part.partition("="))
            if not part.strip():
                continue
            if not equals or leg in found:
                raise DomainError("invalid_input", "Write LEG=quantity, one of each leg, with commas between.")
            found[leg] = text
        return found


_Legs = formset_factory(LegForm, extra=3, max_num=_MOST_LEGS, absolute_max=_MOST_LEGS, validate_max=True)
_People = formset_factory(
    PersonForm, extra=3, max_num=MOST_PARTICIPANTS, absolute_max=MOST_PARTICIPANTS, validate_max=True
)


class SessionDraft:
    """The page's three parts, as they were filled in; nothing is lost when something is refused."""

    def __init__(
        self, data: QueryDict | None = None, files: Any = None, *, beginning: scenarios.Beginning | None = None
    ) -> None:
        self.is_refused = False
        self.was_read = 0
        self.form = TermsForm(data, files, initial=beginning.terms if beginning else None)
        self.legs: BaseFormSet[LegForm] = _Legs(
            data,
            prefix="legs",
            initial=beginning.legs if beginning else None,
            error_messages={"too_many_forms": _TOO_MANY["legs"]},
        )
        self.people: BaseFormSet[PersonForm] = _People(
            data,
            prefix="participants",
            initial=beginning.people if beginning else None,
            error_messages={"too_many_forms": _TOO_MANY["participants"]},
        )

    @classmethod
    def from_csv(cls, data: QueryDict, upload: Any) -> "SessionDraft":
        """The page with the CSV's participants in its rows, or with every line that is wrong."""
        draft = cls(data)
        draft.form.is_valid()
        if upload is None:
            draft.is_refused = True
            draft.form.add_error("csv", "Choose a CSV file to read; or press “Create session” below.")
            return draft
        legs = [
            text for form in draft.legs if form.is_valid() and (text := form.cleaned_data.get("name", "").strip())
        ]
        decimals = str(draft.form.data.get("quantity_decimals", "4"))
        try:
            found = roster_csv.read(
                upload.read(roster_csv.MOST_BYTES + 1),
                legs=legs,
                quantity_decimals=int(decimals) if decimals in set("0123456") else 4,
            )
        except DomainError as refusal:
            draft.is_refused = True
            draft.form.refuse(refusal)
            return draft
        filled = cls(_with_roster(data, found, fills_legs=not legs))
        filled.was_read = len(found.lines)
        return filled

    def create(self, actor: Actor) -> UUID | None:
        """The new session's stream; None where something was refused, which the draft then says."""
        self.is_refused = True
        if not all([self.form.is_valid(), self.legs.is_valid(), self.people.is_valid()]):
            return None
        self._legs = [form for form in self.legs if _filled(form)]
        self._people = [form for form in self.people if _filled(form)]
        if not self._is_named():
            return None
        try:
            self._check_simulation()
            command = requests.create_session(self._body(actor))
            outcome = sessions.create_session(command, actor, command_id=self.form.once)
        except (DomainError, Unavailable) as refusal:
            self._refuse(refusal)
            return None
        self._introduce(outcome.stream, command)
        return outcome.stream

    def _is_named(self) -> bool:
        """Whether there is a leg, and each leg and participant has a name: an empty one is told in its row."""
        if not self._legs:
            self.legs.non_form_errors().append("Name at least one leg.")
        for forms_of, name in ((self._legs, "name"), (self._people, "participant_id")):
            for form in forms_of:
                if not form.cleaned_data[name]:
                    form.add_error(name, "Fill this in, or empty the whole row.")
        return bool(self._legs) and not any(form.errors for form in (*self._legs, *self._people))

    def simulate(self, stream: UUID) -> str:
        """Let the prices run, if that was wished. Why they don't, "" where they do or were not wished."""
        if not self.form.cleaned_data["simulate"]:
            return ""
        start = {form.cleaned_data["name"].strip(): text for form in self._legs if (text := _price(form))}
        try:
            prices.start_source(queries.session_of(stream), mode="sim", settings={**_PACE, "start": start})
        except DomainError as refusal:
            return f"Its prices are not simulated yet: {refusal.spoken}"
        return ""

    def _check_simulation(self) -> None:
        """What a simulation would refuse afterwards is refused before."""
        if not self.form.cleaned_data["simulate"]:
            return
        if self.form.cleaned_data["feed"]:
            raise DomainError("invalid_input", "A shared feed makes its own prices.", field="simulate")
        decimals = self.form.cleaned_data["price_decimals"].strip()
        for index, form in enumerate(self._legs):
            if _price(form) and decimals in set("0123456"):
                parse_units(_price(form), int(decimals), f"q.{index}.price", minimum=1)

    def _body(self, actor: Actor) -> dict[str, Any]:
        q = [form.cleaned_data["q"].strip() or "0" for form in self._legs]
        return {
            **self.form.body(),
            "legs": [form.cleaned_data["name"].strip() for form in self._legs],
            "q": q,
            "participants": [self._admission(index, form, actor) for index, form in enumerate(self._people)],
        }

    def _admission(self, index: int, form: PersonForm, actor: Actor) -> dict[str, Any]:
        handle = form.cleaned_data["participant_id"]
        try:
            amounts = form.amounts()
        except DomainError as refusal:
            raise DomainError(refusal.code, refusal.detail, field=f"participants.{index}.allocations") from None
        session_id, named = self.form.cleaned_data["session_id"], form.cleaned_data["user"]
        user = user_for(actor.id, session_id, handle, named, f"participants.{index}.user")
        return {"participant_id": handle, "user": user, "allocations": amounts or None}

    def _introduce(self, stream: UUID, command: c.CreateSession) -> None:
        """Names, and accounts for those who have none: both outside the ledger."""
        names = {form.cleaned_data["participant_id"]: form.cleaned_data["name"] for form in self._people}
        people.name_participants(stream, {handle: name for handle, name in names.items() if name})
        for admitted in command.participants:
            accounts.settle_made_up(admitted.user, command.session_id, admitted.participant)

    def _refuse(self, refusal: DomainError | Unavailable) -> None:
        """Put a refusal where it belongs: a row, a part of the page, a field, or on top."""
        part, _, rest = getattr(refusal, "field", "").partition(".")
        index, _, name = rest.partition(".")
        text = refusal.spoken if isinstance(refusal, DomainError) else str(refusal)
        rows: Sequence[forms.Form] = self._people if part == "participants" else self._legs if part == "q" else ()
        if isinstance(refusal, DomainError) and index.isdecimal() and int(index) < len(rows):
            form = rows[int(index)]
            field, _, leg = (name or part).partition(".")
            label = leg or str(form.fields[field].label if field in form.fields else "")
            form.add_error(field if field in form.fields else None, refusal.spoken_of(label))
        elif form_of := next((one for one in self._people if rest.startswith(f"{_handle(one)}.")), None):
            form_of.add_error("allocations", text)
        elif part in {"legs", "q"}:
            self.legs.non_form_errors().append(text)
        elif part in {"participants", "participant_id", "allocations"}:
            self.people.non_form_errors().append(text)
        else:
            self.form.refuse(refusal)


def _handle(form: forms.Form) -> str:
    return str(form.cleaned_data["participant_id"])


def _price(form: forms.Form) -> str:
    return str(form.cleaned_data["price"]).strip()


def _with_roster(data: QueryDict, found: roster_csv.Roster, *, fills_legs: bool) -> QueryDict:
    """What was typed, with the CSV's participants in place of those; and its legs, where none were typed."""
    filled = data.copy()
    if fills_legs:
        for index, leg in enumerate(found.legs):
            filled[f"legs-{index}-name"] = leg
        filled["legs-TOTAL_FORMS"] = str(max(len(found.legs), 1))
    for index, line in enumerate(found.lines):
        at = f"participants-{index}-"
        filled[f"{at}participant_id"], filled[f"{at}name"], filled[f"{at}user"] = line.handle, line.name, line.user
        filled[f"{at}allocations"] = ", ".join(f"{leg}={text}" for leg, text in line.amounts.items())
    filled["participants-TOTAL_FORMS"] = str(len(found.lines))
    return filled


def _filled(form: forms.Form) -> bool:
    return any(str(value).strip() for value in form.cleaned_data.values())


def user_for(organiser: str, session_id: str, handle: str, username: str, field: str) -> str:
    """Whose handle it is: the user who was named, else the one named like the handle, else somebody without account.

    Raises DomainError `unknown_user` for a name that nobody has.
    """
    if username:
        return accounts.uid_of(username, field=field)
    found = roster.uids_of([handle]).get(handle)
    return found or accounts.uid_made_up(organiser, session_id, handle)
