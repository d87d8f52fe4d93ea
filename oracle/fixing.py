"""Ticks → the one price per instrument that a session settles on. Pure: no Django, no clock, no float."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from common.clock import SECOND
from common.errors import DomainError, InvalidInput
from common.money import divide_half_even, format_units
from oracle.sources.push.source import parse_prices

LAST, TWAP, MEDIAN, MANUAL = "last", "twap", "median", "manual"
RULES = (LAST, TWAP, MEDIAN)
DEFAULT_MAX_AGE = 60 * SECOND
MAX_LISTED_TICKS = 100
"""A fixing made of more ticks than this names the first, the last, their count and their digest only."""


class PricedTick(NamedTuple):
    """A tick as the rules see it: prices in feed units, in the order of the instruments asked for."""

    seq: int
    published_at: int
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fixing:
    """The prices a session settles on, and what they were made of.

    `prices` are in units of 10^-price_decimals (the feed's), `exact` the fraction (numerator, denominator)
    that was rounded half to even to get each: a numerator may exceed 64 bits. `at` and `window` are µs.
    `first_seq` and `last_seq` are 0 and `ticks_sha256` is empty when no tick was used (rule "manual").
    `ticks` is empty beyond MAX_LISTED_TICKS; `ticks_sha256` is always over all `tick_count` ticks used (see
    `digest`).
    """

    rule: str
    at: int
    window: int
    price_decimals: int
    prices: dict[str, int]
    exact: dict[str, tuple[int, int]]
    tick_count: int = 0
    first_seq: int = 0
    last_seq: int = 0
    ticks_sha256: str = ""
    ticks: tuple[PricedTick, ...] = ()


def compute(
    *,
    rule: str,
    at: int,
    ticks: Iterable[PricedTick],
    instruments: Sequence[str],
    price_decimals: int,
    window: int = 0,
    max_age: int = DEFAULT_MAX_AGE,
    not_before: int = 0,
) -> Fixing:
    """The fixing at `at` by `rule` over [at - window, at] (µs; `last` ignores the window).

    Order, window and age go by published_at; ticks outside [not_before, at] never count. Raises DomainError
    `fixing_unavailable` where no tick counts or the newest is older than `max_age` µs (exactly max_age is
    allowed), InvalidInput on a rule, window or age that there is not.
    """
    check_rule(rule=rule, window=window, max_age=max_age)
    counting = sorted(
        (tick for tick in ticks if not_before <= tick.published_at <= at),
        key=lambda tick: (tick.published_at, tick.seq),
    )
    _check_fresh(counting, at=at, max_age=max_age)
    start = at if rule == LAST else at - window
    used = counting[_in_force(counting, start) :]
    # The last price is the median of the one tick in force at `at`.
    exact = {
        name: _twap(used, column, start=start, at=at) if rule == TWAP else _median(used, column)
        for column, name in enumerate(instruments)
    }
    return Fixing(
        rule=rule,
        at=at,
        window=at - start,
        price_decimals=price_decimals,
        prices={name: divide_half_even(*fraction) for name, fraction in exact.items()},
        exact=exact,
        tick_count=len(used),
        first_seq=used[0].seq,
        last_seq=used[-1].seq,
        ticks_sha256=digest(used),
        ticks=tuple(used) if len(used) <= MAX_LISTED_TICKS else (),
    )


def manual(*, prices: Mapping[str, object], instruments: Sequence[str], price_decimals: int, at: int) -> Fixing:
    """The fixing that an organiser typed: a price above 0 for every instrument and for nothing else.

    Raises InvalidInput naming `prices.<instrument>`.
    """
    units = parse_prices(prices, instruments=instruments, price_decimals=price_decimals)
    return Fixing(
        rule=MANUAL,
        at=at,
        window=0,
        price_decimals=price_decimals,
        prices=dict(zip(instruments, units, strict=True)),
        exact={name: (price, 1) for name, price in zip(instruments, units, strict=True)},
    )


def check_rule(*, rule: str, window: int, max_age: int) -> None:
    """Raises InvalidInput naming fixing, fixing_window or fixing_max_age; for callers that refuse early."""
    if rule not in RULES:
        raise InvalidInput("fixing", f"The fixing rule must be one of {', '.join(RULES)}.")
    if window < 0:
        raise InvalidInput("fixing_window", "The fixing window can't be negative.")
    if max_age < 0:
        raise InvalidInput("fixing_max_age", "The greatest age of a price can't be negative.")


def digest(ticks: Iterable[PricedTick]) -> str:
    """SHA-256, hex, over the ticks as one JSON list `[[seq,published_at,[price,...]],...]` without spaces.

    The prices stand in the order of the fixing's `prices`.
    """
    sha, separator = hashlib.sha256(b"["), ""
    for seq, published_at, prices in ticks:
        sha.update((separator + json.dumps([seq, published_at, prices], separators=(",", ":"))).encode())
        separator = ","
    sha.update(b"]")
    return sha.hexdigest()


def _check_fresh(ticks: Sequence[PricedTick], *, at: int, max_age: int) -> None:
    if not ticks:
        raise DomainError(
            "fixing_unavailable", "No price was published between the session's creation and the fixing time."
        )
    age = at - ticks[-1].published_at
    if age > max_age:
        told = age if age < max_age + SECOND else age - age % SECOND  # to the µs only where it matters
        raise DomainError(
            "fixing_unavailable",
            f"The last price was {_seconds(told)} s old at the fixing time, {_seconds(max_age)} s is allowed.",
        )


def _in_force(ticks: Sequence[PricedTick], start: int) -> int:
    """The index of the newest tick at or before `start`: the first one used. 0 where none is that old."""
    return max(0, bisect_right(ticks, start, key=lambda tick: tick.published_at) - 1)


def _twap(used: Sequence[PricedTick], column: int, *, start: int, at: int) -> tuple[int, int]:
    """Σ price × µs in force, and the µs: the step function's integral over what of the window has prices."""
    begins = [max(start, tick.published_at) for tick in used]
    duration = at - begins[0]
    if duration == 0:  # an empty window, or the first price came at the fixing time: what is in force then
        return used[-1].prices[column], 1
    ends = [*begins[1:], at]
    total = sum(tick.prices[column] * (end - begin) for tick, begin, end in zip(used, begins, ends, strict=True))
    return total, duration


def _median(used: Sequence[PricedTick], column: int) -> tuple[int, int]:
    """The middle price, or the sum of the middle two over 2."""
    values = sorted(tick.prices[column] for tick in used)
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle], 1
    return values[middle - 1] + values[middle], 2


def _seconds(microseconds: int) -> str:
    return format_units(microseconds, 6).rstrip("0").rstrip(".")
