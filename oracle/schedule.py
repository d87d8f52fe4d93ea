"""Which ticks of a running sim or replay are due. Pure: no Django, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from common.errors import InvalidInput

MAX_LATE_TICKS = 100
MAX_TICK_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how long. A tick every `tick_ms`; `max_ticks` since the start, 0 = without end; a replay
    at its end begins again with `loop`, else it stops."""

    tick_ms: int = 1000
    max_ticks: int = 0
    loop: bool = False

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """From tick_ms, max_ticks and loop, where given. Raises InvalidInput naming settings.<key>."""
        default = cls()
        loop = values.get("loop", default.loop)
        if not isinstance(loop, bool):
            raise InvalidInput("settings.loop", "loop must be true or false.")
        return cls(
            tick_ms=_whole(values, "tick_ms", default.tick_ms, 1, MAX_TICK_MS),
            max_ticks=_whole(values, "max_ticks", default.max_ticks, 0, 10**15),
            loop=loop,
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Where a source stands: tick `start_position` was due at `started_at` (µs), `position` is the next to
    make, `run_ticks` were published since the start. `rows` is a replay's length, 0 for a sim."""

    pace: Pace
    started_at: int
    start_position: int
    position: int
    run_ticks: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Due:
    """The tick numbers to publish now, and where the source stands afterwards."""

    numbers: range
    position: int
    stop: bool
    start_position: int
    started_at: int


def due(run: Run, *, now: int) -> Due | None:
    """What is due at `now` (µs), None for nothing.

    Tick n is due at started_at + (n - start_position) × tick_ms. A late sim skips to the newest. A late
    replay makes at most MAX_LATE_TICKS; if more are missing its schedule moves, so that no row is lost and
    none comes in a storm.
    """
    tick_us = run.pace.tick_ms * 1000
    end = run.start_position + (now - run.started_at) // tick_us + 1
    if end <= run.position:
        return None
    start_position, started_at = run.start_position, run.started_at
    if run.rows:
        last = min(end, run.position + MAX_LATE_TICKS, _lap_end(run), _run_end(run))
        if end > run.position + MAX_LATE_TICKS:
            start_position, started_at = last, now + tick_us
        numbers = range(run.position, last)
    else:
        numbers = range(end - 1, end)
    position = numbers.stop
    done = run.run_ticks + len(numbers) == run.pace.max_ticks
    stop = done or (run.rows > 0 and position == _lap_end(run))
    return Due(numbers, position, stop, start_position, started_at)


def is_restart(number: int, *, rows: int) -> bool:
    """Whether tick `number` of a replay of `rows` rows begins it again."""
    return number > 0 and number % rows == 0


def _lap_end(run: Run) -> int:
    """The number at which a replay without loop stops."""
    if run.pace.loop:
        return run.position + MAX_LATE_TICKS + 1  # beyond what one call makes
    return (run.start_position // run.rows + 1) * run.rows


def _run_end(run: Run) -> int:
    if not run.pace.max_ticks:
        return run.position + MAX_LATE_TICKS + 1
    return run.position + run.pace.max_ticks - run.run_ticks


def _whole(values: Mapping[str, object], key: str, default: int, low: int, high: int) -> int:
    value = values.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(f"settings.{key}", f"{key} must be a whole number from {low} to {high}.")
    return value
