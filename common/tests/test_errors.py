"""Refusals for programs and for people."""

import pytest

from common.errors import DomainError, InvalidInput


@pytest.mark.parametrize(
    ("field", "detail", "spoken"),
    [
        ("amount_from", "amount_from must be above zero.", "The amount to give must be above zero."),
        (
            "expires_at",
            "expires_at goes with gtd, and gtd needs it.",
            "The time of expiry goes with gtd, and gtd needs it.",
        ),
        ("price", "price must be within 10 % of 9.5.", "The price must be within 10 % of 9.5."),
        ("price", "A market order takes no price.", "A market order takes no price."),
        ("participants.0.user", "user is required.", "The user is required."),
        (
            "t2",
            "t2 and duration_minutes go with end_mode timed.",
            "The end and duration minutes go with end mode timed.",
        ),
        ("leg_to", "'q' is none of this session's legs: AAPL.", "'q' is none of this session's legs: AAPL."),
        ("", "t2_passed is a code, price_decimals_x is none.", "t2_passed is a code, price_decimals_x is none."),
    ],
)
def test_people_hear_the_words_of_forms(field: str, detail: str, spoken: str) -> None:
    assert DomainError("refused", detail, field=field).spoken == spoken


def test_programs_hear_the_names_of_fields() -> None:
    assert InvalidInput("amount_from", "amount_from is required.").detail == "amount_from is required."
