"""What things cost, in hundredths of a cent: shares, fees, and the house's ladder. Integers alone."""

from typing import NamedTuple

CENT = 100
"""Hundredths of a cent in a cent: with them, a percent of any whole number of cents is exact."""
SHARE = 100 * CENT
"""What a winning share pays, and what a pair of YES and NO is worth."""
MONEY_DECIMALS = 4
MOST_LIQUIDITY = 1_000_000

_SCALE = 10**12
# ln(p / (100 - p)) · 10^12, rounded down, for p from 51 to 99. A test works them out anew.
_LOGITS = (
    40_005_334_613,
    80_042_707_673,
    120_144_311_842,
    160_342_650_075,
    200_670_695_462,
    241_162_056_816,
    281_851_152_140,
    322_773_392_263,
    363_965_377_201,
    405_465_108_108,
    447_312_218_043,
    489_548_225_318,
    532_216_813_747,
    575_364_144_903,
    619_039_208_406,
    663_294_217_410,
    708_185_057_924,
    753_771_802_376,
    800_119_300_112,
    847_297_860_387,
    895_384_047_054,
    944_461_608_840,
    994_622_575_144,
    1_045_968_555_182,
    1_098_612_288_668,
    1_152_679_509_938,
    1_208_311_205_924,
    1_265_666_373_331,
    1_324_925_414_743,
    1_386_294_361_119,
    1_450_010_175_505,
    1_516_347_489_368,
    1_585_627_263_740,
    1_658_228_076_603,
    1_734_601_055_388,
    1_815_289_966_638,
    1_900_958_761_193,
    1_992_430_164_690,
    2_090_741_096_933,
    2_197_224_577_336,
    2_313_634_929_180,
    2_442_347_035_369,
    2_586_689_344_097,
    2_751_535_313_041,
    2_944_438_979_166,
    3_178_053_830_347,
    3_476_098_689_835,
    3_891_820_298_110,
    4_595_119_850_134,
)


def ceil_rate(amount: int, rate: int) -> int:
    """`rate` hundredths of a percent of `amount` ≥ 0, rounded up: what is charged."""
    return -(-amount * rate // 10_000)


def floor_rate(amount: int, rate: int) -> int:
    """The same rounded down: what is paid out."""
    return amount * rate // 10_000


class Rung(NamedTuple):
    """`size` shares that the house sells at `price` cents of YES (`is_bid`: buys)."""

    is_bid: bool
    price: int
    size: int


def ladder(liquidity: int) -> list[Rung]:
    """What a house with b = `liquidity` shares quotes around 50: bids and asks, nearest first.

    By the logarithmic scoring rule it has sold b·ln(p/(1-p)) shares of YES when the price has come to p. Here it
    sells at each whole cent what the rule would have sold on the way there, so it never gets less than the rule asks,
    and loses at most b·ln 2 shares' worth whatever happens.
    Source: Hanson, Logarithmic market scoring rules for modular combinatorial information aggregation (2003).
    """
    rungs, sold = [], 0
    for price, logit in zip(range(51, 100), _LOGITS, strict=True):
        until = liquidity * logit // _SCALE
        if until > sold:
            rungs += [Rung(is_bid=False, price=price, size=until - sold)]
            rungs += [Rung(is_bid=True, price=100 - price, size=until - sold)]
        sold = until
    return rungs


def funding(rungs: list[Rung]) -> int:
    """The money that stands behind a ladder: each rung bought in full."""
    return sum(rung.size * (rung.price if rung.is_bid else 100 - rung.price) * CENT for rung in rungs)
