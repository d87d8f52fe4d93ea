"""Tickets: commands on their way to the ledger, what came of them, and the writer threads that serve them."""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connections

from common.errors import DomainError
from common.ids import Actor
from ledger.codec import canonical
from ledger.domain import Committed

MOST_COMMANDS = 1000
"""Of a batch: as many as a bulk may bring, so that bulks don't queue up into one transaction of seconds."""


class Outcome(NamedTuple):
    """What a command did: its events, `first_seq` to `last_seq`. `replayed`: it had been done before.

    `left`: what the domain says of the state that it left; None where it was done by another batch.
    """

    stream: UUID
    command_id: str
    first_seq: int
    last_seq: int
    events: Sequence[Committed]
    replayed: bool
    left: Any = None


class BulkOutcome(NamedTuple):
    """What each command of a bulk did, in the order given: an Outcome, or the DomainError that refused it."""

    stream: UUID
    command_id: str
    results: Sequence[Outcome | DomainError]
    replayed: bool


class Item(NamedTuple):
    """A command with the id under which it is done once, unique within `scope` (an actor, a participant).

    An empty scope: no id of its own. It shares its bulk's, and only the bulk's outcome is stored.
    """

    command: Any
    command_id: str
    scope: str
    fingerprint: str


def fingerprint(command: Any) -> str:
    """SHA-256 of the command's canonical form: the same content gives the same fingerprint."""
    return sha256(canonical([type(command).__name__, command]).encode()).hexdigest()


class Opens(NamedTuple):
    """The stream that a ticket opens if it isn't there yet."""

    domain: str
    name: str


@dataclass(slots=True, eq=False)
class Ticket:
    """One call: a single command, or a bulk of them under an id of its own."""

    stream: UUID
    actor: Actor
    items: Sequence[Item]
    bulk: Item | None = None
    also: Item | None = None
    """A second id of a single command: whichever of the two is known, its outcome is the answer."""
    opens: Opens | None = None
    loop: asyncio.AbstractEventLoop | None = None
    future: "Future[Any] | asyncio.Future[Any]" = field(init=False)
    """Made by the door through which it comes: a thread's, or a coroutine's."""
    may_be_known: bool = True
    """Whether to look for an outcome under its ids. One that we made up ourselves is new, until an attempt fails."""
    retried: bool = False
    """An earlier attempt may have committed it: finding it done is then its own answer, not a repeat."""

    @property
    def command_id(self) -> str:
        return self.bulk.command_id if self.bulk else self.items[0].command_id


Result = Outcome | BulkOutcome | BaseException


def deliver(answers: Sequence[tuple[Ticket, Result]]) -> None:
    """Wake the callers: threads one by one, coroutines with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Ticket, Result]]] = {}
    for ticket, result in answers:
        if ticket.loop is None:
            _settle(ticket, result)
        else:
            by_loop.setdefault(ticket.loop, []).append((ticket, result))
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, group)
        except RuntimeError:
            continue  # the loop is closed: nobody is left to tell


def _settle_all(group: Sequence[tuple[Ticket, Result]]) -> None:
    for ticket, result in group:
        _settle(ticket, result)


def _settle(ticket: Ticket, result: Result) -> None:
    if ticket.future.done():
        return
    if isinstance(result, StopIteration) or (isinstance(result, BaseException) and not isinstance(result, Exception)):
        # asyncio's futures don't take the first, and would end the whole loop by SystemExit.
        result = RuntimeError(f"{result!r} came out of a command")
    if isinstance(result, BaseException):
        ticket.future.set_exception(result)
    else:
        ticket.future.set_result(result)


class Mailbox:
    """The tickets that wait for one stream. All its fields are guarded by the runtime's mutex."""

    __slots__ = ("is_draining", "stream", "tickets")

    def __init__(self, stream: UUID) -> None:
        self.stream = stream
        self.tickets: deque[Ticket] = deque()
        self.is_draining = False

    def take(self, limit: int) -> list[Ticket]:
        """The next tickets, until they bring `limit` tickets or MOST_COMMANDS commands; never half a bulk."""
        taken: list[Ticket] = []
        commands = 0
        while self.tickets and len(taken) < limit and commands < MOST_COMMANDS:
            taken.append(self.tickets.popleft())
            commands += len(taken[-1].items)
        return taken


_Jobs = queue.SimpleQueue[Callable[[], None] | None]


class WriterThreads:
    """A few threads with a database connection each, started when first needed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._jobs: _Jobs = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._mutex = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` on one of the threads. It must not raise."""
        with self._mutex:
            if not self._threads:
                self._jobs = queue.SimpleQueue()
                self._threads = [
                    threading.Thread(target=_work, args=(self._jobs,), name=f"ledger-writer-{number}", daemon=True)
                    for number in range(self._count)
                ]
                for thread in self._threads:
                    thread.start()
            self._jobs.put(job)

    def stop(self) -> None:
        """Finish what is queued, close the connections, end the threads. A job that comes later starts new ones."""
        with self._mutex:
            threads, jobs, self._threads = self._threads, self._jobs, []
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            thread.join()


def _work(jobs: _Jobs) -> None:
    """What a writer thread does. The queue is its generation's own, so that its end is nobody else's."""
    while (job := jobs.get()) is not None:
        job()
    connections.close_all()
