"""Exact numbers at the edge: text or JSON number ↔ scaled integer. No float, no Django."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from common.errors import InvalidInput

LIMIT = 1 << 63
"""Every stored amount and every product of two of them stays below this (a signed 64-bit column)."""

_PLAIN = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,30}))?")


def parse_units(value: object, decimals: int, field: str, *, minimum: int = 0) -> int:
    """A decimal number (text, int or Decimal) → integer units of 10^-decimals, exactly.

    Floats are refused: JSON is to be read with `parse_float=Decimal`. Raises InvalidInput naming `field` on a
    boolean, NaN, Infinity, too many decimals, a value under `minimum` units or one at 2^63 or above.
    """
    plain = _PLAIN.fullmatch(value) if isinstance(value, str) else None
    if plain and len(plain[2] or "") <= decimals:  # as nearly all come; the long way says the same
        units = int(plain[1] + (plain[2] or "").ljust(decimals, "0"))
    else:
        units = _units(_finite(value, field), decimals, field)
    if units < minimum:
        smallest = format_units(minimum, decimals)
        raise InvalidInput(field, f"{field} must be at least {smallest}.")
    if units >= LIMIT:
        raise InvalidInput(field, f"{field} is too large.")
    return units


def _units(number: Decimal, decimals: int, field: str) -> int:
    is_negative, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    shift = exponent + decimals
    units = int("".join(map(str, digits)))
    if shift >= 0:
        units *= int(10 ** min(shift, 80))
    else:
        units, rest = divmod(units, int(10 ** min(-shift, 200)))
        if rest:
            most = f"may have at most {decimals} decimals" if decimals else "must be a whole number"
            raise InvalidInput(field, f"{field} {most}.")
    return -units if is_negative else units


def _finite(value: object, field: str) -> Decimal:
    """`value` as a Decimal of a size that is cheap to work with."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidInput(field, f"{field} must be a number.")
    if isinstance(value, str) and (len(value) > 64 or not value.isascii() or "_" in value):
        raise InvalidInput(field, f"{field} must be a number.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        how = ", with a point for its decimals and no comma" if "," in str(value) else ""
        raise InvalidInput(field, f"{field} must be a number{how}.") from None
    if not number.is_finite():
        raise InvalidInput(field, f"{field} must be a finite number.")
    if number and (number.adjusted() > 40 or number.adjusted() < -40):
        raise InvalidInput(field, f"{field} is out of range.")
    if len(number.as_tuple().digits) > 100:  # int() of thousands of digits raises
        raise InvalidInput(field, f"{field} has too many digits.")
    return number


def format_units(units: int, decimals: int) -> str:
    """Integer units of 10^-decimals → text at that scale: (62000, 4) → "6.2000"."""
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def trimmed(text: str) -> str:
    """A number's text without the zeros that say nothing: "6.2000" → "6.2"."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def split_pro_rata(total: int, parts: int) -> list[int]:
    """`total` in `parts` equal shares; leftover units go one by one to the first. Adds up exactly."""
    share, left = divmod(total, parts)
    return [share + (1 if index < left else 0) for index in range(parts)]


def round_shown(amounts: Sequence[int], divisor: int) -> list[int]:
    """Amounts in fine units → coarse units of `divisor` fine ones, by largest remainder.

    What is shown adds up to floor(Σ amounts / divisor). Ties go to the first.
    Source: the Hare-Niemeyer method of apportionment.
    """
    floors = [amount // divisor for amount in amounts]
    missing = sum(amounts) // divisor - sum(floors)
    order = sorted(range(len(amounts)), key=lambda i: (-(amounts[i] % divisor), i))
    for index in order[:missing]:
        floors[index] += 1
    return floors


def divide_half_even(numerator: int, denominator: int) -> int:
    """numerator / denominator rounded half to even, in integers (denominator > 0)."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2):
        quotient += 1
    return quotient
