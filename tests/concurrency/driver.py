"""One process of several that trade in one session: `python -m tests.concurrency.driver '{"stream": ...}'`.

Writes a line of JSON for every command that was acknowledged, at once, and a last one with the counters.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import IntegrityError, InterfaceError, OperationalError, connection  # noqa: E402  after the setup

from common.errors import DomainError, Unavailable  # noqa: E402
from ledger.models import Stream  # noqa: E402
from ledger.runtime import Runtime, runtime  # noqa: E402
from ledger.store import Locked  # noqa: E402
from ledger.tickets import Result, Ticket  # noqa: E402
from markets import queries  # noqa: E402
from markets.engine import commands as c  # noqa: E402
from markets.handlers import orders  # noqa: E402
from markets.queries import SessionInfo  # noqa: E402
from markets.tests.floor import order, user  # noqa: E402

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What one process does. `rendezvous`: wait in this folder until `processes` have read the stream."""

    stream: str
    process: int
    threads: int = 8
    turns: int = 25
    has_lock: bool = True
    sells_all: bool = False
    rendezvous: str = ""
    processes: int = 2


class Counting(Runtime):
    """Counts what only happens where the lock does not hold: two events under one seq."""

    plan: Plan
    conflicts = 0

    def _attempt(self, stream: UUID, tickets: list[Ticket]) -> list[Result]:
        while True:
            try:
                return super()._attempt(stream, tickets)
            except IntegrityError:
                self.conflicts += 1

    def _lock(self, stream: UUID) -> Locked | None:  # type: ignore[override]  # needs to know the plan
        if self.plan.has_lock:
            return super()._lock(stream)
        row = Stream.objects.get(id=stream)
        if self.plan.rendezvous:
            self._meet(Path(self.plan.rendezvous))
        return Locked(row.id, row.domain, row.seq, row.head, row.last_at, row.deleted_at)

    def _meet(self, folder: Path) -> None:
        (folder / str(self.plan.process)).touch()
        deadline = time.monotonic() + 10
        while len(list(folder.iterdir())) < self.plan.processes and time.monotonic() < deadline:
            time.sleep(0.01)


class Journal:
    """Lines on stdout, whole and at once, so that whatever was acknowledged is known even of a killed process."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()

    def note(self, **what: Any) -> None:
        with self._mutex:
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()


def main(plan: Plan) -> None:
    runtime.__class__ = Counting
    assert isinstance(runtime, Counting)
    runtime.plan = plan
    if not plan.has_lock:
        settings.ORDERS_PER_SECOND = 0  # the rows of buckets would be waited for, and hide the race
    session, journal = insisting(lambda: queries.session_of(UUID(plan.stream))), Journal()
    if plan.sells_all:
        _sell_all(session, plan, journal)
    else:
        threads = [
            threading.Thread(target=_trade, args=(session, plan, number, journal)) for number in range(plan.threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    runtime.stop()
    journal.note(counters=asdict(runtime.counters), conflicts=runtime.conflicts)


def insisting(action: Callable[[], T]) -> T:
    """What a client does while the service is unavailable: the same again, under the same id."""
    deadline = time.monotonic() + 40
    while True:
        try:
            return action()
        except (Unavailable, OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _sell_all(session: SessionInfo, plan: Plan, journal: Journal) -> None:
    """Everything that alice has, once."""
    command = order(session, "alice", "sell", 50, 1, client_order_id=f"all of it {plan.process}")
    try:
        receipt = orders.place_order(session.stream, command, user("alice"))
        journal.note(placed=command.client_order_id, number=receipt.number, filled=receipt.filled)
    except DomainError as refusal:
        journal.note(refused=refusal.code)


def _trade(session: SessionInfo, plan: Plan, thread: int, journal: Journal) -> None:
    """Orders that meet others' orders, some cancelled, some sent twice."""
    chance, own = random.Random(100 * plan.process + thread), list[int]()
    handle = f"p{thread}"
    for turn in range(plan.turns):
        name = f"{plan.process}-{thread}-{turn}"
        try:
            if own and chance.random() < 0.3:
                cancel = c.CancelOrder(order=own.pop(chance.randrange(len(own))))
                insisting(lambda: orders.cancel_order(session.stream, cancel, user(handle), command_id=name))  # noqa: B023
                journal.note(cancelled=name, number=cancel.order)
                continue
            side, price = chance.choice(["buy", "sell"]), 10 + chance.randrange(-2, 3)
            command = order(session, handle, side, chance.randrange(1, 4), price, client_order_id=name)
            receipt = insisting(lambda: orders.place_order(session.stream, command, user(handle)))  # noqa: B023
            journal.note(placed=name, number=receipt.number)
            own.append(receipt.number)
            if chance.random() < 0.1:
                again = insisting(lambda: orders.place_order(session.stream, command, user(handle)))  # noqa: B023
                assert again.replayed
                assert again.number == receipt.number
        except DomainError as refusal:
            journal.note(refused=refusal.code)


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
