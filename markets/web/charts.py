"""Prices → the coordinates of small SVG pictures. Pure: numbers in, attribute texts out, no style."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Point = tuple[int, int]  # (time in µs, price in units)
Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Candle:
    """One interval: where its wick and body stand in the picture."""

    x: str
    left: str
    width: str
    high_y: str
    low_y: str
    top_y: str
    height: str
    is_up: bool


@dataclass(frozen=True, slots=True)
class GridLine:
    y: str
    price: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A candle chart of `width` × `height`, its horizontal lines, and the line of the last price."""

    width: int
    height: int
    candles: tuple[Candle, ...]
    grid: tuple[GridLine, ...]
    last_y: str
    last: int
    start: int
    end: int


def polyline(values: Sequence[int], *, width: int, height: int) -> str:
    """The points of a sparkline, evenly spaced, the lowest value at the bottom."""
    if len(values) < 2:
        return ""
    low, span = min(values), max(max(values) - min(values), 1)
    step = width / (len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{height - 2 - (value - low) / span * (height - 4):.1f}"
        for index, value in enumerate(values)
    )


def candles(points: Sequence[Point], *, width: int = 760, height: int = 260, most: int = 48) -> Chart | None:
    """Ticks in order → at most `most` candles of equally many ticks each; None with fewer than two ticks."""
    if len(points) < 2:
        return None
    size = max(1, -(-len(points) // most))
    groups = [[price for _, price in points[at : at + size]] for at in range(0, len(points), size)]
    opens = [groups[0][0], *(group[-1] for group in groups[:-1])]  # a candle opens where the one before closed
    low, high = min(map(min, groups)), max(map(max, groups))
    margin = max((high - low) // 20, 1)
    low, high = max(low - margin, 0), high + margin

    def y(price: float) -> float:
        return (high - price) / (high - low) * height

    slot = width / max(len(groups), 24)
    drawn = tuple(
        _candle(index * slot, slot, y, opened, group)
        for index, (opened, group) in enumerate(zip(opens, groups, strict=True))
    )
    lines = tuple(
        GridLine(f"{y(price):.1f}", price) for price in (low + (high - low) * part // 4 for part in range(1, 4))
    )
    last = points[-1][1]
    return Chart(width, height, drawn, lines, f"{y(last):.1f}", last, points[0][0], points[-1][0])


def _candle(left: float, slot: float, y: Scale, opened: int, prices: Sequence[int]) -> Candle:
    closed = prices[-1]
    top, bottom = y(max(opened, closed)), y(min(opened, closed))
    return Candle(
        x=f"{left + slot / 2:.1f}",
        left=f"{left + slot * 0.15:.1f}",
        width=f"{slot * 0.7:.1f}",
        high_y=f"{y(max(opened, *prices)):.1f}",
        low_y=f"{y(min(opened, *prices)):.1f}",
        top_y=f"{top:.1f}",
        height=f"{max(bottom - top, 1):.1f}",
        is_up=closed >= opened,
    )


@dataclass(frozen=True, slots=True)
class FixingChart:
    """Prices up to a fixing: the ticks as a step line, the window (None: a moment), the ticks used, the line of S."""

    width: int
    height: int
    line: str
    window: tuple[str, str] | None
    dots: tuple[tuple[str, str], ...]
    fixed_y: str
    low: int
    high: int
    start: int
    end: int


def fixing(
    points: Sequence[Point],
    used: Sequence[Point],
    *,
    fixed: int,
    at: int,
    window: int,
    width: int = 420,
    height: int = 150,
) -> FixingChart | None:
    """Ticks in order and those of them that were used, the fixing, its moment and its window in µs → the picture."""
    if not points:
        return None
    start = min(points[0][0], at - window)
    span = max(at - start, 1)
    prices = [price for _, price in points] + [price for _, price in used] + [fixed]
    low, high = min(prices), max(prices)
    margin = max((high - low) // 8, 1)
    bottom, top = low - margin, high + margin

    def x(moment: int) -> float:
        return max(0, moment - start) / span * (width - 12)

    def y(price: float) -> float:
        return (top - price) / (top - bottom) * height

    steps: list[str] = []
    for (moment, price), (until, _) in zip(points, [*points[1:], (at, 0)], strict=True):
        steps += [f"{x(moment):.1f},{y(price):.1f}", f"{x(max(until, moment)):.1f},{y(price):.1f}"]
    return FixingChart(
        width,
        height,
        " ".join(steps),
        (f"{x(at - window):.1f}", f"{x(at) - x(at - window):.1f}") if window else None,
        tuple((f"{x(moment):.1f}", f"{y(price):.1f}") for moment, price in used),
        f"{y(fixed):.1f}",
        low,
        high,
        start,
        at,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One of several lines in a picture; `points` as an SVG polyline wants them."""

    name: str
    points: str


def lines(
    series: Mapping[str, Sequence[int]], *, width: int = 760, height: int = 240
) -> tuple[tuple[Line, ...], str]:
    """Values at even distances, by name → lines that share a scale, and the y of zero."""
    values = [value for line in series.values() for value in line]
    low, high = min(values, default=0), max(values, default=0)
    low, high = min(low, 0), max(high, 0)
    span = max(high - low, 1)

    def y(value: float) -> float:
        return 4 + (high - value) / span * (height - 8)

    drawn = tuple(
        Line(
            name,
            " ".join(f"{at * width / max(len(line) - 1, 1):.1f},{y(value):.1f}" for at, value in enumerate(line)),
        )
        for name, line in series.items()
    )
    return drawn, f"{y(0):.1f}"
