"""The fixing rules, against numbers worked out by hand."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SECOND
from common.errors import DomainError, InvalidInput
from oracle.fixing import Fixing, PricedTick, compute, digest, manual


def ticks(*seconds_and_price: tuple[int, int]) -> list[PricedTick]:
    return [PricedTick(n, s * SECOND, (price,)) for n, (s, price) in enumerate(seconds_and_price, start=1)]


def fix(
    rule: str, given_ticks: Sequence[PricedTick], *, at: int = 60, window: int = 0, not_before: int = 0
) -> Fixing:
    return compute(
        rule=rule,
        at=at * SECOND,
        ticks=given_ticks,
        instruments=("AAPL",),
        price_decimals=2,
        window=window * SECOND,
        not_before=not_before * SECOND,
    )


def refusal(rule: str, given_ticks: Sequence[PricedTick], **arguments: int) -> DomainError:
    with pytest.raises(DomainError) as caught:
        fix(rule, given_ticks, **arguments)
    return caught.value


THREE = ticks((0, 10_000), (30, 11_000), (50, 10_400))


def test_last_takes_the_newest_tick_at_the_fixing_time() -> None:
    fixing = fix("last", [*THREE, PricedTick(4, 61 * SECOND, (1,))])
    assert fixing == Fixing(
        rule="last",
        at=60 * SECOND,
        window=0,
        price_decimals=2,
        prices={"AAPL": 10_400},
        exact={"AAPL": (10_400, 1)},
        tick_count=1,
        first_seq=3,
        last_seq=3,
        ticks_sha256=hashlib.sha256(b"[[3,50000000,[10400]]]").hexdigest(),
        ticks=(THREE[2],),
    )


def test_last_includes_a_tick_published_exactly_at_the_fixing_time() -> None:
    assert fix("last", ticks((10, 5), (60, 7))).prices == {"AAPL": 7}


def test_of_two_ticks_of_the_same_microsecond_the_later_seq_is_the_last() -> None:
    assert fix("last", [PricedTick(9, SECOND * 50, (2,)), PricedTick(8, SECOND * 50, (1,))]).last_seq == 9


def test_twap_weighs_each_price_by_how_long_it_was_in_force() -> None:
    # From 20 s: 100.00 for 10 s, 110.00 for 20 s, 104.00 for 10 s. (1000 + 2200 + 1040) / 40 = 106.00
    fixing = fix("twap", THREE, window=40)
    assert fixing.prices == {"AAPL": 10_600}
    assert fixing.exact == {"AAPL": (10_600 * 40 * SECOND, 40 * SECOND)}
    assert [tick.seq for tick in fixing.ticks] == [1, 2, 3]


def test_twap_leaves_out_what_was_replaced_before_the_window() -> None:
    # From 35 s: 110.00 for 15 s, 104.00 for 10 s. (1650 + 1040) / 25 = 107.60
    fixing = fix("twap", THREE, window=25)
    assert fixing.prices == {"AAPL": 10_760}
    assert fixing.first_seq == 2


def test_a_tick_exactly_at_the_windows_start_is_the_one_in_force() -> None:
    fixing = fix("twap", THREE, window=30)
    assert fixing.first_seq == 2
    assert fixing.prices == {"AAPL": 10_800}  # 110.00 for 20 s, 104.00 for 10 s


def test_twap_without_a_price_in_force_begins_at_the_first_tick() -> None:
    # The window begins at -40 s, the first price at 0 s: (3000 + 2200 + 1040) / 60 = 104.00
    fixing = fix("twap", THREE, window=100)
    assert fixing.exact == {"AAPL": (10_400 * 60 * SECOND, 60 * SECOND)}


def test_twap_of_a_zero_length_window_is_the_last_price() -> None:
    fixing = fix("twap", THREE, window=0)
    assert fixing.prices == fix("last", THREE).prices
    assert fixing.exact == {"AAPL": (10_400, 1)}


def test_twap_whose_first_price_comes_at_the_fixing_time_is_that_price() -> None:
    fixing = fix("twap", ticks((60, 8), (60, 9)), window=30)
    assert fixing.exact == {"AAPL": (9, 1)}
    assert fixing.tick_count == 2


def test_twap_counts_every_microsecond() -> None:
    two = [PricedTick(1, 0, (1,)), PricedTick(2, 60 * SECOND - 1, (60 * SECOND,))]
    assert fix("twap", two, window=60).exact == {"AAPL": (60 * SECOND - 1 + 60 * SECOND, 60 * SECOND)}
    assert fix("twap", two, window=60).prices == {"AAPL": 2}


@pytest.mark.parametrize(("low", "high", "fixed"), [(1, 2, 2), (2, 3, 2), (3, 4, 4), (10, 13, 12)])
def test_twap_and_median_round_a_tie_to_the_even_unit(low: int, high: int, fixed: int) -> None:
    two = ticks((20, low), (40, high))
    assert fix("twap", two, window=40).prices == {"AAPL": fixed}
    assert fix("median", two, window=40).prices == {"AAPL": fixed}
    assert fix("median", two, window=40).exact == {"AAPL": (low + high, 2)}


def test_median_of_an_odd_number_is_the_middle_price() -> None:
    fixing = fix("median", THREE, window=40)
    assert fixing.exact == {"AAPL": (10_400, 1)}


def test_median_includes_the_tick_in_force_at_the_windows_start() -> None:
    assert fix("median", THREE, window=25).exact == {"AAPL": (21_400, 2)}
    assert fix("median", THREE, window=25).prices == {"AAPL": 10_700}


def test_median_of_a_zero_length_window_is_the_last_price() -> None:
    assert fix("median", THREE).prices == {"AAPL": 10_400}


def test_each_instrument_is_fixed_by_itself() -> None:
    two = [PricedTick(1, 20 * SECOND, (1, 900)), PricedTick(2, 40 * SECOND, (3, 100))]
    fixing = compute(
        rule="twap",
        at=60 * SECOND,
        ticks=two,
        instruments=("GOLD 3m", "B"),
        price_decimals=0,
        window=40 * SECOND,
    )
    assert fixing.prices == {"GOLD 3m": 2, "B": 500}


def test_ticks_older_than_the_session_never_fix_it() -> None:
    assert refusal("last", THREE, not_before=51).code == "fixing_unavailable"
    fixing = fix("twap", THREE, window=60, not_before=30)  # what was in force at 0 s does not count
    assert fixing.first_seq == 2
    assert fixing.prices == {"AAPL": 10_800}


def test_a_tick_published_in_the_microsecond_of_the_creation_counts() -> None:
    assert fix("last", THREE, not_before=50).last_seq == 3


@pytest.mark.parametrize("rule", ["last", "twap", "median"])
def test_without_any_price_nothing_is_fixed(rule: str) -> None:
    refused = refusal(rule, [], window=10)
    assert refused.code == "fixing_unavailable"
    assert "No price was published" in refused.detail


@pytest.mark.parametrize("rule", ["last", "twap", "median"])
def test_a_price_exactly_as_old_as_allowed_fixes_and_one_microsecond_more_does_not(rule: str) -> None:
    arguments = {"rule": rule, "ticks": [PricedTick(1, 0, (5,))], "instruments": ("A",), "price_decimals": 0}
    assert compute(at=60 * SECOND, window=90 * SECOND, **arguments).prices == {"A": 5}  # type: ignore[arg-type]
    with pytest.raises(DomainError) as caught:
        compute(at=60 * SECOND + 1, window=90 * SECOND, **arguments)  # type: ignore[arg-type]
    assert caught.value.code == "fixing_unavailable"
    assert "60.000001 s old" in caught.value.detail


def test_the_refusal_says_how_old_the_price_is_and_what_is_allowed() -> None:
    assert "312 s old at the fixing time, 60 s is allowed" in refusal("last", ticks((0, 5)), at=312).detail


@pytest.mark.parametrize(
    ("rule", "window", "max_age", "field"),
    [
        ("mean", 0, 0, "fixing"),
        ("manual", 0, 0, "fixing"),
        ("twap", -1, 0, "fixing_window"),
        ("last", 0, -1, "fixing_max_age"),
    ],
)
def test_a_rule_window_or_age_that_there_is_not_is_refused(rule: str, window: int, max_age: int, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        compute(rule=rule, at=0, ticks=[], instruments=("A",), price_decimals=0, window=window, max_age=max_age)
    assert caught.value.field == field


def test_up_to_a_hundred_ticks_are_listed_and_more_are_named_by_their_digest() -> None:
    many = [PricedTick(n, n * SECOND, (n,)) for n in range(1, 102)]
    listed = fix("median", many[:100], at=100, window=100)
    assert listed.ticks == tuple(many[:100])
    named = fix("median", many, at=101, window=101)
    assert named.ticks == ()
    assert (named.tick_count, named.first_seq, named.last_seq) == (101, 1, 101)
    assert named.ticks_sha256 == digest(many)
    canonical = ",".join(f"[{n},{n}000000,[{n}]]" for n in range(1, 102))
    assert named.ticks_sha256 == hashlib.sha256(f"[{canonical}]".encode()).hexdigest()


def test_a_manual_fixing_is_what_was_typed() -> None:
    fixing = manual(prices={"B": 7, "A": "1.25"}, instruments=("A", "B"), price_decimals=2, at=5)
    assert fixing.rule == "manual"
    assert fixing.prices == {"A": 125, "B": 700}
    assert fixing.exact == {"A": (125, 1), "B": (700, 1)}
    assert (fixing.tick_count, fixing.ticks, fixing.ticks_sha256) == (0, (), "")


@pytest.mark.parametrize(
    ("prices", "field"),
    [
        ({"A": "1"}, "prices.B"),
        ({"A": "1", "B": "2", "C": "3"}, "prices.C"),
        ({"A": "1", "B": "0"}, "prices.B"),
        ({"A": "-1", "B": "1"}, "prices.A"),
        ({"A": "1.001", "B": "1"}, "prices.A"),
        ({"A": 1.5, "B": "1"}, "prices.A"),
    ],
)
def test_a_manual_fixing_needs_one_good_price_for_every_instrument(prices: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        manual(prices=prices, instruments=("A", "B"), price_decimals=2, at=5)
    assert caught.value.field == field


steps = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10**15)), min_size=1, max_size=30)


@given(steps=steps, window=st.integers(0, 2_000), rule=st.sampled_from(["last", "twap", "median"]))
def test_a_fixing_lies_between_the_lowest_and_the_highest_price_used(
    steps: list[tuple[int, int]], window: int, rule: str
) -> None:
    at, given_ticks = 0, []
    for seq, (later, price) in enumerate(steps, start=1):
        at += later
        given_ticks.append(PricedTick(seq, at, (price,)))
    fixing = compute(rule=rule, at=at + 7, ticks=given_ticks, instruments=("A",), price_decimals=0, window=window)
    used = [tick.prices[0] for tick in fixing.ticks]
    assert min(used) <= fixing.prices["A"] <= max(used)
    numerator, denominator = fixing.exact["A"]
    assert abs(fixing.prices["A"] * denominator - numerator) * 2 <= denominator


@given(steps=steps, window=st.integers(1, 500))
def test_twap_equals_the_mean_over_single_microseconds(steps: list[tuple[int, int]], window: int) -> None:
    published, given_ticks = 0, []
    for seq, (later, price) in enumerate(steps, start=1):
        published += later
        given_ticks.append(PricedTick(seq, published, (price,)))
    at = published + 3
    fixing = compute(rule="twap", at=at, ticks=given_ticks, instruments=("A",), price_decimals=0, window=window)
    total = count = 0
    for moment in range(max(at - window, given_ticks[0].published_at), at):
        total += [tick.prices[0] for tick in given_ticks if tick.published_at <= moment][-1]
        count += 1
    assert fixing.exact["A"] == (total, count)
