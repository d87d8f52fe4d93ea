"""The errors that cross layers. No Django."""

import re

_SPACED = (
    "cash_per_participant",
    "client_order_id",
    "duration_minutes",
    "end_mode",
    "fixing_max_age",
    "fixing_window",
    "leg_lot",
    "order_type",
    "post_only",
    "price_decimals",
    "quantity_decimals",
    "quote_asset",
    "self_trade_prevention",
    "start_mode",
    "time_in_force",
    "trading_mode",
)
_SAID = {
    "amount_from": "amount to give",
    "leg_from": "leg to give",
    "leg_to": "leg to get",
    "expires_at": "time of expiry",
    "expires_in": "time to expiry",
    "participant_id": "participant",
    "agent_id": "agent",
    "to_agent_id": "receiver",
    "market_id": "market",
    "session_id": "session's name",
    "t1": "start",
    "t2": "end",
    "min_quantity": "smallest order",
    "max_quantity": "largest order",
    "price_band_percent": "price band",
    "max_open_orders": "open orders each",
    "orders_per_second": "orders a second",
    "order_burst": "orders at once",
    "start_mode scheduled": "a scheduled start",
    "start_mode immediate": "a start at once",
    **{name: name.replace("_", " ") for name in _SPACED},
}
"""What forms call the fields whose names are a program's."""
_NAMED = re.compile(rf"(?<![\w'])({'|'.join(sorted(_SAID, key=len, reverse=True))})(?![\w'])")
_SENT_BEFORE = "This form was sent before, with other content. Press the button again to send what it says now."


class DomainError(Exception):
    """A command was understood and refused by the rules. Nothing was changed.

    `code` is stable and meant for programs, `detail` is a sentence for people, `field` names the
    offending input where there is one. The HTTP status lives with the API, never here.
    """

    def __init__(self, code: str, detail: str, *, field: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field

    @property
    def spoken(self) -> str:
        """The sentence with the words of forms for the names of fields."""
        return self.spoken_of("")

    def spoken_of(self, label: str) -> str:
        """The same for a form that calls the offending field `label`, "" where it has no name for it."""
        if self.code == "idempotency_conflict":
            return _SENT_BEFORE
        name = self.field.rpartition(".")[2]
        begins = bool(name) and self.detail.startswith((f"{self.field} ", f"{self.field}, "))
        text = name + self.detail.removeprefix(self.field) if begins else self.detail
        is_named = bool(name) and text.startswith((f"{name} ", f"{name}, "))
        if is_named and label:
            return label + _in_words(text.removeprefix(name))
        is_word = name in _SAID or self.detail.startswith(name)
        return ("The " if is_named and is_word else "") + _in_words(text)


class Throttled(DomainError):
    """Too much in too short a time. `wait_us` µs from now the same would be taken."""

    def __init__(self, what: str, wait_us: int) -> None:
        self.wait_us = wait_us
        seconds = "a second" if self.retry_after == 1 else f"{self.retry_after} seconds"
        super().__init__("throttled", f"Too many {what} in too short a time. Try again in {seconds}.")

    @property
    def retry_after(self) -> int:
        """Whole seconds to wait."""
        return max(1, -(-self.wait_us // 1_000_000))


def _in_words(text: str) -> str:
    return _NAMED.sub(lambda found: _SAID[found[1]], text)


class InvalidInput(DomainError):
    """The input is malformed: it never became a command."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__("invalid_input", detail, field=field)


class Unavailable(Exception):
    """The service can't take the command now; the caller may try again after `retry_after` seconds.

    With code `outcome_unknown` the command may or may not have happened: repeating it under the same
    `command_id` is safe and tells.
    """

    def __init__(self, code: str, detail: str, *, retry_after: int = 1, command_id: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.command_id = command_id


class InvariantViolation(Exception):
    """Something that must never be false is false. The command that did it is rolled back."""
