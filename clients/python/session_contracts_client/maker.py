"""A market maker: quotes both sides of every leg around its last price, and answers RFQs at a rate from prices.

It sells only what it holds and buys for a share of its cash, and takes everything back when prices stop coming.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from session_contracts_client.bot import Bot, cut, log
from session_contracts_client.client import Client, cancel_entry, order_entry
from session_contracts_client.feed import Feed
from session_contracts_client.follower import Message
from session_contracts_client.market import CASH, Market
from session_contracts_client.shapes import Order, Rfq, Tick

_RATE = Decimal("0.00000001")
_REQUOTE_EVERY_S = 1.0


@dataclass(frozen=True)
class Terms:
    """How it quotes. Shares and distances are fractions: 0.001 is a tenth of a percent."""

    spread: Decimal = Decimal("0.002")
    """From the last price to the first level, and from level to level."""
    levels: int = 3
    size: Decimal = Decimal("0.01")
    """Of each level, as a share of the session's whole quantity of the leg."""
    move: Decimal = Decimal("0.001")
    """How far a price may go before its leg is quoted anew."""
    margin: Decimal = Decimal("0.002")
    """Of an RFQ's rate."""
    stale_s: float = 5.0
    """Without a tick for so long, nothing is quoted."""


@dataclass(frozen=True)
class Wanted:
    """A quote to place."""

    side: str
    quantity: Decimal
    price: Decimal


def quotes(market: Market, leg: str, terms: Terms) -> Iterator[Wanted]:
    """What to quote on a leg once nothing of ours rests there: never more than is ours to give."""
    session, price = market.session, market.prices.get(leg)
    assert session is not None
    if not price:
        return
    resting = [order for order in market.orders.values() if (order.asset, order.quote_asset) == (leg, CASH)]
    units = market.holdings[leg].available + sum(o.remaining_quantity for o in resting if o.side == "sell")
    budget = market.holdings[CASH].total / (len(session.legs) + 1)
    size = cut(session.q[session.legs.index(leg)] * terms.size, session.quantity_decimals)
    for level in range(1, terms.levels + 1):
        ask = cut(price * (1 + terms.spread * level), session.price_decimals)
        bid = cut(price * (1 - terms.spread * level), session.price_decimals)
        selling = min(size, units)
        if selling > 0 and ask > price:
            units -= selling
            yield Wanted("sell", selling, ask)
        buying = min(size, cut(budget / bid, session.quantity_decimals)) if bid else Decimal(0)
        if buying > 0:
            budget -= buying * bid
            yield Wanted("buy", buying, bid)


def rate(market: Market, rfq: Rfq, terms: Terms) -> Decimal | None:
    """What we give of leg_to for one of leg_from; None where there is no price or we don't have that much."""
    price_from, price_to = market.prices.get(rfq.leg_from), market.prices.get(rfq.leg_to)
    if not price_from or not price_to:
        return None
    fair = (price_from / price_to * (1 - terms.margin)).quantize(_RATE, rounding=ROUND_DOWN)
    return fair if 0 < fair * rfq.amount_from <= market.holdings[rfq.leg_to].available else None


class Maker(Bot):
    """Requotes a leg when its price has moved, or one of its quotes was filled."""

    purpose = "Quote both sides of every leg around its last price, and answer RFQs."

    def __init__(self, client: Client, feed: Feed, session_id: str, *, terms: Terms | None = None) -> None:
        super().__init__(client, feed, session_id)
        self._terms = terms or Terms()
        self._ticked_at = float("-inf")
        self._quoted: dict[str, tuple[Decimal, float]] = {}
        self._filled: set[str] = set()
        self._answered: set[str] = set()

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        usual = Terms()
        parser.add_argument("--spread", type=Decimal, default=usual.spread)
        parser.add_argument("--levels", type=int, default=usual.levels)
        parser.add_argument("--size", type=Decimal, default=usual.size)
        parser.add_argument("--margin", type=Decimal, default=usual.margin)

    @classmethod
    def made(cls, client: Client, feed: Feed, options: argparse.Namespace) -> "Maker":
        terms = Terms(spread=options.spread, levels=options.levels, size=options.size, margin=options.margin)
        return cls(client, feed, options.session, terms=terms)

    def hear(self, message: Message) -> None:
        match message.data:
            case Tick() if not message.is_late:
                self._ticked_at = time.monotonic()
            case Order() as order if order.trades:
                self._filled.add(order.asset)

    def look(self) -> None:
        if not self.may_trade:
            self._quoted.clear()
            return
        if time.monotonic() - self._ticked_at > self._terms.stale_s:
            self.leave()
            return
        for leg in self.market.session.legs if self.market.session else ():
            if self._is_due(leg):
                self._requote(leg)
        for rfq in list(self.market.rfqs.values()):
            self._answer(rfq)

    def leave(self) -> None:
        """Nothing of ours is left for others to take."""
        self._quoted.clear()
        if self.market.orders:
            gone = self.client.cancel_orders(self.session_id)
            log.info("%d orders cancelled", len(gone))
        for quote in list(self.market.quotes.values()):
            if quote.quoter_id == self.market.participant_id:
                self.client.withdraw_quote(quote.quote_id)

    def _is_due(self, leg: str) -> bool:
        price = self.market.prices.get(leg)
        at, when = self._quoted.get(leg, (None, 0.0))
        if not price or time.monotonic() - when < _REQUOTE_EVERY_S:
            return False
        return at is None or leg in self._filled or abs(price - at) > at * self._terms.move

    def _requote(self, leg: str) -> None:
        """Old quotes go and new ones come in one transaction; what is refused is tried again with the next move."""
        own = [order for order in self.market.orders.values() if (order.asset, order.quote_asset) == (leg, CASH)]
        entries = [cancel_entry(order.order_id) for order in own]
        entries += [
            order_entry(leg, quote.side, quote.quantity, quote.price, post_only=True)
            for quote in quotes(self.market, leg, self._terms)
        ]
        self._quoted[leg] = (self.market.prices[leg], time.monotonic())
        self._filled.discard(leg)
        if entries:
            results = self.client.bulk(self.session_id, entries)
            for result in results:
                if result.error is not None:
                    log.debug("%s: %s", leg, result.error.detail)

    def _answer(self, rfq: Rfq) -> None:
        if rfq.rfq_id in self._answered or rfq.requester_id == self.market.participant_id:
            return
        self._answered.add(rfq.rfq_id)
        offered = rate(self.market, rfq, self._terms)
        if offered is not None:
            self.client.quote(rfq.rfq_id, offered, expires_in=30)
            log.info("%s asked for %s: %s %s each", rfq.requester_id, rfq.leg_from, offered, rfq.leg_to)


if __name__ == "__main__":
    Maker.main()
