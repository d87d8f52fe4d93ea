"""Ticks → the points of a line chart: each leg's change since the first tick shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 200
_HUES = 6


@dataclass(frozen=True, slots=True)
class Line:
    """A leg's line, and its change in hundredths of a percent."""

    leg: str
    points: str
    hue: int
    change: int

    @property
    def change_text(self) -> str:
        sign = "+" if self.change > 0 else "−" if self.change < 0 else ""
        return f"{sign}{abs(self.change) // 100}.{abs(self.change) % 100:02d} %"


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the line of no change."""

    lines: Sequence[Line]
    zero_y: int
    width: int = WIDTH
    height: int = HEIGHT


def chart(ticks: Sequence[Mapping[str, int]], legs: Sequence[str]) -> Chart | None:
    """None before there are two ticks."""
    if len(ticks) < 2:
        return None
    moves = {leg: _moves([tick[leg] for tick in ticks if leg in tick]) for leg in legs}
    every = [move for series in moves.values() for move in series] or [0]
    low, high = min(every), max(every)
    span = max(high - low, 1)

    def y(move: int) -> int:
        return 5 + (HEIGHT - 10) * (high - move) // span

    lines = [
        Line(leg, _points(series, y), index % _HUES, series[-1])
        for index, (leg, series) in enumerate(moves.items())
        if len(series) > 1
    ]
    return Chart(lines, min(max(y(0), 0), HEIGHT))


def _moves(prices: Sequence[int]) -> list[int]:
    """Changes since the first, in hundredths of a percent."""
    return [(price - prices[0]) * 10_000 // prices[0] for price in prices]


def _points(moves: Sequence[int], y: Callable[[int], int]) -> str:
    last = len(moves) - 1
    return " ".join(f"{WIDTH * index // last},{y(move)}" for index, move in enumerate(moves))
