"""The parameters of a simulated source, checked: what may be given, and the correlation's triangle."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from common.errors import InvalidInput
from common.money import format_units, parse_units

MAX_UNITS = 10**15
"""A simulated price stops here: every integer up to it is exact in a float."""
_KEYS = ("start", "drift", "volatility", "rho", "correlation", "seed", "step_seconds")
_PIVOT_TOLERANCE = 1e-12
_PLACES = Decimal("1e-12")

Matrix = tuple[tuple[float, ...], ...]


def check_settings(
    settings: Mapping[str, object], *, instruments: Sequence[str], price_decimals: int
) -> dict[str, object]:
    """The parameters of a sim, complete, as JSON-able text and whole numbers; what is missing gets a default.

    `start` {instrument: price above 0} (default: made from the name), `drift` and `volatility` per year, a
    number for all or {instrument: number} (default 0 and 0.4), either `correlation` (a matrix in instrument
    order) or `rho` (one common factor, 0 to 1, default 0.3), `seed` (default 1), `step_seconds` (default 60).
    Raises InvalidInput naming settings.<key>.
    """
    for key in settings:
        if key not in _KEYS:
            raise InvalidInput(f"settings.{key[:40]}", f"A sim has no setting {key[:40]!r}.")
    if "rho" in settings and "correlation" in settings:
        raise InvalidInput("settings.rho", "Give rho or a correlation matrix, not both.")
    clean: dict[str, object] = {
        "start": _start(settings.get("start", {}), instruments, price_decimals),
        "drift": _per_instrument(settings.get("drift", 0), instruments, "drift", -10, 10),
        "volatility": _per_instrument(settings.get("volatility", "0.4"), instruments, "volatility", 0, 10),
        "seed": _whole(settings.get("seed", 1), "seed", 0, 2**63 - 1),
        "step_seconds": _whole(settings.get("step_seconds", 60), "step_seconds", 1, 31_536_000),
    }
    if "correlation" in settings:
        clean["correlation"] = _matrix(settings["correlation"], len(instruments))
    else:
        clean["rho"] = _number(settings.get("rho", "0.3"), "settings.rho", 0, 1)
    correlation_factor(clean, len(instruments))  # refuses a matrix that no prices can follow
    return clean


def correlation_factor(clean: Mapping[str, object], size: int) -> Matrix:
    """The lower triangle L with L·Lᵀ = the correlation that `check_settings` answered.

    Raises InvalidInput if the matrix is not positive semidefinite.
    """
    return _lower_triangle(_correlation(clean, size))


def _lower_triangle(correlation: Matrix) -> Matrix:
    """The lower triangle L with L·Lᵀ = `correlation` (Cholesky, zero pivots allowed).

    Written out because LAPACK refuses singular matrices and may round differently elsewhere.
    """
    size = len(correlation)
    lower = [[0.0] * size for _ in range(size)]
    for j in range(size):
        pivot = correlation[j][j] - sum(lower[j][k] ** 2 for k in range(j))
        if pivot < -_PIVOT_TOLERANCE:
            raise _not_semidefinite()
        root = math.sqrt(pivot) if pivot > _PIVOT_TOLERANCE else 0.0
        lower[j][j] = root
        for i in range(j + 1, size):
            rest = correlation[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            if root == 0.0 and abs(rest) > math.sqrt(_PIVOT_TOLERANCE):
                raise _not_semidefinite()
            lower[i][j] = rest / root if root else 0.0
    return tuple(tuple(row) for row in lower)


def _not_semidefinite() -> InvalidInput:
    return InvalidInput(
        "settings.correlation",
        "The correlation matrix is not positive semidefinite: no prices can move together like that.",
    )


def _correlation(clean: Mapping[str, object], size: int) -> Matrix:
    """The matrix, or the one in which every pair shares rho through one common factor."""
    matrix = clean.get("correlation")
    if isinstance(matrix, list):
        return tuple(tuple(float(cell) for cell in row) for row in matrix)
    rho = float(str(clean["rho"]))
    return tuple(tuple(1.0 if i == j else rho for j in range(size)) for i in range(size))


def _matrix(value: object, size: int) -> list[list[str]]:
    field = "settings.correlation"
    shape = f"The correlation matrix must have {size} rows of {size} numbers, in the order of the instruments."
    if not isinstance(value, list | tuple) or len(value) != size:
        raise InvalidInput(field, shape)
    rows: list[list[str]] = []
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != size:
            raise InvalidInput(field, shape)
        rows.append([_number(cell, field, -1, 1) for cell in row])
    for i in range(size):
        if rows[i][i] != "1":
            raise InvalidInput(field, f"Row {i + 1} of the correlation matrix must have 1 on the diagonal.")
        for j in range(i):
            if rows[i][j] != rows[j][i]:
                raise InvalidInput(field, f"The correlation matrix is not symmetric in row {i + 1}, column {j + 1}.")
    return rows


def _start(value: object, instruments: Sequence[str], decimals: int) -> dict[str, str]:
    given = _mapping(value, instruments, "start")
    start: dict[str, str] = {}
    for name in instruments:
        field = f"settings.start.{name}"
        units = (
            parse_units(given[name], decimals, field, minimum=1) if name in given else _default_start(name, decimals)
        )
        if units > MAX_UNITS:
            raise InvalidInput(field, f"{field} must be at most {format_units(MAX_UNITS, decimals)}.")
        start[name] = format_units(units, decimals)
    return start


def _default_start(name: str, decimals: int) -> int:
    """A price from 20.00 to 499.99 that an instrument of this name has in every sim."""
    cents = 2000 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % 48_000
    scale: int = 10**decimals
    return cents * scale // 100


def _per_instrument(value: object, instruments: Sequence[str], key: str, low: int, high: int) -> dict[str, str]:
    if not isinstance(value, Mapping):
        text = _number(value, f"settings.{key}", low, high)
        return dict.fromkeys(instruments, text)
    given = _mapping(value, instruments, key)
    for name in instruments:
        if name not in given:
            raise InvalidInput(f"settings.{key}.{name}", f"The {key} of {name} is missing.")
    return {name: _number(given[name], f"settings.{key}.{name}", low, high) for name in instruments}


def _mapping(value: object, instruments: Sequence[str], key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"settings.{key}", f"{key} must give a number for each instrument.")
    for name in value:
        if name not in instruments:
            raise InvalidInput(f"settings.{key}", f"{str(name)[:40]!r} is not an instrument of this feed.")
    return value


def _number(value: object, field: str, low: int, high: int) -> str:
    """A finite number from `low` to `high`, rounded to 12 decimals, as plain text without trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str) or len(str(value)) > 40:
        raise InvalidInput(field, f"{field} must be a number.")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise InvalidInput(field, f"{field} must be a number.") from None
    if not number.is_finite() or not low <= number <= high:
        raise InvalidInput(field, f"{field} must be a number from {low} to {high}.")
    rounded = number.quantize(_PLACES)
    return format(rounded.normalize(), "f") if rounded else "0"


def _whole(value: object, key: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(f"settings.{key}", f"{key} must be a whole number from {low} to {high}.")
    return value
