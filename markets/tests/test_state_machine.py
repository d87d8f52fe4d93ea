"""The pure engine under random commands of every kind, with a twin that is restored from snapshots on the way.

Nothing here trusts the engine's own audit alone: the sums of section 7 are worked out anew after every step.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, seed, settings
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
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine.events import EVENTS, Bounds
from markets.engine.state import CASH, Order, Quote, Rfq, SessionState
from markets.tests.driver import MINUTE, OLIVIA, STREAM, T0, Market, fixing, fold, user
from tests.guarantees.sizes import FULL, chance, size

EXAMPLES = size(600, 6_000, 20_000)
LEGS = ("AAPL", "NVDA")
HANDLES = ("alice", "bob", "carol", "dave", "erin")
BOOKS = (("AAPL", CASH), ("AAPL", CASH), ("NVDA", CASH), ("AAPL", "NVDA"), ("NVDA", "AAPL"))
PICKS = st.integers(0, 29)
RATES = st.sampled_from((1, 33_333_333, 62_000_000, 100_000_000, 150_000_001))
SEEN: Counter[str] = Counter()
"""How often each event happened, over all examples."""


class Terms(NamedTuple):
    """An order, in lots and ticks."""

    who: int
    book: tuple[str, str]
    is_buy: bool
    lots: int
    ticks: int
    order_type: str
    time_in_force: str
    lives: int
    post_only: bool
    off_grid: int


# Weights by repetition: most orders are plain, on the grid, and by somebody who is there.
ORDERS = st.builds(
    Terms,
    who=PICKS,
    book=st.sampled_from(BOOKS),
    is_buy=st.booleans(),
    lots=st.integers(1, 9),
    ticks=st.integers(8, 12),
    order_type=st.sampled_from(("limit", "limit", "limit", "limit", "market")),
    time_in_force=st.sampled_from(("", "", "", "gtc", "gtd", "ioc", "fok")),
    lives=st.integers(0, 40),
    post_only=st.sampled_from((False, False, False, False, True)),
    off_grid=st.sampled_from((0, 0, 0, 0, 0, 0, 0, 1)),
)
BOUNDS = st.sampled_from(
    (Bounds(), Bounds(), Bounds(price_band=3_000), Bounds(max_open_orders=4), Bounds(min_quantity=2, max_quantity=60))
)


def outcome(state: SessionState, command: c.Command, actor: Actor, now: int) -> "list[Event] | tuple[str, str, str]":
    """The events, or the refusal as plain data."""
    try:
        return list(SESSIONS.decide(state, command, actor, now))
    except DomainError as refusal:
        return refusal.code, refusal.detail, refusal.field


def likely(status: str, attribute: str = "") -> Callable[[Any], Any]:
    """Enable a rule in these statuses, where there is something to do it to; elsewhere only now and then."""
    statuses = status.split()

    def is_enabled(self: "Sessions") -> bool:
        state = self.market.state
        fits = state.facts.status in statuses and (not attribute or bool(getattr(state, attribute)))
        return fits or self.steps % 13 == 0

    return precondition(is_enabled)


class Sessions(RuleBasedStateMachine):
    """One session from its creation to wherever the rules take it."""

    market: Market
    twin: SessionState | None = None
    steps = 0

    @initialize(
        prevention=st.sampled_from(("cancel_newest", "cancel_oldest", "cancel_both")),
        decimals=st.sampled_from((0, 2)),
        start_mode=st.sampled_from(("immediate", "immediate", "immediate", "scheduled", "manual")),
        is_timed=st.booleans(),
        is_open=st.sampled_from((False, False, False, True)),
        has_cash=st.sampled_from((True, True, True, False)),
        bounds=BOUNDS,
        people=st.integers(2, 4),
    )
    def create(
        self,
        prevention: str,
        decimals: int,
        start_mode: str,
        is_timed: bool,
        is_open: bool,
        has_cash: bool,
        bounds: Bounds,
        people: int,
    ) -> None:
        self.lot = self.tick = 10 ** (decimals // 2)
        self.market = Market(
            people=HANDLES[:people],
            split=False,
            legs=LEGS,
            q=() if is_open else (41 * self.lot, 40 * self.lot),
            quantity_decimals=decimals,
            price_decimals=decimals,
            cash_per_participant=500 * self.lot * self.tick if has_cash else 0,
            start_mode=start_mode,
            t1=T0 + 2 * SECOND if start_mode == "scheduled" else 0,
            end_mode="timed" if is_timed else "manual",
            duration=10 * MINUTE if is_timed else 0,
            self_trade_prevention=prevention,
            bounds=bounds,
        )
        amounts = dict.fromkeys(LEGS, 9 * self.lot)
        share = {who: dict(amounts) for who in HANDLES[:people]} if is_open else None
        self.act(c.AssignAllocations(allocations=share), OLIVIA)
        if start_mode == "manual" and not is_open:
            self.act(c.StartSession(), OLIVIA)

    def act(self, command: c.Command, actor: Actor) -> None:
        """What is due, then the command, on the state and on its twin alike. A refusal changes nothing."""
        self.steps += 1
        market, logged = self.market, len(self.market.log)
        market.pass_due()
        self._follow(logged)
        before = market.text()
        decided = outcome(market.state, command, actor, market.now)
        assert market.text() == before
        if self.twin is not None:
            assert outcome(self.twin, command, actor, market.now) == decided
        if isinstance(decided, list):
            logged = len(market.log)
            market.apply(decided)
            self._follow(logged)
        else:
            SEEN["refused"] += 1

    def _follow(self, logged: int) -> None:
        """Let the twin see what the market logged since; what was due must be due for it too."""
        if self.twin is None:
            return
        new = self.market.log[logged:]
        for at, event in new:
            SESSIONS.evolve(self.twin, event, at)
        SESSIONS.check(self.twin)
        assert not SESSIONS.due(self.twin, self.market.now)

    def pick(self, pick: int, among: Sequence[int]) -> int:
        """One of the numbers, or now and then one that there isn't."""
        return among[pick % len(among)] if among and pick < 28 else pick

    def who(self, pick: int) -> str:
        """One of the members, or now and then somebody who isn't, or no longer is."""
        members = [person.handle for person in self.market.state.members()]
        return members[pick % len(members)] if members and pick < 27 else HANDLES[pick % 5]

    def holder(self, handle: str) -> Actor:
        """Who holds this handle."""
        person = self.market.state.facts.participants.get(handle)
        return Actor(person.user) if person else user(handle)

    def by(self, handle: str, pick: int) -> Actor:
        """Mostly the one who holds the handle, else the organiser or a stranger."""
        return OLIVIA if pick == 0 else user(HANDLES[1]) if pick == 1 else self.holder(handle)

    # Orders

    def order(self, terms: Terms) -> c.PlaceOrder:
        is_market = terms.order_type == "market"
        time_in_force = "" if is_market else terms.time_in_force
        return c.PlaceOrder(
            participant=self.who(terms.who),
            asset=terms.book[0],
            quote_asset=terms.book[1],
            is_buy=terms.is_buy,
            quantity=terms.lots * self.lot + terms.off_grid,
            price=0 if is_market else terms.ticks * self.tick,
            order_type=terms.order_type,
            time_in_force=time_in_force,
            expires_at=self.market.now + terms.lives * SECOND if time_in_force == "gtd" else 0,
            post_only=terms.post_only and not is_market,
        )

    @likely("active")
    @rule(terms=ORDERS, pick=PICKS)
    def place(self, terms: Terms, pick: int) -> None:
        command = self.order(terms)
        self.act(command, self.by(command.participant, pick))

    @likely("active")
    @rule(all_terms=st.lists(ORDERS, min_size=2, max_size=6))
    def place_many(self, all_terms: list[Terms]) -> None:
        for terms in all_terms:
            command = self.order(terms)
            self.act(command, self.holder(command.participant))

    @likely("active")
    @rule(terms=ORDERS, other=st.integers(1, 3), lots=st.integers(1, 9), better=st.integers(0, 2))
    def cross(self, terms: Terms, other: int, lots: int, better: int) -> None:
        """An order, and one from the other side that meets it."""
        ticks = terms.ticks - better if terms.is_buy else terms.ticks + better
        answer = terms._replace(
            who=(terms.who + other) % 27, is_buy=not terms.is_buy, lots=lots, ticks=ticks, post_only=False
        )
        for command in (self.order(terms._replace(time_in_force="", order_type="limit")), self.order(answer)):
            self.act(command, self.holder(command.participant))

    @likely("active", "orders")
    @rule(pick=PICKS, lots=st.integers(0, 9), ticks=st.integers(0, 12))
    def replace(self, pick: int, lots: int, ticks: int) -> None:
        number = self.pick(pick, sorted(self.market.state.orders))
        command = c.ReplaceOrder(order=number, quantity=lots * self.lot, price=ticks * self.tick if ticks > 7 else 0)
        self.act(command, self.owner_of(number))

    @likely("active halted", "orders")
    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        number = self.pick(pick, sorted(self.market.state.orders))
        self.act(c.CancelOrder(order=number), self.owner_of(number))

    @precondition(lambda self: self.steps % 6 == 5)
    @rule(
        who=PICKS,
        asset=st.sampled_from(("", *LEGS, "META")),
        side=st.sampled_from(("", "buy", "sell")),
    )
    def cancel_some(self, who: int, asset: str, side: str) -> None:
        handle = self.who(who)
        self.act(c.CancelOrders(participant=handle, asset=asset, side=side), self.holder(handle))

    def owner_of(self, number: int) -> Actor:
        state = self.market.state
        item = state.orders.get(number) or state.rfqs.get(number) or state.quotes.get(number)
        return Actor(item.owner) if item else OLIVIA

    # RFQs

    @likely("active")
    @rule(who=PICKS, turned=st.booleans(), lots=st.integers(1, 12), lives=st.integers(0, 40))
    def ask(self, who: int, turned: bool, lots: int, lives: int) -> None:
        leg_from, leg_to = reversed(LEGS) if turned else LEGS
        handle = self.who(who)
        self.act(
            c.RequestQuote(
                participant=handle, leg_from=leg_from, leg_to=leg_to, amount_from=lots * self.lot, expires_in=lives
            ),
            self.holder(handle),
        )

    @likely("active", "rfqs")
    @rule(pick=PICKS, who=PICKS, rate=RATES, firm=st.booleans(), lives=st.integers(0, 40))
    def quote(self, pick: int, who: int, rate: int, firm: bool, lives: int) -> None:
        number, handle = self.pick(pick, sorted(self.market.state.rfqs)), self.who(who)
        command = c.ProvideQuote(rfq=number, participant=handle, rate=rate, firm=firm, expires_in=lives)
        self.act(command, self.holder(handle))

    @likely("active")
    @rule(who=PICKS, makers=st.lists(st.tuples(PICKS, RATES, st.booleans()), max_size=3), pick=PICKS)
    def deal(self, who: int, makers: list[tuple[int, int, bool]], pick: int) -> None:
        """An RFQ, answers that compete, and an acceptance."""
        self.ask(who, turned=bool(pick % 2), lots=1 + pick % 5, lives=0)
        rfq = self.market.state.facts.seq
        for maker, rate, firm in makers:
            handle = self.who(maker)
            command = c.ProvideQuote(rfq=rfq, participant=handle, rate=rate, firm=firm)
            self.act(command, self.holder(handle))
        self.accept(pick)

    @likely("active", "quotes")
    @rule(pick=PICKS)
    def accept(self, pick: int) -> None:
        quotes = self.market.state.quotes
        number = self.pick(pick, sorted(quotes))
        actor = self.owner_of(quotes[number].rfq) if number in quotes else OLIVIA
        self.act(c.AcceptQuote(quote=number), actor)

    @likely("active halted", "quotes")
    @rule(pick=PICKS)
    def withdraw(self, pick: int) -> None:
        number = self.pick(pick, sorted(self.market.state.quotes))
        self.act(c.WithdrawQuote(quote=number), self.owner_of(number))

    @likely("active halted", "rfqs")
    @rule(pick=PICKS)
    def cancel_rfq(self, pick: int) -> None:
        number = self.pick(pick, sorted(self.market.state.rfqs))
        self.act(c.CancelRfq(rfq=number), self.owner_of(number))

    # People

    @precondition(lambda self: self.steps % 5 == 1)
    @rule(who=st.sampled_from(HANDLES), again=st.integers(0, 2), by_organiser=st.booleans())
    def join(self, who: str, again: int, by_organiser: bool) -> None:
        handle = who + ("", "2", "3")[again]
        self.act(c.JoinSession(participant=handle, user=user(who).id), OLIVIA if by_organiser else user(who))

    @precondition(lambda self: self.steps % 7 == 3)
    @rule(who=PICKS)
    def remove(self, who: int) -> None:
        self.act(c.RemoveParticipant(participant=self.who(who)), OLIVIA)

    @precondition(lambda self: self.steps % 3 == 1)
    @rule(who=PICKS, lots=st.tuples(st.integers(-1, 9), st.integers(0, 9)), is_split=st.booleans())
    def allocate(self, who: int, lots: tuple[int, int], is_split: bool) -> None:
        amounts = {leg: units * self.lot for leg, units in zip(LEGS, lots, strict=True)}
        self.act(c.AssignAllocations(allocations=None if is_split else {self.who(who): amounts}), OLIVIA)

    # Time and status

    @rule(seconds=st.sampled_from((0.000001, 1, 5, 20, 60)))
    def wait(self, seconds: float) -> None:
        logged = len(self.market.log)
        self.market.wait(seconds=seconds)
        self._follow(logged)

    @likely("created")
    @rule()
    def start(self) -> None:
        self.act(c.StartSession(), OLIVIA)

    @precondition(lambda self: self.steps % 11 == 10)
    @rule()
    def halt(self) -> None:
        self.act(c.HaltSession(reason="news"), OLIVIA)

    @likely("halted")
    @rule()
    def resume(self) -> None:
        self.act(c.ResumeSession(), OLIVIA)

    @precondition(lambda self: self.steps % 5 == 2)
    @rule(prices=st.tuples(st.integers(0, 12), st.integers(1, 12)))
    def fix(self, prices: tuple[int, int]) -> None:
        self.act(c.FixPrices(fixing=self.fixing(prices)), OLIVIA)

    @precondition(lambda self: self.steps % 9 == 3)
    @rule(pick=PICKS)
    def announce(self, pick: int) -> None:
        self.act(c.Announce(text="news", participant=self.who(pick) if pick % 2 else ""), OLIVIA)

    @likely("active halted")
    @rule(pick=PICKS)
    def bust(self, pick: int) -> None:
        trades = self.market.trades()
        if not trades:
            return
        trade = trades[pick % len(trades)]
        command = c.BustTrade(
            trade=trade.id,
            participant_a=trade.a,
            participant_b=trade.b,
            leg_from=trade.leg_from,
            leg_to=trade.leg_to,
            amount_from=trade.amount_from,
            amount_to=trade.amount_to,
            reason="error",
        )
        self.act(command, OLIVIA)

    @precondition(lambda self: self.steps > 45)
    @rule()
    def close(self) -> None:
        self.act(c.CloseSession(), OLIVIA)

    @likely("closed")
    @rule(prices=st.tuples(st.integers(0, 12), st.integers(1, 12)))
    def settle(self, prices: tuple[int, int]) -> None:
        self.act(c.SettleSession(fixing=self.fixing(prices)), OLIVIA)

    @likely("settled")
    @rule(prices=st.tuples(st.integers(0, 12), st.integers(1, 12)))
    def correct(self, prices: tuple[int, int]) -> None:
        self.act(c.CorrectSettlement(fixing=self.fixing(prices), reason="typo"), OLIVIA)

    @precondition(lambda self: self.steps > 60 and self.steps % 3 == 0)
    @rule()
    def call_off(self) -> None:
        self.act(c.CancelSession(reason="rain"), OLIVIA)

    def fixing(self, prices: tuple[int, int]) -> Any:
        return fixing(**dict(zip(LEGS, (price * self.tick for price in prices), strict=True)))

    @rule()
    def snapshot(self) -> None:
        """From here on, a state that was restored from the text of this one must behave the same."""
        text = self.market.text()
        self.twin = SESSIONS.load(STREAM, text)
        assert canonical(SESSIONS.dump(self.twin)) == text

    # What must always be true

    @invariant()
    def everything_is_conserved(self) -> None:
        facts = self.market.state.facts
        totals: Counter[str] = Counter()
        for assets in facts.holdings.values():
            for asset, holding in assets.items():
                assert 0 <= holding.reserved <= holding.total
                totals[asset] += holding.total
        assert [totals[leg] for leg in LEGS] == list(facts.q)
        assert totals[CASH] == facts.cash_issued

    @invariant()
    def what_is_reserved_stands_behind_something_open(self) -> None:
        state = self.market.state
        needed: Counter[tuple[str, str]] = Counter()
        for order in state.orders.values():
            assert order.is_open
            assert order.order_type == "limit"
            left = order.quantity - order.filled
            assert left > 0
            if not order.is_buy:
                needed[order.participant, order.asset] += left
            elif order.quote_asset == CASH:
                needed[order.participant, CASH] += left * order.price
            else:
                cost, rest = divmod(left * order.price, 10**state.facts.price_decimals)
                assert rest == 0
                needed[order.participant, order.quote_asset] += cost
        for quote in state.quotes.values():
            if quote.firm:
                needed[quote.participant, quote.leg_to] += quote.amount_to
        for who, assets in state.facts.holdings.items():
            for asset, holding in assets.items():
                assert holding.reserved == needed.pop((who, asset), 0)
        assert not needed

    @invariant()
    def no_book_is_crossed_and_every_open_order_stands_in_one(self) -> None:
        state = self.market.state
        resting = 0
        for name, book in state.books.items():
            bid, ask = book.bids.best, book.asks.best
            assert bid is None or ask is None or bid < ask, name
            for side in (book.bids, book.asks):
                assert list(side.prices()) == sorted(side.levels, reverse=side is book.bids)
                for level in side.levels.values():
                    assert level.orders
                    assert level.quantity == sum(order.remaining for order in level.orders.values())
                    priorities = [order.priority for order in level.orders.values()]
                    assert priorities == sorted(priorities)
                    resting += len(level.orders)
        assert resting == len(state.orders)

    @invariant()
    def nobody_trades_with_themselves(self) -> None:
        people = self.market.state.facts.participants
        for trade in self.market.trades():
            assert people[trade.a].user != people[trade.b].user
            assert trade.amount_from > 0
            assert trade.amount_to > 0

    @invariant()
    def only_an_open_session_has_something_open(self) -> None:
        state = self.market.state
        if state.facts.status not in {"active", "halted"}:
            assert {**state.orders, **state.rfqs, **state.quotes} == {}
        items: list[Order | Rfq | Quote] = [*state.orders.values(), *state.rfqs.values(), *state.quotes.values()]
        deadlines = sorted((item.expires_at, item.id) for item in items if item.expires_at)
        assert state.deadlines == deadlines
        assert not deadlines or deadlines[0][0] > self.market.now

    @invariant()
    def payouts_add_up_to_the_basket(self) -> None:
        facts = self.market.state.facts
        if facts.status == "settled":
            assert facts.fixing is not None
            worth = sum(units * facts.fixing.prices[leg] for leg, units in zip(facts.legs, facts.q, strict=True))
            assert sum(facts.payouts.values()) + facts.treasury_payout == worth

    @invariant()
    def the_twin_is_the_same(self) -> None:
        if self.twin is not None:
            assert canonical(SESSIONS.dump(self.twin)) == self.market.text()

    def teardown(self) -> None:
        if not hasattr(self, "market"):
            return
        text = self.market.text()
        assert canonical(SESSIONS.dump(fold(self.market.log))) == text
        assert canonical(SESSIONS.dump(SESSIONS.load(STREAM, text))) == text
        assert self.market.state.facts.seq == len(self.market.log)
        SEEN.update(type(event).__name__ for _, event in self.market.log)


@pytest.mark.timeout(7200)  # the long runs, on a busy machine
def test_no_sequence_of_commands_breaks_a_session() -> None:
    SEEN.clear()
    chosen = chance()[0] if FULL else None
    if chosen is not None:
        print(f"hypothesis seed {chosen}")  # noqa: T201  pytest shows it when the test fails
    run_state_machine_as_test(
        Sessions if chosen is None else seed(chosen)(Sessions),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=50,
            derandomize=chosen is None,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    rare = [event.__name__ for event in EVENTS if SEEN[event.__name__] < 10]
    assert not rare, f"these hardly happened: {rare}"
    assert SEEN["refused"] < SEEN.total() / 2
