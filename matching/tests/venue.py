"""The least that can stand around a Book: it applies what `match` says, and remembers nothing else."""

from dataclasses import dataclass

from matching.book import Book
from matching.match import Incoming, Match, SelfTradePrevention, match
from matching.tests.reference import Fill


@dataclass
class Order:
    """A resting order."""

    id: int
    owner: str
    is_buy: bool
    price: int
    remaining: int


class Venue:
    """`prevention` is its self-trade mode. Orders are named by the numbers that the caller gives."""

    def __init__(self, prevention: SelfTradePrevention = "cancel_newest") -> None:
        self.book: Book[Order] = Book()
        self.open: dict[int, Order] = {}
        self.cancelled: list[int] = []
        self._prevention = prevention

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
    ) -> list[Fill]:
        """Match, then rest what may rest. Answers the fills; `cancelled` tells what self-trade prevention took."""
        self.cancelled = []
        found = match(self.book, Incoming(is_buy, quantity, limit, owner, funds, scale, lot), self._prevention)
        if time_in_force == "fok" and found.remaining:
            return []
        fills = self._apply(found, number)
        if found.remaining and not found.stopped and limit is not None and time_in_force != "ioc":
            order = self.open[number] = Order(number, owner, is_buy, limit, found.remaining)
            self.book.add(order)
        return fills

    def _apply(self, found: Match[Order], taker: int) -> list[Fill]:
        fills = []
        for resting, quantity in found.steps:
            if quantity == 0:
                self.cancel(resting.id)
                self.cancelled.append(resting.id)
                continue
            fills.append((resting.id, taker, resting.price, quantity))
            self.book.shrink(resting, quantity)
            resting.remaining -= quantity
            if resting.remaining == 0:
                self.cancel(resting.id)
        return fills

    def cancel(self, number: int) -> None:
        self.book.remove(self.open.pop(number))

    def replace(self, number: int, rest: int, limit: int) -> list[Fill]:
        """`rest` is what is to remain. Less at the same price keeps its place, all else begins anew."""
        self.cancelled = []
        order = self.open[number]
        if limit == order.price and rest <= order.remaining:
            self.book.shrink(order, order.remaining - rest)
            order.remaining = rest
            return []
        self.cancel(number)
        return self.place(number, order.owner, order.is_buy, rest, limit)

    def touch(self) -> tuple[int | None, int | None]:
        """(best bid, best ask)."""
        return self.book.bids.best, self.book.asks.best

    def queue(self, *, is_buy: bool) -> list[tuple[int | None, int, int]]:
        """(price, number, rest) of every resting order on one side, in the order in which they would be hit."""
        side = self.book.bids if is_buy else self.book.asks
        return [
            (price, order.id, order.remaining)
            for price in side.prices()
            for order in side.levels[price].orders.values()
        ]
