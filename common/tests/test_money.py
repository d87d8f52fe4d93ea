"""Numbers at the edge: what is refused, what is exact, and how a whole is divided."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidInput
from common.money import LIMIT, divide_half_even, format_units, parse_units, round_shown, split_pro_rata
from tests.guarantees.sizes import size

DECIMALS = st.integers(0, 8)
UNITS = st.integers(0, LIMIT - 1)
EXAMPLES = settings(max_examples=size(100, 2_000, 20_000), deadline=None)


def refusal(value: object, decimals: int = 4, *, minimum: int = 0) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_units(value, decimals, "quantity", minimum=minimum)
    assert caught.value.code == "invalid_input"
    assert caught.value.field == "quantity"
    assert caught.value.detail.startswith("quantity ")
    return caught.value


@pytest.mark.parametrize(
    ("value", "units"),
    [
        ("6.2", 62_000),
        ("6.2000", 62_000),
        ("6.20000000", 62_000),
        (" 7 ", 70_000),
        ("+7", 70_000),
        (".5", 5_000),
        ("5.", 50_000),
        ("1e2", 1_000_000),
        ("1E-4", 1),
        (0, 0),
        ("-0", 0),
        ("0e999999999", 0),
        ("0e-999999999", 0),
        (3, 30_000),
        (Decimal("0.0001"), 1),
        (Decimal("1E+3"), 10_000_000),
    ],
)
def test_text_integers_and_decimals_become_exact_units(value: object, units: int) -> None:
    assert parse_units(value, 4, "quantity") == units


@pytest.mark.parametrize("value", [True, False, 0.1, 1.0, None, [], {}, b"1", (1,), 1j])
def test_what_is_no_exact_number_is_refused(value: object) -> None:
    assert refusal(value).detail == "quantity must be a number."


@pytest.mark.parametrize(
    "value",
    ["", " ", "abc", "0x10", "1 000", "1__0", "1_000", "--1", "1e", "٣", "１２", "1\u00a0", "½", "1" * 65],
)
def test_text_that_is_no_plain_number_is_refused(value: str) -> None:
    assert refusal(value).detail == "quantity must be a number."


def test_a_comma_is_told() -> None:
    assert refusal("1,5").detail == "quantity must be a number, with a point for its decimals and no comma."


@pytest.mark.parametrize(
    "value", ["NaN", "nan", "sNaN", "-NaN", "Infinity", "-inf", Decimal("NaN"), Decimal("-Infinity")]
)
def test_nan_and_infinity_are_refused(value: object) -> None:
    assert refusal(value).detail == "quantity must be a finite number."


@pytest.mark.parametrize("value", ["1e400", "-1e400", "1e-400", Decimal("1e400"), 10**400, "1e41", "1e-41"])
def test_a_number_beyond_any_scale_is_refused(value: object) -> None:
    assert refusal(value).detail == "quantity is out of range."


@pytest.mark.parametrize("value", ["0.00001", "1.23456", Decimal("1E-5"), "1e-30"])
def test_more_decimals_than_allowed_are_refused_by_naming_how_many(value: object) -> None:
    assert refusal(value).detail == "quantity may have at most 4 decimals."


def test_no_decimals_are_allowed_at_scale_zero() -> None:
    assert refusal("1.5", 0).detail == "quantity must be a whole number."
    assert parse_units("1.0", 0, "quantity") == 1


@pytest.mark.parametrize("value", ["-1", -1, "-0.0001", Decimal(-3)])
def test_a_negative_number_is_refused(value: object) -> None:
    assert refusal(value).detail == "quantity must be at least 0.0000."


def test_a_number_below_its_minimum_is_refused() -> None:
    assert refusal("0", minimum=1).detail == "quantity must be at least 0.0001."
    assert parse_units("0.0001", 4, "quantity", minimum=1) == 1


def test_a_negative_minimum_allows_negative_numbers() -> None:
    assert parse_units("-1.5", 4, "change", minimum=-LIMIT) == -15_000


def test_two_to_the_sixty_third_is_refused_and_one_less_is_not() -> None:
    assert refusal(str(LIMIT), 0).detail == "quantity is too large."
    assert refusal(LIMIT, 0).detail == "quantity is too large."
    assert refusal("1e30").detail == "quantity is too large."
    assert parse_units(str(LIMIT - 1), 0, "quantity") == LIMIT - 1


def test_a_number_of_thousands_of_digits_is_refused_and_not_a_crash() -> None:
    refusal(Decimal("1." + "0" * 5_000))
    refusal(Decimal("0." + "1" * 5_000))
    refusal(Decimal("1" * 5_000))


@EXAMPLES
@given(units=UNITS, decimals=DECIMALS)
def test_formatting_then_parsing_is_the_identity(units: int, decimals: int) -> None:
    text = format_units(units, decimals)
    assert parse_units(text, decimals, "quantity") == units
    assert parse_units(Decimal(text), decimals, "quantity") == units


@EXAMPLES
@given(units=st.integers(-LIMIT, LIMIT), decimals=DECIMALS)
def test_formatted_units_have_the_scale_s_decimals_and_the_right_value(units: int, decimals: int) -> None:
    text = format_units(units, decimals)
    assert len(text.partition(".")[2]) == decimals
    assert Decimal(text).scaleb(decimals) == units


@EXAMPLES
@given(value=st.one_of(st.text(max_size=80), st.floats(), st.decimals(), st.integers(), st.booleans(), st.none()))
def test_parsing_anything_answers_units_or_names_the_field(value: object) -> None:
    try:
        units = parse_units(value, 4, "quantity")
    except InvalidInput:
        refusal(value)
    else:
        assert type(units) is int
        assert 0 <= units < LIMIT


@EXAMPLES
@given(st.from_regex(r"\A[0-9]{1,25}(\.[0-9]{1,8})?\Z", alphabet="0123456789."), st.integers(0, 6))
def test_a_plain_text_means_what_decimal_makes_of_it(text: str, decimals: int) -> None:
    exact = Decimal(text).scaleb(decimals)
    if exact == int(exact) and exact < 2**63:
        assert parse_units(text, decimals, "price") == int(exact)
    else:
        with pytest.raises(InvalidInput):
            parse_units(text, decimals, "price")


def test_units_are_shown_at_their_scale() -> None:
    assert format_units(62_000, 4) == "6.2000"
    assert format_units(1, 4) == "0.0001"
    assert format_units(-1, 4) == "-0.0001"
    assert format_units(0, 4) == "0.0000"
    assert format_units(7, 0) == "7"


def test_a_split_gives_leftover_units_to_the_first() -> None:
    assert split_pro_rata(100, 2) == [50, 50]
    assert split_pro_rata(100, 3) == [34, 33, 33]
    assert split_pro_rata(2, 3) == [1, 1, 0]
    assert split_pro_rata(0, 3) == [0, 0, 0]


@EXAMPLES
@given(total=st.integers(0, LIMIT - 1), parts=st.integers(1, 200))
def test_a_split_adds_up_and_no_share_is_two_apart(total: int, parts: int) -> None:
    shares = split_pro_rata(total, parts)
    assert sum(shares) == total
    assert len(shares) == parts
    assert shares == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= 1


def test_what_is_shown_adds_up_by_largest_remainder() -> None:
    assert round_shown([3333, 3333, 3334], 100) == [33, 33, 34]
    assert round_shown([150, 150], 100) == [2, 1]
    assert round_shown([199, 199, 2], 100) == [2, 2, 0]
    assert round_shown([], 100) == []
    assert round_shown([99], 100) == [0]


@EXAMPLES
@given(amounts=st.lists(st.integers(-(10**12), 10**12), max_size=30), divisor=st.integers(1, 10**6))
def test_shown_amounts_add_up_to_the_shown_total_and_are_at_most_one_off(amounts: list[int], divisor: int) -> None:
    shown = round_shown(amounts, divisor)
    assert sum(shown) == sum(amounts) // divisor
    assert all(0 <= coarse - fine // divisor <= 1 for coarse, fine in zip(shown, amounts, strict=True))


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [
        (5, 2, 2),
        (7, 2, 4),
        (1, 2, 0),
        (3, 2, 2),
        (-1, 2, 0),
        (-3, 2, -2),
        (-5, 2, -2),
        (10, 4, 2),
        (11, 4, 3),
        (9, 3, 3),
    ],
)
def test_halves_are_rounded_to_the_even_neighbour(numerator: int, denominator: int, rounded: int) -> None:
    assert divide_half_even(numerator, denominator) == rounded


@EXAMPLES
@given(numerator=st.integers(-(10**15), 10**15), denominator=st.integers(1, 10**6))
def test_half_even_division_agrees_with_python_s_own_rounding_of_fractions(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))
