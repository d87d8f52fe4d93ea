"""The pure engine under random commands of every kind, with a twin that is restored from snapshots on the way.

Nothing here trusts the engine's own audit: after every step the sums are worked out anew from what agents hold.
"""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from common.clock import SECOND
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger.codec import canonical
from predictions.domain import EXCHANGES
from predictions.engine import commands as c
from predictions.engine.events import EVENTS
from predictions.engine.state import ExchangeState
from predictions.tests.driver import DAY, HOUR, OLIVIA, STREAM, Floor, fold

FULL = os.environ.get("FULL") == "1"
SHARE = 10_000
HANDLES = ("alice", "bob", "carol", "max")
PICK = st.integers(0, 29)
SIZE = st.integers(1, 60)
PRICE = st.sampled_from((1, 38, 39, 40, 40, 41, 59, 60, 60, 61, 62, 99))
WHAT = st.sampled_from(("buy YES", "buy NO", "buy YES", "buy NO", "sell YES", "sell NO"))
SEEN: Counter[str] = Counter()
"""How often each event happened, over all examples."""


def waits(self: "Exchanges") -> bool:
    """Whether an order waits for approval."""
    return any(order.is_waiting for order in self.floor.state.orders.values())


def is_resolved(self: "Exchanges") -> bool:
    """Whether a market has been resolved."""
    return any(market.status == "resolved" for market in self.floor.state.markets.values())


def is_proposed(self: "Exchanges") -> bool:
    """Whether a resolution can be challenged."""
    return any(market.status == "proposed" for market in self.floor.state.markets.values())


def has_pairs(self: "Exchanges") -> bool:
    """Whether somebody could merge."""
    held = [position for market in self.floor.state.positions.values() for position in market.values()]
    return any(position.yes and position.no for position in held)


class Exchanges(RuleBasedStateMachine):
    """One exchange with two or three markets, from its creation to wherever the rules take it."""

    floor: Floor
    twin: ExchangeState | None = None

    @initialize(
        fee=st.sampled_from((0, 33, 100, 100)),
        settlement=st.sampled_from((0, 200, 333)),
        window=st.sampled_from((0, 12 * HOUR)),
        prevention=st.sampled_from(("cancel_newest", "cancel_oldest", "cancel_both")),
        has_house=st.booleans(),
    )
    def create(self, fee: int, settlement: int, window: int, prevention: str, has_house: bool) -> None:
        self.floor = Floor(
            starting_balance=500_000,
            creation_fee=5_000,
            trading_fee=fee,
            settlement_fee=settlement,
            moderator_bonus=50 if settlement else 0,
            challenge_window=window,
            faucet_limit=100_000,
            self_trade_prevention=prevention,
        )
        floor = self.floor
        floor.agent("alice", "bob", "carol")
        floor.agent("max", "twin", owner=OLIVIA.id)
        floor.do(c.SetMode(agent=floor.numbers["max"], mode="manual"))
        floor.moderator("mona")
        floor.market("m0")
        floor.market("m1", "carol", days=2)
        if has_house:
            floor.do(c.OpenHouse(market=floor.numbers["m0"], liquidity=40))

    # How a rule acts

    def act(self, command: c.Command, actor: Actor) -> None:
        """What is due, then the command, on the state and on its twin alike. A refusal changes nothing."""
        floor, logged = self.floor, len(self.floor.log)
        floor.pass_due()
        before = floor.text()
        decided = outcome(floor.state, command, actor, floor.now)
        assert floor.text() == before
        self._follow(logged)
        if self.twin is not None:
            assert outcome(self.twin, command, actor, floor.now) == decided
        if isinstance(decided, list):
            logged = len(floor.log)
            floor.apply(decided)
            self._follow(logged)
        else:
            SEEN[f"refused {decided}"] += 1

    def _follow(self, logged: int) -> None:
        for at, event in self.floor.log[logged:]:
            SEEN[type(event).__name__] += 1
            if self.twin is not None:
                EXCHANGES.evolve(self.twin, event, at)
        if self.twin is not None:
            EXCHANGES.check(self.twin)

    def market(self, pick: int) -> int:
        return self.floor.numbers["m0" if pick % 3 else "m1"]

    def handle(self, pick: int) -> str:
        return (*HANDLES, "max", "twin")[pick % 6]

    def holder(self, handle: str, pick: int) -> Actor:
        """Mostly whoever holds the agent's key, else its owner or a stranger."""
        return OLIVIA if pick == 0 else self.floor.by("alice") if pick == 1 else self.floor.by(handle)

    def live(self, pick: int) -> int:
        numbers = sorted(self.floor.state.orders)
        return numbers[pick % len(numbers)] if numbers and pick < 28 else pick

    def owner_of(self, number: int, pick: int) -> Actor:
        order = self.floor.state.orders.get(number)
        return Actor(self.floor.state.agents[order.agent].user) if order and pick else OLIVIA

    # Rules

    @rule(
        who=PICK, at=PICK, what=WHAT, size=SIZE, price=PRICE, by=PICK, tif=st.sampled_from(("", "", "", "ioc", "fok"))
    )
    def limit(self, who: int, at: int, what: str, size: int, price: int, by: int, tif: str) -> None:
        self.place(who, at, what, by, size=size, price=price, time_in_force=tif)

    @rule(who=PICK, at=PICK, what=WHAT, size=SIZE, by=PICK)
    def at_market(self, who: int, at: int, what: str, size: int, by: int) -> None:
        self.place(who, at, what, by, size=size, order_type="market")

    @rule(who=PICK, at=PICK, what=WHAT, size=SIZE, price=PRICE, lives=st.integers(1, 50))
    def until(self, who: int, at: int, what: str, size: int, price: int, lives: int) -> None:
        expires_at = self.floor.now + lives * HOUR
        self.place(who, at, what, 5, size=size, price=price, time_in_force="gtd", expires_at=expires_at)

    def place(self, who: int, at: int, what: str, by: int, **terms: Any) -> None:
        handle, (action, outcome_word) = self.handle(who), what.split()
        command = c.PlaceOrder(
            agent=self.floor.numbers[handle], market=self.market(at), action=action, outcome=outcome_word, **terms
        )
        self.act(command, self.holder(handle, by))

    @rule(pick=PICK, by=PICK)
    def cancel(self, pick: int, by: int) -> None:
        number = self.live(pick)
        self.act(c.CancelOrder(order=number), self.owner_of(number, by))

    @rule(who=PICK, at=st.integers(0, 3))
    def cancel_all(self, who: int, at: int) -> None:
        handle = self.handle(who)
        command = c.CancelOrders(agent=self.floor.numbers[handle], market=self.market(at) if at else 0)
        self.act(command, self.floor.by(handle))

    @rule(pick=PICK, size=st.integers(0, 80), price=st.one_of(st.just(0), PRICE))
    def replace(self, pick: int, size: int, price: int) -> None:
        number = self.live(pick)
        self.act(c.ReplaceOrder(order=number, size=size, price=price), self.owner_of(number, 1))

    @precondition(waits)
    @rule(pick=PICK, is_good=st.sampled_from((True, True, False)))
    def review(self, pick: int, is_good: bool) -> None:
        waiting = [number for number, order in sorted(self.floor.state.orders.items()) if order.is_waiting]
        number = waiting[pick % len(waiting)] if waiting else pick
        self.act(c.ApproveOrder(order=number) if is_good else c.RejectOrder(order=number), OLIVIA)

    @rule(who=PICK, at=PICK, size=st.integers(1, 20))
    def split(self, who: int, at: int, size: int) -> None:
        handle = self.handle(who)
        command = c.SplitSets(agent=self.floor.numbers[handle], market=self.market(at), size=size)
        self.act(command, self.floor.by(handle))

    @precondition(has_pairs)
    @rule(pick=PICK, size=st.integers(1, 20))
    def merge(self, pick: int, size: int) -> None:
        held = [one for of in self.floor.state.positions.values() for one in of.values() if one.yes and one.no]
        position = held[pick % len(held)]
        actor = Actor(self.floor.state.agents[position.agent].user)
        self.act(c.MergeSets(agent=position.agent, market=position.market, size=size), actor)

    @rule(giver=PICK, taker=PICK, amount=st.integers(0, 300_000))
    def transfer(self, giver: int, taker: int, amount: int) -> None:
        handle, numbers = self.handle(giver), self.floor.numbers
        command = c.Transfer(giver=numbers[handle], taker=numbers[self.handle(taker)], amount=amount)
        self.act(command, self.floor.by(handle))

    @rule(who=PICK, amount=st.integers(0, 60_000))
    def faucet(self, who: int, amount: int) -> None:
        handle = self.handle(who)
        self.act(c.DrawFaucet(agent=self.floor.numbers[handle], amount=amount), self.floor.by(handle))

    @rule(
        at=PICK,
        outcome_word=st.sampled_from(("YES", "NO", "VOID", "VOID", "PROBABILITY")),
        value=st.integers(1, 99),
        by_moderator=st.booleans(),
        early=st.integers(0, 2),
    )
    def resolve(self, at: int, outcome_word: str, value: int, by_moderator: bool, early: int) -> None:
        command = c.ResolveMarket(
            market=self.market(at),
            outcome=outcome_word,
            evidence="Seen.",
            agent=self.floor.numbers["mona"] if by_moderator else 0,
            yes_value=value if outcome_word == "PROBABILITY" else 0,
            early=early == 0,
        )
        self.act(command, self.floor.by("mona") if by_moderator else OLIVIA)

    @precondition(is_proposed)
    @rule(who=PICK, at=PICK)
    def challenge(self, who: int, at: int) -> None:
        proposed = [each.id for each in self.floor.state.markets.values() if each.status == "proposed"]
        market = proposed[at % len(proposed)]
        agents = sorted(self.floor.state.positions.get(market, {})) or [self.floor.numbers["alice"]]
        agent = self.floor.state.agents[agents[who % len(agents)]]
        self.act(c.ChallengeResolution(market=market, agent=agent.id, reason="Not so."), Actor(agent.user))

    @precondition(is_resolved)
    @rule(at=PICK, outcome_word=st.sampled_from(("YES", "NO", "VOID")))
    def correct(self, at: int, outcome_word: str) -> None:
        resolved = [each.id for each in self.floor.state.markets.values() if each.status == "resolved"]
        market = resolved[at % len(resolved)]
        command = c.CorrectResolution(market=market, outcome=outcome_word, evidence="Seen again.", reason="Misread.")
        self.act(command, OLIVIA)

    @rule(who=PICK)
    def ask(self, who: int) -> None:
        handle = self.handle(who)
        command = c.CreateMarket(
            creator=self.floor.numbers[handle], question="Will it ever stop?", deadline=self.floor.now + DAY
        )
        self.act(command, self.floor.by(handle))

    @rule(hours=st.sampled_from((0, 0, 1, 5, 20)))
    def wait(self, hours: int) -> None:
        self.floor.now += 1 + hours * 3600 * SECOND
        self.act(c.AdvanceExchange(), OLIVIA)

    @rule()
    def restore(self) -> None:
        """The twin begins anew from a snapshot; before, a replay of all events must give the same."""
        text = self.floor.text()
        assert canonical(EXCHANGES.dump(fold(self.floor.log))) == text
        self.twin = EXCHANGES.load(STREAM, text)

    # What is always true

    @invariant()
    def nothing_comes_from_nowhere(self) -> None:
        if not hasattr(self, "floor"):
            return
        state = self.floor.state
        cash = sum(agent.balance for agent in state.agents.values())
        yes, no = Counter[int](), Counter[int]()
        for number, of_market in state.positions.items():
            for position in of_market.values():
                yes[number] += position.yes
                no[number] += position.no
                assert 0 <= position.yes_locked <= position.yes
                assert 0 <= position.no_locked <= position.no
                assert min(position.yes_cost, position.no_cost) >= 0
        assert +yes == +no
        assert cash + yes.total() * SHARE + state.facts.platform == state.facts.issued
        for agent in state.agents.values():
            assert 0 <= agent.locked + agent.fees_locked <= agent.balance
            assert min(agent.locked, agent.fees_locked) >= 0
            purchases = [order for order in state.of_agent.get(agent.id, {}).values() if order.action == "buy"]
            assert agent.locked == sum(order.remaining * order.limit * 100 for order in purchases)

    @invariant()
    def nobody_trades_with_themselves(self) -> None:
        if hasattr(self, "floor"):
            agents = self.floor.state.agents
            for trade in self.floor.trades():
                assert agents[trade.bidder].person != agents[trade.asker].person

    @invariant()
    def the_twin_is_the_same(self) -> None:
        if self.twin is not None:
            assert canonical(EXCHANGES.dump(self.twin)) == self.floor.text()


def outcome(state: ExchangeState, command: c.Command, actor: Actor, now: int) -> "list[Event] | str":
    """The events, or the refusal's code."""
    try:
        return list(EXCHANGES.decide(state, command, actor, now))
    except DomainError as refusal:
        return refusal.code


@pytest.mark.timeout(1200)
def test_whatever_is_asked_of_an_exchange_it_adds_up() -> None:
    SEEN.clear()
    run_state_machine_as_test(
        Exchanges,
        settings=settings(
            max_examples=2_000 if FULL else 150,
            stateful_step_count=60,
            deadline=None,
            derandomize=not FULL,
            suppress_health_check=list(HealthCheck),
        ),
    )
    at_first = {"ExchangeCreated", "AgentRegistered", "ModeSet", "RoleSet", "HouseOpened"}
    rare = [kind.__name__ for kind in EVENTS if SEEN[kind.__name__] < 1 and kind.__name__ not in at_first]
    assert not rare, f"these hardly happened: {rare}"
