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
        ("prices.AAPL", "prices.AAPL must be a number.", "AAPL must be a number."),
        ("bounds.max_quantity", "bounds.max_quantity must be a number.", "The largest order must be a number."),
        ("t1", "t1, noon, has passed.", "The start, noon, has passed."),
        ("leg_to", "'q' is none of this session's legs: AAPL.", "'q' is none of this session's legs: AAPL."),
        ("", "t2_passed is a code, price_decimals_x is none.", "t2_passed is a code, price_decimals_x is none."),
    ],
)
def test_people_hear_the_words_of_forms(field: str, detail: str, spoken: str) -> None:
    assert DomainError("refused", detail, field=field).spoken == spoken


def test_a_form_says_its_own_word_for_the_field() -> None:
    refusal = InvalidInput("bounds.max_quantity", "bounds.max_quantity must be a number.")
    assert refusal.spoken_of("Largest order") == "Largest order must be a number."
    assert InvalidInput("t2", "There is no t2.").spoken_of("End (t2)") == "There is no end."


def test_programs_hear_the_names_of_fields() -> None:
    assert InvalidInput("amount_from", "amount_from is required.").detail == "amount_from is required."
