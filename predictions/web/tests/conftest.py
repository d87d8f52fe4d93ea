"""An exchange with a question, people who own agents on it, and signed-in browsers without JavaScript."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from accounts.facade import User, actor_of
from common.clock import SECOND, now_us
from common.ids import OPERATOR, Actor, public_id
from predictions import queries
from predictions.engine import commands as c
from predictions.engine.events import Terms
from predictions.handlers import agents, exchanges, markets, orders
from predictions.models import Agent, Market

DAY = 86_400 * SECOND


@dataclass(slots=True)
class Hall:
    """alice, bob and carol own an agent each, mona a moderator, orga runs the exchange; a stranger has none."""

    stream: UUID
    name: str
    people: dict[str, User]
    agents: dict[str, int] = field(default_factory=dict)
    market: int = 0

    def actor(self, name: str) -> Actor:
        return actor_of(self.people[name])

    def browser(self, name: str, *, checks: bool = False) -> Client:
        client = Client(enforce_csrf_checks=checks)
        client.force_login(self.people[name])
        return client

    def agent(self, name: str) -> Agent:
        return queries.agent(self.stream, self.agents[name]).row

    def row(self) -> Market:
        return queries.market(self.stream, self.market)

    @property
    def page(self) -> str:
        return f"/predictions/markets/{public_id(self.stream, self.market)}"

    def id(self, number: int) -> str:
        return public_id(self.stream, number)

    def ask(self, who: str, question: str = "Will it rain tomorrow?", **terms: Any) -> int:
        command = c.CreateMarket(creator=self.agents[who], question=question, **{"deadline": now_us() + DAY, **terms})
        return markets.create_market(self.stream, command, self.actor(who)).number

    def place(self, who: str, outcome: str, size: int, price: int, **terms: Any) -> orders.Receipt:
        command = c.PlaceOrder(
            agent=self.agents[who], market=self.market, outcome=outcome, size=size, price=price, **terms
        )
        return orders.place_order(self.stream, command, self.actor(who))

    def trade(self, size: int = 10, price: int = 60) -> None:
        """Alice buys YES at the price, Bob NO against it."""
        self.place("alice", "YES", size, price)
        self.place("bob", "NO", size, 100 - price)

    def resolve(self, outcome: str = "YES", who: str = "mona", **terms: Any) -> None:
        command = c.ResolveMarket(
            market=self.market,
            outcome=outcome,
            evidence="It was seen.",
            agent=self.agents.get(who, 0),
            **{"early": True, **terms},
        )
        markets.resolve_market(self.stream, command, self.actor(who))


def hall_named(name: str, people: dict[str, User], terms: Terms) -> Hall:
    """An exchange of orga's with everybody's agents and one question of Alice's."""
    exchanges.create_exchange(name, terms, actor_of(people["orga"]))
    exchange = exchanges.find(name)
    hall = Hall(exchange.stream, name, people)
    for who in ("alice", "bob", "carol", "mona"):
        hall.agents[who] = agents.register(exchange, f"{who}-bot", owner=people[who]).agent.number
    agents.set_role(hall.stream, hall.agents["mona"], "moderator", OPERATOR)
    hall.market = hall.ask("alice")
    return hall


@pytest.fixture
def people(ledger: None) -> dict[str, User]:
    names = ("alice", "bob", "carol", "mona", "orga", "stranger")
    return {
        name: User.objects.create_user(name, is_organiser=name == "orga")  # no password: hashing takes its time
        for name in names
    }


@pytest.fixture
def hall(people: dict[str, User]) -> Hall:
    return hall_named("class-a", people, Terms())
