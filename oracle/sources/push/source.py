"""The push source: what a writer sends, checked against the feed. No Django."""

from collections.abc import Mapping, Sequence

from common.errors import InvalidInput
from common.money import parse_units


def parse_prices(
    prices: object, *, instruments: Sequence[str], price_decimals: int, field: str = "prices"
) -> tuple[int, ...]:
    """{instrument: price as text, int or Decimal} → units of 10^-price_decimals in the order of
    `instruments`.

    Raises InvalidInput naming `field`.<instrument> on one that is missing or unknown, or on a price that is
    not a number, not above 0 or has too many decimals.
    """
    if not isinstance(prices, Mapping):
        raise InvalidInput(field, f"{field} must give a price for each of {_listed(instruments)}.")
    for name in prices:
        if name not in instruments:
            shown = str(name)[:40]
            raise InvalidInput(f"{field}.{shown}", f"{shown!r} is not one of {_listed(instruments)}.")
    for name in instruments:
        if name not in prices:
            raise InvalidInput(f"{field}.{name}", f"The price of {name} is missing.")
    return tuple(parse_units(prices[name], price_decimals, f"{field}.{name}", minimum=1) for name in instruments)


def _listed(instruments: Sequence[str]) -> str:
    return ", ".join(instruments)
