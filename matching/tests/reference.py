"""A book as a plain list, scanned and sorted anew for every single fill: slow, obvious, independent of matching."""

from copy import deepcopy
from dataclasses import dataclass, field

Fill = tuple[int, int, int, int]
"""(maker, taker, price, quantity)"""


@dataclass
class Listed:
    """An order in the list. `limit` None: at any price."""

    number: int
    owner: str
    is_buy: bool
    limit: int | None
    rest: int
    since: int


@dataclass
class Told:
    """What came of one message. `reason` is why the order did not rest, "" if it rests or was filled."""

    fills: list[Fill] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    reason: str = ""


class ReferenceBook:
    def __init__(self, prevention: str) -> None:
        self.prevention = prevention
        self.orders: list[Listed] = []
        self._moment = 0

    def place(
        self,
        number: int,
        owner: str,
        is_buy: bool,
        quantity: int,
        limit: int | None,
        time_in_force: str = "gtc",
        *,
        funds: int | None = None,
        scale: int = 1,
        lot: int = 1,
    ) -> Told:
        """`funds`, in units of quantity × price / scale, bounds a market buy, which takes multiples of `lot`."""
        self._moment += 1
        incoming = Listed(number, owner, is_buy, limit, quantity, self._moment)
        if time_in_force == "fok":
            rehearsal = deepcopy(self)
            if rehearsal._take(deepcopy(incoming), Told(), None, 1, 1) or rehearsal.left:
                return Told(reason="unfilled")
        told = Told()
        told.reason = self._take(incoming, told, funds, scale, lot)
        if incoming.rest and not told.reason:
            if limit is None or time_in_force == "ioc":
                told.reason = "unfilled"
            else:
                self.orders.append(incoming)
        return told

    left = 0
    """What the last incoming order had left."""

    def _take(self, incoming: Listed, told: Told, funds: int | None, scale: int, lot: int) -> str:
        reason = ""
        while incoming.rest and not reason:
            first = self._first_for(incoming)
            if first is None:
                break
            assert first.limit is not None
            if first.owner == incoming.owner:
                if self.prevention in ("cancel_oldest", "cancel_both"):
                    self.orders.remove(first)
                    told.cancelled.append(first.number)
                if self.prevention in ("cancel_newest", "cancel_both"):
                    reason = "self_trade"
                continue
            size = min(first.rest, incoming.rest)
            if funds is not None:
                while size > 0 and (size % lot or size * first.limit > funds * scale):
                    size -= 1
                if size == 0:
                    reason = "funds"
                    continue
                funds -= size * first.limit // scale
            told.fills.append((first.number, incoming.number, first.limit, size))
            first.rest -= size
            incoming.rest -= size
            self.orders = [order for order in self.orders if order.rest]
        self.left = incoming.rest
        return reason

    def _first_for(self, incoming: Listed) -> Listed | None:
        facing = []
        for order in self.orders:
            assert order.limit is not None
            if order.is_buy == incoming.is_buy:
                continue
            if incoming.limit is not None:
                if incoming.is_buy and order.limit > incoming.limit:
                    continue
                if not incoming.is_buy and order.limit < incoming.limit:
                    continue
            facing.append((order.limit if incoming.is_buy else -order.limit, order.since, order.number, order))
        return min(facing)[3] if facing else None

    def cancel(self, number: int) -> None:
        self.orders = [order for order in self.orders if order.number != number]

    def replace(self, number: int, rest: int, limit: int) -> Told:
        """`rest` is what is to remain. Less at the same price keeps its place, all else begins anew."""
        order = next(order for order in self.orders if order.number == number)
        if limit == order.limit and rest <= order.rest:
            order.rest = rest
            return Told()
        self.cancel(number)
        return self.place(number, order.owner, order.is_buy, rest, limit)

    def touch(self) -> tuple[int | None, int | None]:
        """(best bid, best ask)."""
        bids = [order.limit for order in self.orders if order.is_buy and order.limit is not None]
        asks = [order.limit for order in self.orders if not order.is_buy and order.limit is not None]
        return max(bids, default=None), min(asks, default=None)

    def queue(self, *, is_buy: bool) -> list[tuple[int | None, int, int]]:
        """(price, number, rest) of every resting order on one side, in the order in which they would be hit."""
        side = [order for order in self.orders if order.is_buy == is_buy]
        side.sort(key=lambda order: ((order.limit or 0) * (-1 if is_buy else 1), order.since))
        return [(order.limit, order.number, order.rest) for order in side]
