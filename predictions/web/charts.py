"""Probabilities over time → the coordinates of a small SVG picture. Pure: numbers in, attribute texts out."""

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[int, int]  # (time in µs, cents of YES)
WIDTH, HEIGHT = 760, 240


@dataclass(frozen=True, slots=True)
class Line:
    """A stepped line from the first trade to now."""

    points: str
    area: str
    last: int
    last_y: str
    start: int
    end: int
    width: int = WIDTH
    height: int = HEIGHT


def line(points: Sequence[Point], end: int) -> Line | None:
    """Trades in order → a stepped line up to `end`; None without any."""
    if not points:
        return None
    start = points[0][0]
    span = max(end - start, 1)
    corners: list[str] = []
    before = None
    for at, price in points:
        x = f"{(min(at, end) - start) * WIDTH / span:.1f}"
        if before is not None:
            corners.append(f"{x},{_y(before)}")
        corners.append(f"{x},{_y(price)}")
        before = price
    last = points[-1][1]
    corners.append(f"{WIDTH},{_y(last)}")
    drawn = " ".join(corners)
    return Line(drawn, f"0,{HEIGHT} {drawn} {WIDTH},{HEIGHT}", last, _y(last), start, max(end, start))


def _y(price: int) -> str:
    return f"{(100 - price) * HEIGHT / 100:.1f}"
