"""An exchange without a database: what is due, then the command, each event by way of its text, as at runtime."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from common.clock import SECOND
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger.codec import canonical
from predictions.domain import EXCHANGES
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.events import Terms
from predictions.engine.records import Agent, Entry, Market, Order, Position, Trade
from predictions.engine.state import ExchangeState

STREAM = UUID("6a1d6f43-9b6c-4f0e-8a35-4d1f0c6b7e21")
T0 = 1_800_000_000 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
OLIVIA = Actor("olivia")
"""The organiser of every exchange made here."""
STRANGER = Actor("mallory")
QUESTION = "Will it rain in Cornwall tomorrow?"


def cents(text: str) -> int:
    """Money as people write it, in hundredths of a cent: cents("929.40") is 9_294_000."""
    whole, _, part = text.partition(".")
    sign = -1 if text.startswith("-") else 1
    return sign * (abs(int(whole)) * 10_000 + int(part.ljust(4, "0") or 0))


def names(events: Sequence[Event]) -> list[str]:
    """The events' types, in order."""
    return [type(event).__name__ for event in events]


class Floor:
    """One exchange, from its creation on. Agents and markets are known by short names."""

    def __init__(self, **terms: Any) -> None:
        self.now = T0
        self.state = ExchangeState(STREAM)
        self.log: list[tuple[int, Event]] = []
        self.numbers: dict[str, int] = {}
        self.do(c.CreateExchange(name="floor", organiser=OLIVIA.id, terms=Terms(**terms)))

    # Doing

    def do(self, command: c.Command, actor: Actor = OLIVIA) -> list[Event]:
        """What is due, then `command`. Answers the command's own events."""
        self.pass_due()
        decided = EXCHANGES.decide(self.state, command, actor, self.now)
        self.apply(decided)
        return list(decided)

    def refuse(self, command: c.Command, actor: Actor = OLIVIA) -> DomainError:
        """The refusal of `command`, which must not change anything."""
        self.pass_due()
        before = self.text()
        with pytest.raises(DomainError) as caught:
            EXCHANGES.decide(self.state, command, actor, self.now)
        assert self.text() == before
        assert caught.value.detail.endswith(".")
        return caught.value

    def pass_due(self) -> list[Event]:
        """What time makes happen up to now."""
        passed: list[Event] = []
        while due := EXCHANGES.due(self.state, self.now):
            self.apply(due)
            passed += due
        return passed

    def wait(self, *, seconds: float) -> list[Event]:
        """Let time pass, then see what it made happen."""
        self.now += round(seconds * SECOND)
        return self.pass_due()

    def apply(self, decided: Sequence[Event]) -> None:
        """Write down what was decided, and see that everything still adds up."""
        for event in decided:
            kind, text = type(event).__name__, canonical(event)
            read = EXCHANGES.events.decode(kind, event.VERSION, text)
            assert read == event
            EXCHANGES.evolve(self.state, read, self.now)
            self.log.append((self.now, read))
        EXCHANGES.check(self.state)
        assert list(EXCHANGES.audit(self.state)) == []

    # Short ways

    def agent(self, *handles: str, owner: str = "") -> int:
        """Register agents; the number of the last one."""
        for handle in handles:
            self.pass_due()
            self.numbers[handle] = self.state.facts.seq + 1
            self.do(c.RegisterAgent(user=f"user-{handle}", owner=owner), Actor(f"user-{handle}"))
        return self.numbers[handles[-1]]

    def moderator(self, handle: str) -> int:
        """An agent whom the organiser made a moderator."""
        number = self.agent(handle)
        self.do(c.SetRole(agent=number, role="moderator"))
        return number

    def market(self, name: str = "m", creator: str = "", *, days: int = 1, **terms: Any) -> int:
        """Open a market: an agent's, who pays for it, or the organiser's."""
        self.pass_due()
        self.numbers[name] = self.state.facts.seq + 1
        command = c.CreateMarket(
            creator=self.numbers.get(creator, 0), question=QUESTION, deadline=self.now + days * DAY, **terms
        )
        self.do(command, self.by(creator) if creator else OLIVIA)
        return self.numbers[name]

    def by(self, handle: str) -> Actor:
        """Whoever holds this agent's key."""
        return Actor(f"user-{handle}")

    def order(
        self, handle: str, what: str, size: int, price: int = 0, *, market: str = "m", **terms: Any
    ) -> c.PlaceOrder:
        """`what`: "buy YES", "sell NO", ...; a market order where there is no price."""
        action, outcome = what.split()
        return c.PlaceOrder(
            agent=self.numbers[handle],
            market=self.numbers[market],
            outcome=outcome,
            action=action,
            size=size,
            price=price,
            **{"order_type": "limit" if price else "market", **terms},
        )

    def place(self, handle: str, what: str, size: int, price: int = 0, **terms: Any) -> int:
        """Place an order by its agent's key. Answers its number."""
        self.pass_due()
        number = self.state.facts.seq + 1
        self.do(self.order(handle, what, size, price, **terms), self.by(handle))
        return number

    def refuse_order(self, handle: str, what: str, size: int, price: int = 0, **terms: Any) -> DomainError:
        """The refusal of an order."""
        return self.refuse(self.order(handle, what, size, price, **terms), self.by(handle))

    def resolve(self, by: str, outcome: str, *, market: str = "m", **terms: Any) -> list[Event]:
        """Resolve, early if need be, on some evidence."""
        command = c.ResolveMarket(
            market=self.numbers[market],
            agent=self.numbers.get(by, 0),
            outcome=outcome,
            **{"evidence": "The gauge says so.", "early": True, **terms},
        )
        return self.do(command, self.by(by) if by else OLIVIA)

    # Looking

    def who(self, handle: str) -> Agent:
        return self.state.agents[self.numbers[handle]]

    def on(self, market: str = "m") -> Market:
        return self.state.markets[self.numbers[market]]

    def held(self, handle: str, market: str = "m") -> Position:
        return self.state.position(self.numbers[market], self.numbers[handle])

    def live(self, number: int) -> Order:
        return self.state.orders[number]

    def trades(self) -> list[Trade]:
        """All trades since the rows were last taken, which is never here."""
        return self.state.changed.trades

    def entries(self) -> list[Entry]:
        return self.state.changed.entries

    def last_reward(self) -> int:
        """The moderator's reward of the last resolution."""
        resolved: e.MarketResolved = self.last(e.MarketResolved)
        return resolved.reward

    def last(self, kind: type[Event]) -> Any:
        """The last event of a type."""
        return next(event for _, event in reversed(self.log) if isinstance(event, kind))

    def text(self) -> str:
        """The whole state."""
        return canonical(EXCHANGES.dump(self.state))


def fold(log: Sequence[tuple[int, Event]]) -> ExchangeState:
    """Replay."""
    state = ExchangeState(STREAM)
    for at, event in log:
        EXCHANGES.evolve(state, event, at)
    return state


__all__ = ["DAY", "HOUR", "OLIVIA", "STRANGER", "T0", "Floor", "cents", "e", "fold", "names"]
