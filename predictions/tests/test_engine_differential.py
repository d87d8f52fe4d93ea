"""The engine against pyclob, a binary order book from the registry, where the two have the same rules.

There, a sale is a purchase of the other outcome and nobody closes a position, so both sides only ever buy here, each
agent one outcome; orders rest, are met in part, and are cancelled; there are no fees.
"""

import random

import pyclob
import pytest

from predictions.engine import commands as c
from predictions.engine.pricing import CENT
from predictions.engine.records import Trade
from predictions.tests.driver import Floor

BULLS, BEARS = ("ann", "ben", "cat"), ("dan", "eve", "fay")


class Both:
    """The same orders on both books."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.floor = Floor(trading_fee=0, settlement_fee=0, moderator_share=0, moderator_bonus=0)
        self.floor.agent(*BULLS, *BEARS)
        self.floor.market()
        self.book = pyclob.OrderBook("m")
        self.accounts = {name: pyclob.Account(name, 100_000) for name in (*BULLS, *BEARS)}
        self.theirs: dict[int, pyclob.Order] = {}

    def place(self) -> None:
        who = self.chance.choice((*BULLS, *BEARS))
        size, price = self.chance.randint(1, 30), self.chance.randint(44, 56)
        is_bull = who in BULLS
        side = pyclob.Side.BUY if is_bull else pyclob.Side.SELL
        order = pyclob.Order(account_id=who, side=side, price=price, qty=size)
        fills = self.book.place_order(order, self.accounts)
        traded = len(self.floor.trades())
        number = self.floor.place(who, *(("buy YES", size, price) if is_bull else ("buy NO", size, 100 - price)))
        self.theirs[number] = order
        ours = [(trade.price, trade.size, self.makers_of(trade)) for trade in self.floor.trades()[traded:]]
        assert ours == [(fill.price, fill.qty, fill.maker_order_id) for fill in fills]

    def makers_of(self, trade: Trade) -> str:
        return str(self.theirs[trade.ask_order if trade.taker_is_bidder else trade.bid_order].id)

    def cancel(self) -> None:
        if self.floor.state.orders:
            number = self.chance.choice(sorted(self.floor.state.orders))
            agent = self.floor.state.agents[self.floor.live(number).agent]
            left = self.floor.live(number).remaining
            self.floor.do(c.CancelOrder(order=number), self.floor.by(agent.user.removeprefix("user-")))
            assert self.book.cancel_order(self.theirs[number].id, self.accounts) == left

    def compare(self) -> None:
        book = self.floor.state.book(self.floor.numbers["m"])
        assert (book.bids.best, book.asks.best) == (self.book.best_bid, self.book.best_ask)
        theirs = self.book.depth(20)
        for is_buy, side in ((True, "bids"), (False, "asks")):
            ours = [(price, size) for price, size, _ in book.depth(is_buy=is_buy, limit=20)]
            assert ours == [(level["price"], level["qty"]) for level in theirs[side]]
        for name, account in self.accounts.items():
            assert self.floor.who(name).available == account.bankroll_c * CENT
            held = self.floor.held(name)
            assert held.yes - held.no == account.get_position("m").shares


@pytest.mark.parametrize("seed", range(12))
def test_both_books_trade_alike_and_pay_alike(seed: int) -> None:
    both = Both(seed)
    for _ in range(150):
        both.cancel() if both.chance.random() < 0.25 else both.place()
        both.compare()
    won = seed % 2 == 0
    both.floor.resolve("", "YES" if won else "NO")
    both.book.settle(won, both.accounts)
    for name, account in both.accounts.items():
        assert both.floor.who(name).balance == both.floor.who(name).available == account.bankroll_c * CENT
