"""The simulated source: the same seed is the same path, and the path is what its parameters say."""

import math
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pytest

from common.errors import InvalidInput
from oracle.sources.sim.parameters import MAX_UNITS, check_settings, correlation_factor
from oracle.sources.sim.source import YEAR_SECONDS, SimSource, _block, _boundary

LEGS = ("AAPL", "NVDA", "ORCL")


def sim(**settings: object) -> SimSource:
    return SimSource.from_settings(settings, LEGS, 4)


def forget() -> None:
    _block.cache_clear()
    _boundary.cache_clear()


def test_without_parameters_each_name_has_its_own_start_price() -> None:
    first = sim().prices(first=0, count=1)
    assert first == [(3_141_900, 253_400, 4_423_700)]
    other_order = SimSource.from_settings({}, ("ORCL", "AAPL"), 2).prices(first=0, count=1)
    assert other_order == [(44_237, 31_419)]


def test_the_path_of_a_seed_never_changes() -> None:
    # A new numpy that draws other numbers would show here: then say so in the changelog.
    source = sim(start={"AAPL": "190.1", "NVDA": "480.2", "ORCL": "104.3"}, seed=7)
    assert source.prices(first=1, count=2) == [(1_899_657, 4_815_238, 1_043_438), (1_899_814, 4_821_382, 1_045_088)]
    assert source.prices(first=1_000_000, count=1) == [(357_613, 4_081_317, 323_922)]


def test_the_same_seed_gives_the_same_path_however_it_is_asked() -> None:
    whole = sim(seed=3).prices(first=0, count=1_100)
    forget()
    source = sim(seed=3)
    assert source.prices(first=1_000, count=100) == whole[1_000:]
    assert [source.prices(first=n, count=1)[0] for n in range(250, 260)] == whole[250:260]
    forget()
    pieces = [row for first in range(0, 1_100, 7) for row in sim(seed=3).prices(first=first, count=7)]
    assert pieces[:1_100] == whole


def test_another_seed_gives_another_path() -> None:
    assert sim(seed=1).prices(first=0, count=20) != sim(seed=2).prices(first=0, count=20)


def test_a_tick_far_away_costs_a_few_draws_only() -> None:
    forget()
    sim().prices(first=10**12, count=1)
    assert _boundary.cache_info().misses < 100
    assert _block.cache_info().misses == 1


def log_returns(source: SimSource, *, count: int, step: int = 1) -> npt.NDArray[np.float64]:
    path = [source.prices(first=n, count=1)[0] for n in range(0, count * step, step)]
    logs = np.log(np.array(path, dtype=np.float64))
    return logs[1:] - logs[:-1]


def test_returns_have_the_volatility_and_correlation_asked_for() -> None:
    matrix = [["1", "0.8", "-0.6"], ["0.8", "1", "-0.3"], ["-0.6", "-0.3", "1"]]
    returns = log_returns(sim(correlation=matrix, volatility={"AAPL": 1, "NVDA": "0.5", "ORCL": "0.25"}), count=4_000)
    found = np.atleast_2d(np.corrcoef(returns.T))
    for i in range(3):
        for j in range(3):
            assert found[i, j] == pytest.approx(float(matrix[i][j]), abs=0.06)
    per_tick = math.sqrt(60 / YEAR_SECONDS)
    assert returns.std(axis=0) == pytest.approx(np.array([1, 0.5, 0.25]) * per_tick, rel=0.06)


def test_returns_across_and_beyond_the_blocks_have_the_same_variance() -> None:
    source = sim(step_seconds=1, rho=0)
    per_tick = 0.4 * math.sqrt(1 / YEAR_SECONDS)
    path = np.log(np.array(source.prices(first=0, count=128 * 256), dtype=np.float64))
    across = (path[1:] - path[:-1])[255::256]
    assert across.std() == pytest.approx(per_tick, rel=0.15)
    far = log_returns(source, count=700, step=1_024)
    assert far.std() == pytest.approx(per_tick * 32, rel=0.08)
    neighbours = np.atleast_2d(np.corrcoef(far[:-1, 0], far[1:, 0]))[0, 1]
    assert abs(neighbours) < 0.12  # increments are independent


def test_the_drift_is_that_of_the_mean_price() -> None:
    still = sim(volatility=0, drift="0.1", step_seconds=5_896_800, start={"AAPL": 100, "NVDA": 50, "ORCL": 1})
    (year,) = still.prices(first=1, count=1)
    assert year == (1_105_171, 552_585, 11_052)  # e^0.1 = 1.10517092


def test_rho_one_moves_all_prices_together() -> None:
    returns = log_returns(sim(rho=1, start={"AAPL": 10**6, "NVDA": 10**6, "ORCL": 10**6}), count=50)
    assert np.allclose(returns[:, 0], returns[:, 1], atol=1e-9)


def test_a_price_never_falls_below_one_unit_nor_rises_beyond_the_exact_integers() -> None:
    falling = sim(drift=-10, volatility=10, step_seconds=31_536_000)
    assert falling.prices(first=1_000, count=1) == [(1, 1, 1)]
    rising = sim(drift=10, volatility=0, step_seconds=31_536_000)
    (prices,) = rising.prices(first=10**9, count=1)
    assert all(abs(price - MAX_UNITS) < 1_000_000 for price in prices)


def test_the_settings_come_back_complete_as_text_and_whole_numbers() -> None:
    settings = {"start": {"B": Decimal("2.50")}, "drift": {"A": "0.050", "B": 1}, "volatility": 0.2, "seed": 5}
    clean = check_settings(settings, instruments=("A", "B"), price_decimals=2)
    assert clean == {
        "start": {"A": clean["start"]["A"], "B": "2.50"},  # type: ignore[index]
        "drift": {"A": "0.05", "B": "1"},
        "volatility": {"A": "0.2", "B": "0.2"},
        "rho": "0.3",
        "seed": 5,
        "step_seconds": 60,
    }
    assert check_settings(clean, instruments=("A", "B"), price_decimals=2) == clean


def test_a_singular_matrix_is_allowed() -> None:
    factor = correlation_factor({"correlation": [["1", "1"], ["1", "1"]]}, 2)
    assert factor == ((1.0, 0.0), (1.0, 0.0))
    third = [["1", "-0.5", "-0.5"], ["-0.5", "1", "-0.5"], ["-0.5", "-0.5", "1"]]
    assert sim(correlation=third).prices(first=5, count=1)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"sead": 1}, "settings.sead"),
        ({"seed": -1}, "settings.seed"),
        ({"seed": True}, "settings.seed"),
        ({"seed": "1"}, "settings.seed"),
        ({"step_seconds": 0}, "settings.step_seconds"),
        ({"volatility": "-0.1"}, "settings.volatility"),
        ({"volatility": "nan"}, "settings.volatility"),
        ({"volatility": float("inf")}, "settings.volatility"),
        ({"volatility": True}, "settings.volatility"),
        ({"volatility": {"AAPL": 1, "NVDA": 1}}, "settings.volatility.ORCL"),
        ({"volatility": {"AAPL": 1, "NVDA": 1, "ORCL": 1, "X": 1}}, "settings.volatility"),
        ({"drift": "much"}, "settings.drift"),
        ({"drift": "1e99"}, "settings.drift"),
        ({"start": {"AAPL": "0"}}, "settings.start.AAPL"),
        ({"start": {"AAPL": "0.00001"}}, "settings.start.AAPL"),
        ({"start": {"AAPL": 10**12}}, "settings.start.AAPL"),
        ({"start": {"TSLA": "1"}}, "settings.start"),
        ({"start": "100"}, "settings.start"),
        ({"rho": "1.01"}, "settings.rho"),
        ({"rho": "-0.1"}, "settings.rho"),
        ({"rho": "0.1", "correlation": []}, "settings.rho"),
        ({"correlation": "x"}, "settings.correlation"),
        ({"correlation": [[1, 0], [0, 1]]}, "settings.correlation"),
        ({"correlation": [[1, 0, 0], [0, 1, 0], [0, 0]]}, "settings.correlation"),
        ({"correlation": [[1, 0, 0], [0, 1, 0], [0, 0, "0.9"]]}, "settings.correlation"),
        ({"correlation": [[1, "0.5", 0], [0, 1, 0], [0, 0, 1]]}, "settings.correlation"),
        ({"correlation": [[1, 2, 0], [2, 1, 0], [0, 0, 1]]}, "settings.correlation"),
        (
            {"correlation": [[1, "0.9", "-0.9"], ["0.9", 1, "0.9"], ["-0.9", "0.9", 1]]},
            "settings.correlation",
        ),
        ({"correlation": [[1, 1, 0], [1, 1, "0.5"], [0, "0.5", 1]]}, "settings.correlation"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_settings(settings, instruments=LEGS, price_decimals=4)
    assert caught.value.field == field
