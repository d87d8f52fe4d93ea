"""What a command costs, and from which of its sender's buckets: the limits on order entry, one pair per exchange."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from common.ids import Actor
from ledger import entry
from ledger.entry import CANCELS, ORDERS
from ledger.tolls import Toll
from predictions.engine import commands as c

COSTS: Mapping[type[c.Command], tuple[str, int]] = {
    c.PlaceOrder: (ORDERS, 1),
    c.ReplaceOrder: (ORDERS, 1),
    c.ApproveOrder: (ORDERS, 1),
    c.SplitSets: (ORDERS, 1),
    c.MergeSets: (ORDERS, 1),
    c.Transfer: (ORDERS, 1),
    c.DrawFaucet: (ORDERS, 1),
    c.CreateMarket: (ORDERS, 1),
    c.RejectOrder: (CANCELS, 1),
    c.CancelOrder: (CANCELS, 1),
    c.CancelOrders: (CANCELS, 1),
}
"""Commands that are in no row are free: registering is counted by address, the rest is an organiser's or rare."""


def limits() -> dict[str, entry.Limit]:
    """The buckets that everybody has on every exchange; empty where this installation sets no limit."""
    return entry.limits(settings.ORDERS_PER_SECOND, settings.ORDER_BURST)


def toll(command: Any, actor: Actor) -> Toll | None:
    """What `actor` pays for `command`; None where it is free."""
    return entry.toll(COSTS.get(type(command)), limits(), actor)
