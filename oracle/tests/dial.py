"""A clock that a test sets by hand."""

from dataclasses import dataclass

from common.clock import SECOND


@dataclass
class Dial:
    """Answers `now` (µs) until it is turned. A Clock."""

    now: int = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def turn(self, *, seconds: int = 0, microseconds: int = 0) -> int:
        """Moves on (or back), and answers the new time."""
        self.now += seconds * SECOND + microseconds
        return self.now
