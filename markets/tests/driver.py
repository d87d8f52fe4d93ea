"""A session without a database: what is due, then the command, each event by way of its text, as at runtime."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from common.clock import SECOND
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger.codec import canonical
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.state import CASH, TREASURY, Order, Quote, Rfq, SessionState, Trade

STREAM = UUID("9d5f3c3e-2b70-4d4b-8f57-0a3d7c1b2e4f")
T0 = 1_800_000_000 * SECOND
MINUTE = 60 * SECOND
OLIVIA = Actor("olivia")
"""The organiser of every session made here."""
PEOPLE = ("alice", "bob", "carol")


def user(handle: str) -> Actor:
    """Who holds this handle."""
    return Actor(f"user-{handle}")


def names(events: Sequence[Event]) -> list[str]:
    """The events' types, in order."""
    return [type(event).__name__ for event in events]


class Market:
    """One session, from its creation on. Whole numbers of everything unless `terms` say otherwise.

    AAPL 120 and NVDA 60 are split among alice, bob and carol, who have 100,000 in cash each.
    """

    def __init__(self, *, people: Sequence[str] = PEOPLE, split: bool = True, **terms: Any) -> None:
        self.now = T0
        self.state = SessionState(STREAM)
        self.log: list[tuple[int, Event]] = []
        plain = {
            "session_id": "demo",
            "legs": ("AAPL", "NVDA"),
            "q": (120, 60),
            "quantity_decimals": 0,
            "price_decimals": 0,
            "cash_per_participant": 100_000,
        }
        admitted = tuple(c.Admission(participant=handle, user=user(handle).id) for handle in people)
        self.do(c.CreateSession(**{**plain, "participants": admitted, **terms}))
        if split and people:
            self.do(c.AssignAllocations())

    # Doing

    def do(self, command: c.Command, actor: Actor = OLIVIA) -> list[Event]:
        """What is due, then `command`. Answers the command's own events."""
        self.pass_due()
        decided = SESSIONS.decide(self.state, command, actor, self.now)
        self.apply(decided)
        return list(decided)

    def refuse(self, command: c.Command, actor: Actor = OLIVIA) -> DomainError:
        """The refusal of `command`, which must not change anything."""
        self.pass_due()
        before = self.text()
        with pytest.raises(DomainError) as caught:
            SESSIONS.decide(self.state, command, actor, self.now)
        assert self.text() == before
        assert caught.value.detail.endswith(".")
        return caught.value

    def pass_due(self) -> list[Event]:
        """What time makes happen up to now."""
        passed: list[Event] = []
        while due := SESSIONS.due(self.state, self.now):
            self.apply(due)
            passed += due
        return passed

    def wait(self, *, seconds: float) -> list[Event]:
        """Let time pass, then see what it made happen."""
        self.now += round(seconds * SECOND)
        return self.pass_due()

    def apply(self, decided: Sequence[Event]) -> None:
        """Write down what was decided."""
        for event in decided:
            kind, text = type(event).__name__, canonical(event)
            read = SESSIONS.events.decode(kind, event.VERSION, text)
            assert read == event
            assert canonical(read) == text
            SESSIONS.evolve(self.state, read, self.now)
            self.log.append((self.now, read))
        SESSIONS.check(self.state)
        assert list(SESSIONS.audit(self.state)) == []

    # Short ways

    def order(self, handle: str, side: str, quantity: int, price: int = 0, **terms: Any) -> c.PlaceOrder:
        """A limit order on AAPL, or a market order where there is no price."""
        plain = {"asset": "AAPL", "order_type": "limit" if price else "market"}
        return c.PlaceOrder(
            participant=handle, is_buy=side == "buy", quantity=quantity, price=price, **{**plain, **terms}
        )

    def place(self, handle: str, side: str, quantity: int, price: int = 0, **terms: Any) -> int:
        """Place an order in its owner's name. Answers its number."""
        self.pass_due()
        number = self.state.facts.seq + 1
        self.do(self.order(handle, side, quantity, price, **terms), user(handle))
        return number

    def refuse_order(self, handle: str, side: str, quantity: int, price: int = 0, **terms: Any) -> DomainError:
        """The refusal of an order in its owner's name."""
        return self.refuse(self.order(handle, side, quantity, price, **terms), user(handle))

    def ask(self, handle: str, amount: int, *, expires_in: int = 0) -> int:
        """An RFQ of AAPL into NVDA. Answers its number."""
        rfq = c.RequestQuote(
            participant=handle, leg_from="AAPL", leg_to="NVDA", amount_from=amount, expires_in=expires_in
        )
        self.do(rfq, user(handle))
        return self.state.facts.seq

    def quote(self, handle: str, rfq: int, rate: int, *, firm: bool = False, expires_in: int = 0) -> int:
        """A quote at `rate` (in 10^-8). Answers its number."""
        offer = c.ProvideQuote(rfq=rfq, participant=handle, rate=rate, firm=firm, expires_in=expires_in)
        self.do(offer, user(handle))
        return self.state.facts.seq

    def settle(self, **prices: int) -> list[Event]:
        """Close if need be, and settle at these prices."""
        if self.state.facts.status != "closed":
            self.do(c.CloseSession())
        return self.do(c.SettleSession(fixing=fixing(**prices)))

    # Looking

    def text(self) -> str:
        """The whole state as its one canonical text."""
        return canonical(SESSIONS.dump(self.state))

    def held(self, handle: str, asset: str = "AAPL") -> tuple[int, int]:
        """(total, reserved)."""
        holding = self.state.held(handle, asset)
        return holding.total, holding.reserved

    def owns(self, handle: str) -> tuple[int, ...]:
        """Totals of each leg, then cash."""
        return tuple(self.state.held(handle, asset).total for asset in (*self.state.facts.legs, CASH))

    def treasury(self) -> tuple[int, ...]:
        """Totals of each leg, then cash, of the treasury."""
        return self.owns(TREASURY)

    def seen(self, number: int) -> Order:
        """An order, open or over."""
        return self.state.changed.orders[number]

    def rfq(self, number: int) -> Rfq:
        """An RFQ, open or over."""
        return self.state.changed.rfqs[number]

    def offer(self, number: int) -> Quote:
        """A quote, open or over."""
        return self.state.changed.quotes[number]

    def trades(self) -> list[Trade]:
        """Every trade so far."""
        return self.state.changed.trades

    def fills(self) -> list[tuple[int, int, int, int]]:
        """Every order-book trade so far: (maker, taker, price, quantity)."""
        return [(trade.maker, trade.taker, trade.price, trade.amount_from) for trade in self.trades() if trade.maker]

    def touch(self, asset: str = "AAPL", quote_asset: str = CASH) -> tuple[int | None, int | None]:
        """(best bid, best ask)."""
        book = self.state.book(asset, quote_asset)
        return book.bids.best, book.asks.best


def fixing(**prices: int) -> e.Fixing:
    """A fixing typed by hand."""
    return e.Fixing("manual", T0, prices)


def fold(log: Sequence[tuple[int, Event]]) -> SessionState:
    """The state that these events fold to, without any decision."""
    state = SessionState(STREAM)
    for at, event in log:
        SESSIONS.evolve(state, event, at)
    return state
