"""What an incoming order would do to a book: fills by price, then time, and self-trade prevention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Literal

from matching.book import Book, OrderT

SelfTradePrevention = Literal["cancel_newest", "cancel_oldest", "cancel_both"]
Stop = Literal["", "self_trade", "funds"]


@dataclass(slots=True)
class Incoming:
    """An order that looks for a counterparty.

    `limit` is None for a market order. `funds` bounds what a market buy may spend, in units of the
    quote asset: quantity × price / `scale`, bought in multiples of `lot`.
    """

    is_buy: bool
    quantity: int
    limit: int | None
    owner: str
    funds: int | None = None
    scale: int = 1
    lot: int = 1


@dataclass(slots=True)
class Match(Generic[OrderT]):
    """The result, in the order in which it happens.

    `steps` holds (resting order, quantity); quantity 0 means that self-trade prevention cancels the resting
    order. `remaining` is what the incoming order has left, `stopped` why it must not rest or go on.
    """

    steps: list[tuple[OrderT, int]]
    remaining: int
    stopped: Stop


def reachable(book: Book[OrderT], incoming: Incoming) -> Iterator[OrderT]:
    """The resting orders that `incoming` meets, best price first, then oldest first."""
    side = book.asks if incoming.is_buy else book.bids
    for price in side.prices():
        limit = price if incoming.limit is None else incoming.limit
        if price > limit if incoming.is_buy else price < limit:
            return
        yield from side.levels[price].orders.values()


def match(book: Book[OrderT], incoming: Incoming, prevention: SelfTradePrevention) -> Match[OrderT]:
    """Walk the book for `incoming` without changing it.

    Trades execute at the resting order's price. An own resting order is judged when it is met: `cancel_newest`
    stops the incoming order, `cancel_oldest` cancels the resting one and goes on, `cancel_both` does both.
    """
    steps: list[tuple[OrderT, int]] = []
    remaining, funds = incoming.quantity, incoming.funds
    for resting in reachable(book, incoming):
        if remaining == 0:
            break
        if resting.owner == incoming.owner:
            if prevention != "cancel_newest":
                steps.append((resting, 0))
            if prevention != "cancel_oldest":
                return Match(steps, remaining, "self_trade")
            continue
        wanted = quantity = min(resting.remaining, remaining)
        if funds is not None:
            affordable = funds * incoming.scale // resting.price
            quantity = min(quantity, affordable - affordable % incoming.lot)
            funds -= quantity * resting.price // incoming.scale
        if quantity:
            steps.append((resting, quantity))
            remaining -= quantity
        if quantity < wanted:  # nothing further back costs less, and nothing further back is met
            return Match(steps, remaining, "funds")
    return Match(steps, remaining, "")
