"""What a command costs, and from which of its sender's buckets: the limits on order entry.

Orders and cancels are paid from different buckets, so that whoever sent too much can still get out. Refusals cost as
much as what is done; a repeat of what was done before is free. docs/limits.md tells how it is held.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings

from common.ids import Actor
from ledger import entry, store
from ledger.entry import CANCELS as CANCELS
from ledger.entry import ORDERS as ORDERS
from ledger.entry import Limit
from ledger.tolls import Toll
from markets.engine import commands as c
from markets.engine.events import Bounds

COSTS: Mapping[type[c.Command], tuple[str, int]] = {
    c.PlaceOrder: (ORDERS, 1),
    c.ReplaceOrder: (ORDERS, 1),
    c.RequestQuote: (ORDERS, 1),
    c.ProvideQuote: (ORDERS, 1),
    c.AcceptQuote: (ORDERS, 1),
    c.CancelOrder: (CANCELS, 1),
    c.CancelOrders: (CANCELS, 1),
    c.CancelRfq: (CANCELS, 1),
    c.WithdrawQuote: (CANCELS, 1),
}
"""Commands that are in no row are free."""


def limits(bounds: Bounds) -> dict[str, Limit]:
    """The buckets that everybody has in a session with these bounds; empty where there is no limit.

    The session's own numbers, else the installation's; where no burst is named, ten seconds' worth.
    """
    rate, burst = bounds.orders_per_second, bounds.order_burst
    if not rate:
        rate, burst = settings.ORDERS_PER_SECOND, burst or settings.ORDER_BURST
    return entry.limits(rate, burst)


def toll(bounds: Bounds, command: Any, actor: Actor) -> Toll | None:
    """What `actor` pays for `command`; None where it is free."""
    return entry.toll(COSTS.get(type(command)), limits(bounds), actor)


def left(stream: UUID, bounds: Bounds, actor: Actor, now: int) -> dict[str, int]:
    """How many tokens an actor has in each bucket. One query."""
    full_at = {bucket: moment for _, bucket, moment in store.buckets(stream, [actor.id])}
    return {
        bucket: Toll(bucket, 0, *limit).left(full_at.get(bucket, 0), now) for bucket, limit in limits(bounds).items()
    }
