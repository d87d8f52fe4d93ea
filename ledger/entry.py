"""The two buckets of order entry, whatever is traded: orders, and cancels, twice as large, so that one gets out."""

from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from common.ids import CLOCK, OPERATOR, Actor
from ledger.runtime import runtime
from ledger.tolls import Toll

ORDERS, CANCELS = "orders", "cancels"
BURST_SECONDS = 10
_TIMES = {ORDERS: 1, CANCELS: 2}
_FREE = {CLOCK.id, OPERATOR.id}


class Limit(NamedTuple):
    """A bucket: `burst` tokens at most, `rate` of them back a second."""

    rate: int
    burst: int


def limits(rate: int, burst: int = 0) -> dict[str, Limit]:
    """The two buckets; empty where `rate` is 0. Where no burst is named, ten seconds' worth."""
    return _limits(rate, burst or BURST_SECONDS * rate)


@lru_cache(maxsize=64)
def _limits(rate: int, burst: int) -> dict[str, Limit]:
    return {bucket: Limit(times * rate, times * burst) for bucket, times in _TIMES.items()} if rate else {}


def toll(cost: tuple[str, int] | None, of: dict[str, Limit], actor: Actor) -> Toll | None:
    """What `actor` pays for a command with this (bucket, cost); None where it is free."""
    if cost is None or actor.id in _FREE:
        return None
    limit = of.get(cost[0])
    return limit and Toll(*cost, *limit)


def headers(stream: UUID, actor: Actor, bucket: str, limit: Limit) -> dict[str, str]:
    """What the answer to something that takes from a bucket tells of it."""
    left = runtime.tokens(stream, actor, Toll(bucket, 0, *limit))
    return {
        "RateLimit-Policy": f'"{bucket}";q={limit.burst};w={-(-limit.burst // limit.rate)}',
        "RateLimit": f'"{bucket}";r={left}',
    }
