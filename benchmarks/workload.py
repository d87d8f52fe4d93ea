"""The seeded workload: commands for one session, made with the engine in the loop so that each names what is live.

Every number that a command names is the seq that the runtime will give, so a run that sends the commands in order
must end in the very state that the workload is in: benchmarks/check.py compares the two.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from common.events import Event
from common.ids import Actor
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide import dispatch
from markets.engine.evolve import evolve, forget_changes
from markets.engine.state import Order, SessionState

LEGS = ("BTC", "ETH", "SOL", "XRP")
ORGANISER = Actor("organiser")
_MID, _TICK = 1_000_000, 100
_CASH, _UNITS = 10**15, 10**12
_OVERSHOOT = 0.2  # of the crossing orders reach into a second resting one: 1.2 fills each, 0.6 per order


class Mix(NamedTuple):
    """Shares of cancels and replaces; of what is placed then, enough rests to keep the depth."""

    cancels: float = 0.0
    replaces: float = 0.0
    is_rfq: bool = False

    @property
    def resting(self) -> float:
        """The share of the placed orders that rest, where each crossing order and each cancel takes one away."""
        return 0.5 + self.cancels / (2 * (1 - self.cancels - self.replaces))


MIXES = {"orders": Mix(), "cancels": Mix(cancels=0.30, replaces=0.05), "rfq": Mix(is_rfq=True)}


class Step(NamedTuple):
    """A command and who gives it."""

    command: c.Command
    actor: Actor


class Place(NamedTuple):
    """Where an order rests, or rested until it was taken away."""

    asset: str
    is_buy: bool
    price: int


class Workload:
    """One session: `opening` makes it, `seeding` fills its book, `take` gives what follows, for ever.

    Participants with even numbers make, those with odd numbers take, so that nobody meets themselves. An order that
    rests takes the place of one that is gone, so the book keeps its shape as well as its depth.
    """

    def __init__(
        self, *, name: str = "bench", mix: str = "orders", seed: int = 1, depth: int = 200, participants: int = 20
    ) -> None:
        self.name, self.depth, self.participants, self.mix = name, depth, participants, MIXES[mix]
        self.state = SessionState(UUID(int=0))
        self.fills = self.placed = 0
        self._random = random.Random(seed)
        self._levels = max(20, depth // 40)
        self._gaps: deque[Place] = deque()
        self._live: list[int] = []

    def opening(self) -> Step:
        """The command that creates the session, admits everybody and starts it."""
        share = dict.fromkeys(LEGS, _UNITS)
        people = tuple(
            c.Admission(participant=f"p{number}", user=f"user{number}", amounts=share)
            for number in range(self.participants)
        )
        basket = tuple(_UNITS * self.participants for _ in LEGS)
        command = c.CreateSession(
            session_id=self.name,
            legs=LEGS,
            q=basket,
            cash_per_participant=_CASH,
            participants=people,
            bounds=e.Bounds(orders_per_second=e.MOST_PER_SECOND),  # held, and never in the way
        )
        return self._done(Step(command, ORGANISER))

    def seeding(self) -> list[Step]:
        """Orders that fill the book to its depth."""
        return [self._resting() for _ in range(self.depth)]

    def take(self, count: int) -> list[Step]:
        """The next `count` commands."""
        following: Callable[[], Step] = self._rfq if self.mix.is_rfq else self._next
        return [following() for _ in range(count)]

    def decided(self, step: Step, at: int = 0) -> Sequence[Event]:
        """Apply a step to the workload's own state; the events that it causes."""
        found = dispatch.decide(self.state, step.command, step.actor, at)
        for event in found:
            self._note(event)
            evolve(self.state, event, at)
            self._note_end(event)
        return found

    def _done(self, step: Step) -> Step:
        self.decided(step)
        forget_changes(self.state)
        return step

    def _next(self) -> Step:
        chance, live = self._random.random(), len(self.state.orders)
        if chance < self.mix.cancels + self.mix.replaces and live:
            return self._cancel() if chance < self.mix.cancels else self._replace()
        wanted = self.mix.resting + (self.depth - live) / self.depth
        return self._resting() if self._random.random() < wanted else self._crossing()

    # Orders

    def _resting(self) -> Step:
        place = self._gaps.popleft() if self._gaps else self._random_place()
        quantity = self._random.randrange(100, 1000)
        return self._done(self._order(place, quantity, is_maker=True, time_in_force="gtc"))

    def _random_place(self) -> Place:
        is_buy = self._random.random() < 0.5
        away = self._random.randrange(1, self._levels + 1) * _TICK
        return Place(self._random.choice(LEGS), is_buy, _MID - away if is_buy else _MID + away)

    def _crossing(self) -> Step:
        """A limit order that takes all that is left of the best resting order, sometimes some of the next too."""
        asset, is_buy = self._random.choice(LEGS), self._random.random() < 0.5
        first = self._best(asset, is_buy=not is_buy)
        if not first:
            return self._resting()
        quantity = first[0].remaining
        if len(first) > 1 and self._random.random() < _OVERSHOOT:
            quantity += first[1].remaining // 2
        reach = (self._levels + 1) * _TICK
        place = Place(asset, is_buy, _MID + reach if is_buy else _MID - reach)
        return self._done(self._order(place, quantity, is_maker=False, time_in_force="ioc"))

    def _best(self, asset: str, *, is_buy: bool) -> list[Order]:
        """The two orders that are next to be filled on one side, or as many as there are."""
        book = self.state.book(asset, "CASH")
        side, found = book.bids if is_buy else book.asks, list[Order]()
        for price in side.prices():
            for order in side.levels[price].orders.values():
                found.append(order)
                if len(found) == 2:
                    return found
        return found

    def _order(self, place: Place, quantity: int, *, is_maker: bool, time_in_force: str) -> Step:
        who = 2 * self._random.randrange(self.participants // 2) + (not is_maker)
        command = c.PlaceOrder(
            participant=f"p{who}",
            asset=place.asset,
            is_buy=place.is_buy,
            quantity=quantity,
            price=place.price,
            time_in_force=time_in_force,
        )
        self.placed += 1
        return Step(command, Actor(f"user{who}"))

    def _cancel(self) -> Step:
        order = self._live_order()
        return self._done(Step(c.CancelOrder(order=order.id), Actor(order.owner)))

    def _replace(self) -> Step:
        """Half of them shrink and keep their place, half grow and go to the end of the queue."""
        order = self._live_order()
        by = 1 if self._random.random() < 0.5 or order.remaining < 2 else -1
        command = c.ReplaceOrder(order=order.id, quantity=order.quantity + by)
        return self._done(Step(command, Actor(order.owner)))

    def _live_order(self) -> Order:
        while True:
            at = self._random.randrange(len(self._live))
            order = self.state.orders.get(self._live[at])
            if order is not None:
                return order
            self._live[at] = self._live[-1]
            self._live.pop()

    def _note(self, event: Event) -> None:
        if isinstance(event, e.OrderPlaced) and event.time_in_force == "gtc" and self.mix.cancels:
            self._live.append(self.state.facts.seq + 1)
        elif isinstance(event, e.OrderMatched):
            self.fills += 1
            self._ending = self.state.orders[event.maker]
        elif isinstance(event, e.OrderCancelled):
            self._ending = self.state.orders[event.order]

    def _note_end(self, event: Event) -> None:
        if isinstance(event, e.OrderMatched | e.OrderCancelled) and not self._ending.is_open:
            order = self._ending
            if order.time_in_force == "gtc":
                self._gaps.append(Place(order.asset, order.is_buy, order.price))

    # RFQs

    def _rfq(self) -> Step:
        """One of the three steps of a round trip: request, firm quote, acceptance."""
        number = self.state.facts.seq  # what the last step made
        if self.state.quotes:
            rfq = self.state.rfqs[self.state.quotes[number].rfq]
            return self._done(Step(c.AcceptQuote(quote=number), Actor(rfq.owner)))
        if self.state.rfqs:
            who = 2 * self._random.randrange(self.participants // 2) + 1
            rate = self._random.randrange(50_000_000, 200_000_000)
            offer = c.ProvideQuote(rfq=number, participant=f"p{who}", rate=rate, firm=True)
            return self._done(Step(offer, Actor(f"user{who}")))
        who = 2 * self._random.randrange(self.participants // 2)
        leg_from, leg_to = self._random.sample(LEGS, 2)
        amount = self._random.randrange(100, 1000)
        request = c.RequestQuote(participant=f"p{who}", leg_from=leg_from, leg_to=leg_to, amount_from=amount)
        return self._done(Step(request, Actor(f"user{who}")))
