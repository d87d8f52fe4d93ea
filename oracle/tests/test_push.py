"""What a writer may push, and what an instrument may be called."""

from decimal import Decimal

import pytest

from common.errors import InvalidInput
from oracle.instruments import check_instruments
from oracle.sources.push.source import parse_prices


def test_prices_come_out_in_the_feeds_order_and_units() -> None:
    pushed = {"NVDA": Decimal("480.25"), "AAPL": "190.1", "GOLD 3m": 7}
    units = parse_prices(pushed, instruments=("AAPL", "NVDA", "GOLD 3m"), price_decimals=2)
    assert units == (19_010, 48_025, 700)


@pytest.mark.parametrize(
    ("pushed", "field"),
    [
        ({"AAPL": "1"}, "prices.NVDA"),
        ({}, "prices.AAPL"),
        ({"AAPL": "1", "NVDA": "1", "TSLA": "1"}, "prices.TSLA"),
        ({"AAPL": "0", "NVDA": "1"}, "prices.AAPL"),
        ({"AAPL": "1", "NVDA": "-0.01"}, "prices.NVDA"),
        ({"AAPL": "1.001", "NVDA": "1"}, "prices.AAPL"),
        ({"AAPL": True, "NVDA": "1"}, "prices.AAPL"),
        ({"AAPL": None, "NVDA": "1"}, "prices.AAPL"),
        ({"AAPL": 1.5, "NVDA": "1"}, "prices.AAPL"),
        ({"AAPL": "NaN", "NVDA": "1"}, "prices.AAPL"),
        ({"AAPL": "1e400", "NVDA": "1"}, "prices.AAPL"),
        ([["AAPL", 1]], "prices"),
        ("AAPL", "prices"),
        (None, "prices"),
    ],
)
def test_a_bad_set_is_refused_by_the_name_of_what_is_wrong(pushed: object, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_prices(pushed, instruments=("AAPL", "NVDA"), price_decimals=2)
    assert caught.value.field == field


def test_names_of_instruments_keep_their_order() -> None:
    assert check_instruments(["B", "GOLD 3m", "a-b_c.d"], field="x") == ("B", "GOLD 3m", "a-b_c.d")


@pytest.mark.parametrize(
    "names",
    [
        [],
        "AAPL",
        *([name] for name in ("", " A", "A ", "A\0", "A\n", "A" * 33, "é", "A/B", 1, "CASH")),
        ["A", "A"],
        [f"A{n}" for n in range(65)],
    ],
)
def test_a_malformed_reserved_or_repeated_name_is_refused(names: list[object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_instruments(names, field="legs")
    assert caught.value.field == "legs"
