"""The forms of exchanges in the console: text in, text out. What it means is for predictions.requests to say."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict

from common.errors import DomainError, Unavailable
from common.money import format_units
from predictions.engine.decide.access import money
from predictions.engine.events import Terms

_USUAL = Terms()


def _line(
    label: str, initial: str = "", help_text: str = "", *, size: int = 12, required: bool = True
) -> forms.CharField:
    return forms.CharField(
        label=label,
        initial=initial,
        help_text=help_text,
        required=required,
        max_length=200,
        widget=forms.TextInput(attrs={"size": size, "autocomplete": "off"}),
    )


def _percent(rate: int) -> str:
    return format_units(rate, 2)


class CommandForm(forms.Form):
    """A form that becomes one command. `command_id` makes a double click happen once."""

    command_id = forms.RegexField(r"\A[0-9a-f]{32}\Z", widget=forms.HiddenInput, required=False)

    def __init__(self, data: QueryDict | None = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={**(initial or {}), "command_id": uuid4().hex})

    @property
    def once(self) -> str:
        """The command's id, "" where the form came without one."""
        given = self.cleaned_data.get("command_id")
        return f"form:{given}" if given else ""

    def body(self) -> dict[str, str]:
        """What was filled in, as the API would get it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "command_id" and value != ""}

    def refuse(self, refusal: DomainError | Unavailable) -> None:
        """Show a refusal beside its field. It changed nothing, so the next try is a new command; after no answer it
        is the same one."""
        if isinstance(refusal, Unavailable):
            self.add_error(None, f"{refusal} Press the button again in a moment.")
            return
        field = refusal.field if refusal.field in self.fields else None
        self.add_error(field, refusal.spoken_of(str(self.fields[field].label) if field else ""))
        again = QueryDict(mutable=True)
        again.update(self.data)
        again["command_id"] = uuid4().hex
        self.data = again


class ExchangeForm(CommandForm):
    """A new exchange with its terms, which stay as they are."""

    name = _line("Name", help_text="1 to 32 small letters, digits, '.', '-' or '_'.", size=24)
    starting_balance = _line("Starting balance", money(_USUAL.starting_balance), "What every new agent is given.")
    faucet_limit = _line("Faucet", money(_USUAL.faucet_limit), "Practice money for each agent in all; 0: no faucet.")
    trading_fee = _line("Trading fee, %", _percent(_USUAL.trading_fee), "Of price times shares, from both sides.")
    creation_fee = _line("Creation fee", money(_USUAL.creation_fee), "For opening a question. Organisers pay none.")
    settlement_fee = _line("Settlement fee, %", _percent(_USUAL.settlement_fee), "Of the winners' profit.")
    moderator_share = _line("Moderator's share, %", _percent(_USUAL.moderator_share), "Of the settlement fees.")
    moderator_bonus = _line(
        "Moderator's bonus, %", _percent(_USUAL.moderator_bonus), "Of the profit, out of the fees."
    )
    challenge_seconds = _line(
        "Time to challenge, s", "0", "Before a resolution pays; 86400 is a day, 0: paid at once."
    )
    approval_seconds = _line("Time to approve, s", str(_USUAL.approval_window // 1_000_000), "Orders in manual mode.")
    self_trade_prevention = forms.ChoiceField(
        label="Own orders that would meet",
        choices=[
            ("cancel_newest", "the newer one is cancelled"),
            ("cancel_oldest", "the older one is cancelled"),
            ("cancel_both", "both are cancelled"),
        ],
    )


class RoleForm(CommandForm):
    """An agent's role."""

    agent = _line("Agent", help_text="Its name.")
    role = forms.ChoiceField(choices=[("trader", "trader"), ("moderator", "moderator")], widget=forms.HiddenInput)


class HouseForm(CommandForm):
    """A market maker's liquidity."""

    liquidity = forms.IntegerField(
        label="Liquidity b, shares",
        min_value=1,
        max_value=1_000_000,
        initial=100,
        help_text="The more, the less the price moves, and the more it can lose: at most b·ln 2.",
    )


class DeleteForm(CommandForm):
    """The name, typed, so that nobody deletes by a slip."""

    name = _line("Exchange", help_text="Type the exchange's name to confirm.")
    reason = _line("Reason", size=60, required=False, help_text="Kept in the ledger.")
