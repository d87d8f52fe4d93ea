"""A fixed, seeded run of the engine, and folding its events again. Knows no Django: `python -m` runs it bare.

Two processes with different PYTHONHASHSEEDs, or two databases, must come to the same text, letter by letter.
"""

import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from common.clock import SECOND
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger.codec import EventTypes, canonical
from markets.engine import commands as c
from markets.engine.decide import dispatch
from markets.engine.events import EVENTS, Fixing
from markets.engine.evolve import evolve
from markets.engine.state import CASH, SessionState

STREAM = UUID("6a1c0a52-6d0c-4f6a-8b39-0b8a3a7f1c55")
T0 = 1_800_000_000 * SECOND
OLIVIA = Actor("olivia")
LEGS = ("AAPL", "GOLD 3m", "NVDA")
HANDLES = ("zoe", "alice", "mike", "Bob", "carol")
BOOKS = (("AAPL", CASH), ("AAPL", CASH), ("NVDA", CASH), ("GOLD 3m", "AAPL"))
LENGTH = 600


class Said(NamedTuple):
    """A command as somebody gave it, refused or not."""

    now: int
    command: c.Command
    actor: Actor


class Run(NamedTuple):
    """What was said, what happened, and where it ended."""

    said: list[Said]
    events: list[tuple[int, Event]]
    state: SessionState


def text_of(state: SessionState) -> str:
    """The state's one canonical text."""
    return canonical(state.saved())


def hash_of(text: str) -> str:
    """SHA-256 of a state's text."""
    return sha256(text.encode()).hexdigest()


def play(seed: int = 7, length: int = LENGTH) -> Run:
    """Everything that the engine does, decided and applied without a database. `length`: commands, about."""
    chance, run = random.Random(seed), Run([], [], SessionState(STREAM))
    now = T0
    for command, actor in _script(chance, run, length):
        now += chance.choice((0, 0, 1, SECOND, 3 * SECOND))
        run.said.append(Said(now, command, actor))
        while due := dispatch.due(run.state, now):
            _apply(run, due, now)
        try:
            decided = dispatch.decide(run.state, command, actor, now)
        except DomainError:
            continue
        _apply(run, decided, now)
    return run


def _apply(run: Run, decided: Sequence[Event], now: int) -> None:
    for event in decided:
        evolve(run.state, event, now)
        run.events.append((now, event))


def _script(chance: random.Random, run: Run, length: int) -> Iterator[tuple[c.Command, Actor]]:
    admitted = tuple(c.Admission(participant=handle, user=f"user-{handle}") for handle in HANDLES[:4])
    yield (
        c.CreateSession(
            session_id="golden",
            legs=LEGS,
            q=(1_000_003, 500_000, 700_001),
            cash_per_participant=50_000 * 10**8,
            end_mode="timed",
            duration=6 * length * SECOND,
            self_trade_prevention="cancel_oldest",
            participants=admitted,
        ),
        OLIVIA,
    )
    yield c.AssignAllocations(), OLIVIA
    for step in range(length):
        if step == length // 3:
            yield c.RemoveParticipant(participant="mike"), OLIVIA
            yield c.JoinSession(participant="carol", user="user-carol"), Actor("user-carol")
            yield c.AssignAllocations(), OLIVIA
        yield _something(chance, run)
    yield c.HaltSession(reason="bell"), OLIVIA
    yield c.CloseSession(), OLIVIA
    prices = {"AAPL": 1_900_000, "GOLD 3m": 3_300_001, "NVDA": 4_800_000}
    yield c.SettleSession(fixing=Fixing("manual", T0, prices)), OLIVIA
    yield c.CorrectSettlement(fixing=Fixing("manual", T0, prices | {"NVDA": 4_810_000}), reason="typo"), OLIVIA


def _something(chance: random.Random, run: Run) -> tuple[c.Command, Actor]:
    state = run.state
    handle = chance.choice(HANDLES)
    actor = Actor(f"user-{handle}")
    kind = chance.choices(("place", "replace", "cancel", "ask", "quote", "accept"), (60, 10, 8, 6, 10, 6))[0]
    if kind == "place":
        return _order(chance, handle, run.said[-1].now), actor
    if kind == "ask":
        leg_from, leg_to = chance.sample(LEGS, 2)
        amount = chance.randint(1, 20_000)
        return (
            c.RequestQuote(
                participant=handle,
                leg_from=leg_from,
                leg_to=leg_to,
                amount_from=amount,
                expires_in=chance.randint(0, 60),
            ),
            actor,
        )
    if kind == "quote":
        rate = chance.randint(1_000_000, 150_000_000)
        rfq = _one_of(chance, state.rfqs)
        return c.ProvideQuote(rfq=rfq, participant=handle, rate=rate, firm=chance.random() < 0.5), actor
    if kind == "accept":
        return c.AcceptQuote(quote=_one_of(chance, state.quotes)), OLIVIA
    number = _one_of(chance, state.orders)
    if kind == "cancel":
        return c.CancelOrder(order=number), OLIVIA
    return c.ReplaceOrder(order=number, quantity=chance.randint(0, 300) * 100), OLIVIA


def _order(chance: random.Random, handle: str, now: int) -> c.PlaceOrder:
    asset, quote_asset = chance.choice(BOOKS)
    order_type = chance.choices(("limit", "market"), (9, 1))[0]
    time_in_force = chance.choice(("gtc", "gtc", "gtc", "gtd", "ioc", "fok")) if order_type == "limit" else ""
    lives = chance.randint(1, 90) * SECOND
    return c.PlaceOrder(
        participant=handle,
        asset=asset,
        quote_asset=quote_asset,
        is_buy=chance.random() < 0.5,
        quantity=chance.randint(1, 300) * 100,
        price=chance.randint(95, 105) * 100 if order_type == "limit" else 0,
        order_type=order_type,
        time_in_force=time_in_force,
        expires_at=now + lives if time_in_force == "gtd" else 0,
    )


def _one_of(chance: random.Random, among: Iterable[int]) -> int:
    numbers = sorted(among)
    return chance.choice(numbers) if numbers else 0


def lines_of(events: Sequence[tuple[int, str, int, str, int]]) -> str:
    """(seq, type, version, payload, at) of each event as JSON lines."""
    return "".join(json.dumps(event) + "\n" for event in events)


def fold_lines(path: Path) -> SessionState:
    """The state that the events in a file of JSON lines fold to."""
    types, state = EventTypes(EVENTS), SessionState(STREAM)
    for line in path.read_text().splitlines():
        _, kind, version, payload, at = json.loads(line)
        evolve(state, types.decode(kind, version, payload), at)
    return state


if __name__ == "__main__":
    file, seed, length = sys.argv[1:]
    events = play(int(seed), int(length)).events
    sys.stdout.write(f"{hash_of(text_of(fold_lines(Path(file))))} {hash_of(canonical(events))}\n")
