"""The simulated source: correlated geometric Brownian motion. Prices are floats in this folder only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from common.money import parse_units
from oracle.sources.sim.parameters import MAX_UNITS, Matrix, check_settings, correlation_factor

YEAR_SECONDS = 252 * 6.5 * 3600
"""A year of 252 trading days of 6.5 hours: what an annual drift or volatility refers to."""
_BLOCK = 256
_BOUNDARY, _INSIDE = 0, 1

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SimSource:
    """Tick n of each instrument: S_n = S_0 · exp((μ − σ²/2)·n·Δt + σ·√Δt·W_n), rounded to a unit, at least
    one unit.

    μ (`drift`) and σ (`volatility`) are per year of YEAR_SECONDS, continuously compounded; Δt is
    `step_seconds` of simulated time, however fast the ticks are shown. W is a Brownian motion (unit variance
    per tick) correlated by `factor`, the lower triangle L with L·Lᵀ = the correlation matrix. Tick n depends
    on the parameters and n alone and costs O(log n), so a source resumes anywhere and answers the same, bit
    for bit, however many ticks are asked at once. Source: Glasserman, Monte Carlo Methods in Financial
    Engineering, sections 3.1.1 and 3.2.3.
    """

    start_units: tuple[int, ...]
    drift: tuple[float, ...]
    volatility: tuple[float, ...]
    factor: Matrix
    seed: int
    step_seconds: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, object], instruments: Sequence[str], decimals: int) -> Self:
        """The source of settings that `check_settings` answered."""
        clean = check_settings(settings, instruments=instruments, price_decimals=decimals)
        start, drift, volatility = clean["start"], clean["drift"], clean["volatility"]
        seed, step_seconds = clean["seed"], clean["step_seconds"]
        assert isinstance(start, dict)
        assert isinstance(drift, dict)
        assert isinstance(volatility, dict)
        assert isinstance(seed, int)
        assert isinstance(step_seconds, int)
        return cls(
            start_units=tuple(parse_units(start[name], decimals, "start") for name in instruments),
            drift=tuple(float(drift[name]) for name in instruments),
            volatility=tuple(float(volatility[name]) for name in instruments),
            factor=correlation_factor(clean, len(instruments)),
            seed=seed,
            step_seconds=step_seconds,
        )

    def prices(self, *, first: int, count: int) -> list[tuple[int, ...]]:
        """Ticks first .. first+count-1 in units, each in instrument order. Tick 0 is the start price."""
        return [self._tick(number) for number in range(first, first + count)]

    def _tick(self, number: int) -> tuple[int, ...]:
        years = self.step_seconds / YEAR_SECONDS
        block, offset = divmod(number, _BLOCK)
        walk = [float(w) for w in _block(self.seed, len(self.start_units), block)[offset]]
        units = []
        for i, start in enumerate(self.start_units):
            # Plain sums in a fixed order: a matrix product may round differently on another processor.
            shock = sum(weight * w for weight, w in zip(self.factor[i], walk, strict=True))
            sigma = self.volatility[i]
            growth = (self.drift[i] - sigma * sigma / 2) * years * number + sigma * math.sqrt(years) * shock
            limit = math.log(MAX_UNITS / start)
            units.append(max(1, round(start * math.exp(min(growth, limit)))))
        return tuple(units)


# The random numbers: every call below is a pure function of its arguments, kept for the next one.


@lru_cache(maxsize=64)
def _block(seed: int, legs: int, block: int) -> _Array:
    """Uncorrelated Brownian motion at ticks block·_BLOCK .. +_BLOCK-1, shape (_BLOCK, legs).

    A walk inside the block, bent (a Brownian bridge) so that it starts and ends on the block's boundaries.
    """
    scale = math.sqrt(_BLOCK)
    left = _boundary(seed, legs, block) * scale
    right = _boundary(seed, legs, block + 1) * scale
    ends = np.cumsum(_normals(seed, _INSIDE, block, (_BLOCK, legs)), axis=0)
    inside = np.vstack([np.zeros((1, legs)), ends[:-1]])
    part = (np.arange(_BLOCK) / _BLOCK)[:, np.newaxis]
    walk: _Array = left + inside + part * (right - left - ends[-1])
    walk.setflags(write=False)
    return walk


@lru_cache(maxsize=4096)
def _boundary(seed: int, legs: int, block: int) -> _Array:
    """Uncorrelated Brownian motion at the start of a block, in units of a block, shape (legs,).

    At powers of two by independent increments, between them by halving the interval (Lévy's construction):
    O(log block) draws, each keyed by its own block.
    """
    if block == 0:
        return np.zeros(legs)
    shock = _normals(seed, _BOUNDARY, block, (legs,))
    step = block & -block
    if step == block:
        value = shock if block == 1 else _boundary(seed, legs, block // 2) + math.sqrt(block / 2) * shock
    else:
        middle = (_boundary(seed, legs, block - step) + _boundary(seed, legs, block + step)) / 2
        value = middle + math.sqrt(step / 2) * shock
    value.setflags(write=False)
    return value


def _normals(seed: int, kind: int, block: int, shape: tuple[int, ...]) -> _Array:
    key = np.random.SeedSequence(seed, spawn_key=(kind, block))
    return np.random.Generator(np.random.Philox(key)).standard_normal(shape)
