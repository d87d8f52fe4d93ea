"""Time as integer microseconds since 1970, UTC. No Django."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from common.errors import InvalidInput

Clock = Callable[[], int]
SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""The last moment that can be shown: the end of the year 9999."""


def now_us() -> int:
    """The wall clock in integer microseconds."""
    return time.time_ns() // 1000


def to_datetime(microseconds: int) -> datetime:
    """Integer microseconds → an aware UTC datetime, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def from_datetime(moment: datetime) -> int:
    """A datetime → integer microseconds, exactly; one without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def isoformat(microseconds: int) -> str:
    """RFC 3339, UTC, microseconds: `2026-01-31T09:00:00.000000Z`."""
    return to_datetime(microseconds).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: object, field: str) -> int:
    """An RFC 3339 or ISO 8601 text (UTC if it names no zone) → integer microseconds.

    Raises InvalidInput naming `field`; also where UTC would leave the years 1 to 9999 and could not be shown again.
    """
    if isinstance(text, str) and re.match(r"\d{4}-\d\d-\d\d", text):
        try:
            moment = datetime.fromisoformat(text)
            return from_datetime(moment.astimezone(UTC) if moment.tzinfo else moment)
        except (ValueError, OverflowError):
            pass
    raise InvalidInput(field, f"{field} must be a date and time such as 2026-01-31T09:00:00Z.")
