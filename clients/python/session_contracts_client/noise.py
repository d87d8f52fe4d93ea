"""A noise trader: small orders at random, and now and then an RFQ whose best quote it takes."""

import argparse
import random
import time
from decimal import Decimal

from session_contracts_client.bot import Bot, cut, log
from session_contracts_client.client import Client
from session_contracts_client.feed import Feed
from session_contracts_client.follower import Message
from session_contracts_client.market import CASH
from session_contracts_client.shapes import Quote, Session, Trade

_PATIENCE_S = 2.0
"""How long it waits for quotes before it takes the best."""


class Noise(Bot):
    """Trades without a thought, never more than it has. The same seed decides alike in the same market."""

    purpose = "Trade small amounts at random."

    def __init__(
        self, client: Client, feed: Feed, session_id: str, *, every_s: float = 2.0, seed: int | None = None
    ) -> None:
        super().__init__(client, feed, session_id)
        self._every_s, self._random = every_s, random.Random(seed)  # noqa: S311  noise guards nothing
        self._next_at = time.monotonic() + every_s
        self._choose_at: dict[str, float] = {}

    @classmethod
    def add_arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=2.0, help="seconds between trades, on average (2)")
        parser.add_argument("--seed", type=int, help="of its whims")

    @classmethod
    def made(cls, client: Client, feed: Feed, options: argparse.Namespace) -> "Noise":
        return cls(client, feed, options.session, every_s=options.every, seed=options.seed)

    def hear(self, message: Message) -> None:
        match message.data:
            case Trade() as trade if not message.is_late and self.market.participant_id in {
                trade.participant_a,
                trade.participant_b,
            }:
                log.info("%s %s for %s %s", trade.amount_from, trade.leg_from, trade.amount_to, trade.leg_to)

    def look(self) -> None:
        session, now = self.market.session, time.monotonic()
        if not self.may_trade or session is None:
            return
        for rfq_id, choose_at in list(self._choose_at.items()):
            if now >= choose_at:
                del self._choose_at[rfq_id]
                self._choose(rfq_id)
        if now >= self._next_at:
            self._next_at = now + self._random.expovariate(1 / self._every_s)
            if self._random.random() < 0.15 and len(session.legs) > 1:
                self._ask(session)
            else:
                self._trade(session)

    def leave(self) -> None:
        self.client.cancel_orders(self.session_id)

    def _trade(self, session: Session) -> None:
        """Half a percent of the leg at most: at the market, or near it for a while."""
        leg, side = self._random.choice(session.legs), self._random.choice(("buy", "sell"))
        price, quantity = self.market.prices.get(leg), self._amount(session, leg)
        if not price:
            return
        limit = cut(price * (1 + Decimal(self._random.randint(-20, 20)) / 10_000), session.price_decimals)
        has = self.market.holdings[leg if side == "sell" else CASH].available
        if not quantity or not limit or has < (quantity if side == "sell" else quantity * limit):
            return
        if self._random.random() < 0.5:
            self.client.place_order(self.session_id, leg, side, quantity)
            return
        if len(self.market.orders) >= 5:
            self.client.cancel_order(min(self.market.orders.values(), key=lambda order: order.created_at).order_id)
        self.client.place_order(self.session_id, leg, side, quantity, limit)

    def _ask(self, session: Session) -> None:
        leg_from, leg_to = self._random.sample(session.legs, 2)
        amount = self._amount(session, leg_from)
        if amount and self.market.holdings[leg_from].available >= amount:
            rfq = self.client.request_quote(self.session_id, leg_from, leg_to, amount, expires_in=20)
            self._choose_at[rfq.rfq_id] = time.monotonic() + _PATIENCE_S

    def _choose(self, rfq_id: str) -> None:
        """Take the best quote, unless it is a bad one."""
        rfq = self.market.rfqs.get(rfq_id)
        offers = [quote for quote in self.market.quotes.values() if quote.rfq_id == rfq_id]
        if rfq is None or not offers:
            return
        best: Quote = max(offers, key=lambda quote: quote.rate)
        price_from, price_to = self.market.prices.get(rfq.leg_from), self.market.prices.get(rfq.leg_to)
        if price_from and price_to and best.rate > price_from / price_to * Decimal("0.98"):
            self.client.accept_quote(best.quote_id)

    def _amount(self, session: Session, leg: str) -> Decimal:
        whole = session.q[session.legs.index(leg)]
        return cut(whole * Decimal(self._random.randint(5, 50)) / 10_000, session.quantity_decimals)


if __name__ == "__main__":
    Noise.main()
