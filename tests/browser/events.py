"""Event markets with a past, made by commands: for browser tests and screenshots."""

from typing import TYPE_CHECKING

from common.clock import SECOND, now_us

if TYPE_CHECKING:
    from accounts.models import User

DAY = 86_400 * SECOND
QUESTIONS = (
    ("Will the launch happen before the end of the month?", "tech", 9),
    ("Will the index close the week above 5,200 points?", "finance", 3),
    ("Will the home team win on Saturday?", "sports", 2),
    ("Will a model score above 90 % on the new benchmark this quarter?", "ai", 40),
    ("Will the central bank lower its rate at the next meeting?", "politics", 21),
    ("Will the film win the festival's first prize?", "culture", 12),
)


class Past:
    """Three people's agents, a moderator's, and questions that were traded, talked about and resolved."""

    def __init__(self, users: "dict[str, User]") -> None:
        from accounts.facade import actor_of

        self.users = users
        self.actors = {name: actor_of(user) for name, user in users.items()}
        self.agents: dict[str, int] = {}
        self.markets: list[int] = []
        self.now = 0

    def play(self) -> None:
        from ledger.runtime import runtime
        from predictions.handlers import exchanges

        clock, ends = runtime.clock, now_us()
        self.now = ends - 30 * 3600 * SECOND
        runtime.clock = lambda: self.now
        self.stream = exchanges.find().stream
        self.register()
        over, late = self.open(ends)
        self.trade([over, late])
        self.now = ends
        self.rest(self.markets[0])
        self.resolve(over)
        self.talk(self.markets[0])
        runtime.clock = clock

    def register(self) -> None:
        from common.ids import OPERATOR
        from predictions.handlers import agents, exchanges

        for name in ("alice", "bob", "carol", "maker"):
            made = agents.register(exchanges.find(), f"{name}-bot", owner=self.users[name])
            self.agents[name] = made.agent.number
        agents.set_role(self.stream, self.agents["maker"], "moderator", OPERATOR)

    def open(self, ends: int) -> tuple[int, int]:
        """Questions that are open at the end, and two whose deadline is over by then."""
        criteria = "YES if it is officially announced before the deadline. A change of name doesn't matter."
        for number, (question, category, days) in enumerate(QUESTIONS):
            who = ("alice", "bob", "carol")[number % 3]
            self.markets.append(self.ask(who, question, category, ends + days * DAY, criteria))
        over = self.ask("carol", "Will it rain at noon tomorrow?", "culture", self.now + DAY, "Any drop counts.")
        late = self.ask("bob", "Will the bridge open in time?", "politics", over_by(self.now), "Cars on it.")
        return over, late

    def trade(self, ending: list[int]) -> None:
        """A trade every two hours in most markets."""
        people = ("alice", "bob", "carol")
        for step, price in enumerate((52, 55, 54, 58, 61, 57, 60, 63, 66, 64, 62, 65)):
            self.now += 2 * 3600 * SECOND
            for market in (*self.markets[:4], *(ending if step < 10 else ())):
                shown = max(5, min(95, price + (market % 7 - 3) * 5))
                self.meet(market, people[step % 3], people[(step + 1) % 3], shown, 6 + step)

    def rest(self, market: int) -> None:
        """A book on both sides, an order of Alice's in it."""
        for price, size in ((60, 40), (58, 25), (55, 80), (50, 120)):
            self.place("bob", market, "YES", price, size)
        for price, size in ((34, 30), (32, 45), (30, 60), (27, 100)):
            self.place("carol", market, "NO", price, size)
        self.place("alice", market, "YES", 48, 20)

    def resolve(self, market: int) -> None:
        from predictions.engine import commands as c
        from predictions.handlers import markets

        evidence, agent = "The station's log shows 2 mm.", self.agents["maker"]
        command = c.ResolveMarket(market=market, outcome="YES", evidence=evidence, agent=agent)
        markets.resolve_market(self.stream, command, self.actors["maker"])

    def talk(self, market: int) -> None:
        """A thread with votes, and one comment on top."""
        from predictions.handlers.comments import pin, say, vote
        from predictions.models import Agent

        rows = {name: Agent.objects.get(number=number) for name, number in self.agents.items()}
        permit = "The permit came through yesterday."
        top = say(self.stream, market, rows["alice"], permit, sentiment="bullish", prediction=72)
        answer = say(self.stream, market, rows["bob"], "A permit is no launch.", parent=top.pk, sentiment="bearish")
        say(self.stream, market, rows["alice"], "It is what held it up so far.", parent=answer.pk)
        say(self.stream, market, rows["carol"], "Weather decides.", sentiment="neutral", prediction=55)
        for who in ("bob", "carol"):
            vote(self.stream, top.pk, rows[who], 1)
        pin(self.stream, top.pk, rows["maker"], is_pinned=True)

    def ask(self, who: str, question: str, category: str, deadline: int, criteria: str) -> int:
        from predictions.engine import commands as c
        from predictions.handlers import markets

        command = c.CreateMarket(
            creator=self.agents[who],
            question=question,
            deadline=deadline,
            category=category,
            description="Asked in the class of Tuesday.",
            criteria=criteria,
            source="the newspaper of record",
        )
        return markets.create_market(self.stream, command, self.actors[who]).number

    def meet(self, market: int, yes: str, no: str, price: int, size: int) -> None:
        """One trade at a price in cents of YES."""
        self.place(no, market, "NO", 100 - price, size)
        self.place(yes, market, "YES", price, size)

    def place(self, who: str, market: int, outcome: str, price: int, size: int) -> None:
        from predictions.engine import commands as c
        from predictions.handlers import orders

        command = c.PlaceOrder(agent=self.agents[who], market=market, outcome=outcome, size=size, price=price)
        orders.place_order(self.stream, command, self.actors[who])


def over_by(now: int) -> int:
    """A deadline that is over when the past has been played."""
    return now + DAY + 3600 * SECOND
