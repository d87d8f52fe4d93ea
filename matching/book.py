"""The price-time order book: who is next, and at what price. Pure; it knows no money and no venue."""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Resting(Protocol):
    """What a book needs of an order. `owner` is whoever must not trade with themselves."""

    @property
    def id(self) -> int: ...
    @property
    def owner(self) -> str: ...
    @property
    def is_buy(self) -> bool: ...
    @property
    def price(self) -> int: ...
    @property
    def remaining(self) -> int: ...


OrderT = TypeVar("OrderT", bound=Resting)


class Level(Generic[OrderT]):
    """The orders at one price, oldest first, and the quantity they add up to."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        # OrderedDict: a plain dict that is consumed from its front scans over the holes it left there.
        self.orders: OrderedDict[int, OrderT] = OrderedDict()
        self.quantity = 0


class Side(Generic[OrderT]):
    """One side of a book: price levels, the best one last, so that taking it is O(1)."""

    __slots__ = ("_ranks", "_sign", "levels")

    def __init__(self, *, is_buy: bool) -> None:
        self._sign = 1 if is_buy else -1
        self._ranks: list[int] = []  # price for bids, -price for asks, ascending
        self.levels: dict[int, Level[OrderT]] = {}

    @property
    def best(self) -> int | None:
        """The best price, None when the side is empty."""
        return self._ranks[-1] * self._sign if self._ranks else None

    def prices(self) -> Iterator[int]:
        """Prices from best to worst."""
        sign = self._sign
        return (rank * sign for rank in reversed(self._ranks))

    def add(self, order: OrderT) -> None:
        """Queue `order` behind all others at its price."""
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = Level()
            insort(self._ranks, order.price * self._sign)
        level.orders[order.id] = order
        level.quantity += order.remaining

    def remove(self, order: OrderT) -> None:
        """Take `order` out, whatever remains of it."""
        level = self.levels[order.price]
        del level.orders[order.id]
        level.quantity -= order.remaining
        if not level.orders:
            del self.levels[order.price]
            del self._ranks[bisect_left(self._ranks, order.price * self._sign)]


class Book(Generic[OrderT]):
    """Both sides. Orders keep their place until `remove`; `fill` and `shrink` only change quantities."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids: Side[OrderT] = Side(is_buy=True)
        self.asks: Side[OrderT] = Side(is_buy=False)

    def add(self, order: OrderT) -> None:
        """Rest `order`, behind all others at its price."""
        (self.bids if order.is_buy else self.asks).add(order)

    def remove(self, order: OrderT) -> None:
        """Take `order` out. Its `remaining` must be what the book last heard of."""
        (self.bids if order.is_buy else self.asks).remove(order)

    def shrink(self, order: OrderT, by: int) -> None:
        """Tell the book that `order.remaining` is about to fall by `by`, keeping its place."""
        (self.bids if order.is_buy else self.asks).levels[order.price].quantity -= by

    def is_crossed(self) -> bool:
        """Whether the best bid is at or above the best ask: never true at rest."""
        bid, ask = self.bids.best, self.asks.best
        return bid is not None and ask is not None and bid >= ask

    def depth(self, *, is_buy: bool, limit: int) -> list[tuple[int, int, int]]:
        """Up to `limit` levels from the best: (price, quantity, number of orders)."""
        side = self.bids if is_buy else self.asks
        found: list[tuple[int, int, int]] = []
        for price in side.prices():
            if len(found) == limit:
                break
            level = side.levels[price]
            found.append((price, level.quantity, len(level.orders)))
        return found
