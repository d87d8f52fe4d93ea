"""Event markets against session contracts on the same runtime, in alternation: does a second domain cost more?"""

import random
from collections.abc import Sequence
from statistics import median
from uuid import UUID

from django.conf import settings

from benchmarks import callers, check, session
from benchmarks.callers import Load, Sample
from benchmarks.database import Server, servers
from benchmarks.report import Report, spread
from benchmarks.runtime import row_of
from benchmarks.session import Session
from benchmarks.worker import Worker, worker
from benchmarks.workload import Step
from common.clock import LATEST, now_us
from common.events import Event
from common.ids import Actor
from ledger.runtime import runtime
from ledger.tickets import Opens
from predictions.engine import commands as c
from predictions.engine.decide import dispatch
from predictions.engine.events import Terms
from predictions.engine.evolve import evolve, forget_changes
from predictions.engine.records import Order
from predictions.engine.state import ExchangeState

WANTED_RATIO = 0.7
_HEADLINE = Load("coroutine", 64)
_ORGANISER = Actor("organiser")
_MID, _LEVELS, _REACH, _OVERSHOOT = 50, 20, 25, 0.2


class ExchangeWorkload:
    """One exchange with one market, traded as benchmarks.workload trades a session: as deep, with as many fills.

    Agents with even places make, those with odd ones take, so that nobody meets themselves. All of them buy: a pair
    is minted by each trade.
    """

    def __init__(self, *, name: str, seed: int = 1, depth: int = 200, agents: int = 20) -> None:
        self.name, self.depth, self.count = name, depth, agents
        self.state = ExchangeState(UUID(int=0))
        self._random = random.Random(seed)
        self._agents: list[int] = []
        self._market = 0

    def opening(self) -> list[Step]:
        """The exchange, its agents and the market."""
        terms = Terms(starting_balance=10**12)
        steps = [self._done(c.CreateExchange(name=self.name, organiser=_ORGANISER.id, terms=terms), _ORGANISER)]
        for place in range(self.count):
            self._agents.append(self.state.facts.seq + 1)
            steps.append(self._done(c.RegisterAgent(user=f"user{place}"), Actor(f"user{place}")))
        self._market = self.state.facts.seq + 1
        question = c.CreateMarket(creator=0, question="Will it be fast enough?", deadline=LATEST)
        return [*steps, self._done(question, _ORGANISER)]

    def seeding(self) -> list[Step]:
        """Orders that fill the book to its depth."""
        return [self._resting() for _ in range(self.depth)]

    def take(self, count: int) -> list[Step]:
        """The next `count` commands."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Step:
        wanted = 0.5 + (self.depth - len(self.state.orders)) / self.depth
        return self._resting() if self._random.random() < wanted else self._crossing()

    def _resting(self) -> Step:
        price = _MID - self._random.randrange(1, _LEVELS + 1)
        return self._order(0, self._random.choice(("YES", "NO")), self._random.randrange(1, 10), price, "gtc")

    def _crossing(self) -> Step:
        """All that is left of the best resting order, sometimes some of the next too."""
        outcome = self._random.choice(("YES", "NO"))
        first = self._best(is_buy=outcome == "NO")
        if not first:
            return self._resting()
        size = first[0].remaining
        if len(first) > 1 and self._random.random() < _OVERSHOOT:
            size += first[1].remaining // 2
        return self._order(1, outcome, size, _MID + _REACH, "ioc")

    def _best(self, *, is_buy: bool) -> list[Order]:
        book = self.state.book(self._market)
        side, found = book.bids if is_buy else book.asks, list[Order]()
        for price in side.prices():
            found += side.levels[price].orders.values()
            if len(found) >= 2:
                break
        return found

    def _order(self, odd: int, outcome: str, size: int, price: int, time_in_force: str) -> Step:
        place = 2 * self._random.randrange(self.count // 2) + odd
        command = c.PlaceOrder(
            agent=self._agents[place],
            market=self._market,
            outcome=outcome,
            size=size,
            price=price,
            time_in_force=time_in_force,
        )
        return self._done(command, Actor(f"user{place}"))

    def _done(self, command: c.Command, actor: Actor) -> Step:
        found: Sequence[Event] = dispatch.decide(self.state, command, actor, now_us())
        for event in found:
            evolve(self.state, event, 0)
        forget_changes(self.state)
        return Step(command, actor)  # type: ignore[arg-type]  # the runtime takes commands of any domain


def open_exchange(name: str) -> None:
    """The exchange in this process's database, its book filled, known to the callers by its name."""
    settings.ORDERS_PER_SECOND = 1_000_000  # held, and never in the way
    workload = ExchangeWorkload(name=name)
    first, *rest = workload.opening()
    stream = runtime.open(Opens("exchange", name), first.command, first.actor).stream
    for step in (*rest, *workload.seeding()):
        runtime.execute(stream, step.command, step.actor)
    session.keep(name, Session(workload, stream))  # type: ignore[arg-type]  # it gives steps as a Workload does
    session.race(name)  # where it ends, verify says


def run(*, quick: bool) -> Report:
    """Both domains on every database; the verdict on 64 callers on PostgreSQL."""
    report = Report("predictions")
    for server in servers():
        with worker(server.create()) as ours:
            ours.call(session.open_session, "orders", mix="orders")
            ours.call(open_exchange, "exchange")
            _measure(report, server, ours, rounds=1 if quick else 15, seconds=0.2 if quick else 0.4)
            check.require_correct(ours)
    return report


def _measure(report: Report, server: Server, ours: Worker, *, rounds: int, seconds: float) -> None:
    for load in (Load("thread", 1), _HEADLINE):
        pairs: list[tuple[Sample, Sample]] = []
        for _ in range(rounds):
            markets = ours.call(callers.measure, "orders", load, seconds)
            pairs.append((markets, ours.call(callers.measure, "exchange", load, seconds)))
        ratios = [own.per_second / markets.per_second for markets, own in pairs]
        report.rows.append(row_of(server, "markets", load, [markets for markets, _ in pairs]) | {"ratio": 1.0})
        own = [sample for _, sample in pairs]
        report.rows.append(row_of(server, "predictions", load, own) | spread("ratio", ratios))
        if load == _HEADLINE and server.name == "postgresql":
            sentence = f"64 callers on PostgreSQL: {median(ratios):.2f} x of markets, wanted {WANTED_RATIO} x"
            report.judge(sentence, passed=median(ratios) >= WANTED_RATIO)
