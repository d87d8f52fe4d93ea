"""The engine against matching's naive reference book, message by message, in cash and in leg-to-leg books."""

import pytest

from common.clock import SECOND
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.state import CASH, SessionState
from markets.tests.driver import STREAM, T0
from matching.tests.reference import Fill, ReferenceBook
from matching.tests.streams import Message, seeds, stream
from tests.guarantees.sizes import size

STREAMS = size(2_000, 20_000, 100_000)
FOR_LACK_OF = {"insufficient_units", "insufficient_cash", "quantity_filled"}


class Engine:
    """A session of four participants, each a user by the same name, on one book. Odd seeds trade leg against leg."""

    def __init__(self, prevention: str, *, leg_to_leg: bool) -> None:
        self.state = SessionState(STREAM)
        self.quote_asset = "NVDA" if leg_to_leg else CASH
        # Two decimals: lots of 0.1 and ticks of 0.1. What is held is little, so that some orders are refused.
        self.step, self.scale = (10, 100) if leg_to_leg else (1, 1)
        people = [c.Admission(participant=who, user=who) for who in "abcd"]
        self.do(
            c.CreateSession(
                session_id="demo",
                legs=("AAPL", "NVDA"),
                q=(160 * self.step, 12_000 * self.step**2 // self.scale),
                quantity_decimals=2,
                price_decimals=2,
                cash_per_participant=3_000,
                self_trade_prevention=prevention,
                participants=tuple(people),
            ),
            "organiser",
        )
        self.do(c.AssignAllocations(), "organiser")

    def do(self, command: c.Command, who: str) -> list[Event]:
        decided = SESSIONS.decide(self.state, command, Actor(who), T0 + SECOND)
        for event in decided:
            SESSIONS.evolve(self.state, event, T0 + SECOND)
        SESSIONS.check(self.state)
        return list(decided)

    def place(self, message: Message) -> list[Event]:
        command = c.PlaceOrder(
            participant=message.owner,
            asset="AAPL",
            quote_asset=self.quote_asset,
            is_buy=message.is_buy,
            quantity=message.quantity * self.step,
            price=message.price * self.step if message.kind == "limit" else 0,
            order_type=message.kind,
            time_in_force=message.time_in_force if message.kind == "limit" else "",
        )
        return self.do(command, message.owner)

    def replace(self, number: int, message: Message) -> list[Event]:
        command = c.ReplaceOrder(order=number, quantity=message.quantity * self.step, price=message.price * self.step)
        return self.do(command, self.state.orders[number].owner)


def told_by(events: list[Event], number: int) -> tuple[list[Fill], list[int]]:
    """The fills, and the resting orders that self-trade prevention cancelled."""
    fills = [(it.maker, it.taker, it.price, it.quantity) for it in events if isinstance(it, e.OrderMatched)]
    cancelled = [it.order for it in events if isinstance(it, e.OrderCancelled) and it.order != number]
    return fills, cancelled


def send(engine: Engine, naive: ReferenceBook, message: Message) -> bool:
    """Give both the same message, unless the engine refuses it. Answers whether it was done."""
    state, step = engine.state, engine.step
    if message.kind in ("limit", "market"):
        number, funds = state.facts.seq + 1, state.available(message.owner, engine.quote_asset)
        try:
            events = engine.place(message)
        except DomainError as refusal:
            if refusal.code not in FOR_LACK_OF:
                raise
            return False
        is_market = message.kind == "market"
        told = naive.place(
            number,
            message.owner,
            message.is_buy,
            message.quantity * step,
            None if is_market else message.price * step,
            message.time_in_force,
            funds=funds if is_market and message.is_buy else None,
            scale=engine.scale,
            lot=step,
        )
        assert told_by(events, number) == (told.fills, told.cancelled)
        return True
    if not state.orders:
        return False
    number = sorted(state.orders)[int(message.pick * len(state.orders))]
    if message.kind == "cancel":
        engine.do(c.CancelOrder(order=number), state.orders[number].owner)
        naive.cancel(number)
        return True
    filled = state.orders[number].filled
    try:
        events = engine.replace(number, message)
    except DomainError as refusal:
        if refusal.code not in FOR_LACK_OF:
            raise
        return False
    told = naive.replace(number, message.quantity * step - filled, message.price * step)
    assert told_by(events, number) == (told.fills, told.cancelled)
    return True


def compare(engine: Engine, naive: ReferenceBook) -> None:
    """The touch, and every resting order in its place."""
    book = engine.state.book("AAPL", engine.quote_asset)
    assert (book.bids.best, book.asks.best) == naive.touch()
    for is_buy in (True, False):
        side = book.bids if is_buy else book.asks
        queue = [
            (price, order.id, order.remaining)
            for price in side.prices()
            for order in side.levels[price].orders.values()
        ]
        assert queue == naive.queue(is_buy=is_buy)
        assert sum(level.quantity for level in side.levels.values()) == sum(rest for _, _, rest in queue)


@pytest.mark.timeout(7200)  # the long runs, on a busy machine
def test_random_streams_trade_as_in_the_naive_book() -> None:
    done = refused = 0
    for seed in seeds(STREAMS):
        prevention, messages = stream(seed)
        engine, naive = Engine(prevention, leg_to_leg=bool(seed % 2)), ReferenceBook(prevention)
        for place, message in enumerate(messages):
            try:
                was_done = send(engine, naive, message)
                compare(engine, naive)
            except Exception as error:
                raise AssertionError(f"seed {seed}, message {place}: {message}") from error
            done, refused = done + was_done, refused + (not was_done)
        assert list(SESSIONS.audit(engine.state)) == []
    assert refused < done / 3
