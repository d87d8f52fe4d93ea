"""The command runtime: the only way to append to a stream, and the only transaction around it.

Callers put tickets into a stream's mailbox; one drain per active stream takes what waits, decides it under the row
lock, commits once and wakes the callers. docs/ledger.md tells why, line by line.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

from common.clock import Clock, now_us
from common.errors import DomainError, Unavailable
from common.ids import Actor, new_id
from ledger import chain, registry, store
from ledger.batch import Batch
from ledger.domain import Committed
from ledger.durability import NO_ROOM, room
from ledger.models import Stream
from ledger.ring import CommittedRing
from ledger.store import Locked
from ledger.tickets import (
    BulkOutcome,
    Item,
    Mailbox,
    Opens,
    Outcome,
    Result,
    Ticket,
    WriterThreads,
    deliver,
    fingerprint,
)
from ledger.tolls import Memory, Toll
from ledger.warm import Warm, WarmStates, dump, load

MOST_ID_CHARACTERS = 160
_AWAY = (OperationalError, InterfaceError, InternalError)
"""The database does not answer, or ended our transaction (InternalError, when it was idle too long on PostgreSQL)."""
_BREATH, _MOST_BREATHS = 0.0005, 4
log = logging.getLogger("ledger.runtime")
_STREAM_IDS = UUID("5e2d6c52-6a9c-4e6b-9d5e-0c2f5d9a7b11")


class _CommitUnknown(Exception):
    """COMMIT was sent and no answer came. `results` is what it would have made true."""

    def __init__(self, results: Sequence[Result]) -> None:
        super().__init__()
        self.results = results


@dataclass
class Counters:
    """What the drains did, for metrics, tests and benchmarks."""

    batches: int = 0
    tickets: int = 0
    reruns: int = 0
    unknown_commits: int = 0
    cold_starts: int = 0


class Runtime:
    """One per process (`ledger.runtime.runtime`); tests and benchmarks may make their own."""

    def __init__(
        self,
        *,
        clock: Clock = now_us,
        writers: int = 4,
        batch_limit: int = 256,
        mailbox_limit: int = 4096,
        warm_limit: int = 64,
        snapshot_every: int = 20_000,
        give_up_after: float = 5.0,
    ) -> None:
        self.clock = clock
        self.counters = Counters()
        self.committed = CommittedRing()
        self.before_commit: Callable[[], None] | None = None
        """A test's hook, called inside the transaction just before COMMIT."""
        self.after_commit: list[Callable[[UUID], None]] = []
        """Told which stream was served, once its callers have their answers. They must be quick."""
        self._batch_limit, self._mailbox_limit = batch_limit, mailbox_limit
        self._snapshot_every, self._give_up_after = snapshot_every, give_up_after
        self._warm, self._buckets = WarmStates(warm_limit), Memory(warm_limit)
        self._writers = WriterThreads(writers)
        self._mailboxes: dict[UUID, Mailbox] = {}
        self._mutex = threading.Lock()

    # The doors

    def execute(
        self, stream: UUID, command: Any, actor: Actor, *, command_id: str = "", timeout: float = 30.0
    ) -> Outcome:
        """Do `command` on `stream` and wait for the commit.

        Repeating a `command_id` answers the first outcome, `replayed`. Raises DomainError when refused, Unavailable
        when the service can't take it now, RuntimeError inside an atomic block.
        """
        outcome = self._wait(self._single(stream, command, actor, command_id), timeout)
        assert isinstance(outcome, Outcome)
        return outcome

    def execute_item(
        self, stream: UUID, item: Item, actor: Actor, *, command_id: str = "", timeout: float = 30.0
    ) -> Outcome:
        """Like `execute`, under an id in a scope of its own, and under `command_id` as well if there is one.

        Without either, an id is made up. Two ids that belong to different commands: `idempotency_conflict`.
        """
        outcome = self._wait(self._item(stream, item, actor, command_id), timeout)
        assert isinstance(outcome, Outcome)
        return outcome

    def open(
        self, opens: Opens, command: Any, actor: Actor, *, command_id: str = "", timeout: float = 30.0
    ) -> Outcome:
        """Like `execute`, on a stream that the command opens. Raises DomainError `name_taken` for a live name."""
        command_id = command_id or new_id()
        stream = uuid5(_STREAM_IDS, f"{opens.domain}/{actor.id}/{command_id}")
        ticket = self._single(stream, command, actor, command_id)
        ticket.opens = opens
        outcome = self._wait(ticket, timeout)
        assert isinstance(outcome, Outcome)
        return outcome

    def execute_on(
        self,
        stream: UUID,
        opens: Opens,
        command: Any,
        actor: Actor,
        *,
        command_id: str = "",
        timeout: float = 30.0,
    ) -> Outcome:
        """Like `execute`, on the one stream of its kind, whose id is known before it exists."""
        ticket = self._single(stream, command, actor, command_id)
        ticket.opens = opens
        outcome = self._wait(ticket, timeout)
        assert isinstance(outcome, Outcome)
        return outcome

    def execute_bulk(
        self,
        stream: UUID,
        items: Sequence[Item],
        actor: Actor,
        *,
        command_id: str = "",
        timeout: float = 60.0,
    ) -> BulkOutcome:
        """Do `items` in order in one transaction, each on what the one before left, each with its own result."""
        outcome = self._wait(self._bulk(stream, items, actor, command_id), timeout)
        assert isinstance(outcome, BulkOutcome)
        return outcome

    async def aexecute(self, stream: UUID, command: Any, actor: Actor, *, command_id: str = "") -> Outcome:
        """`execute` for coroutines: never blocks the event loop, and callers on one loop form batches."""
        outcome = await self._await(self._single(stream, command, actor, command_id))
        assert isinstance(outcome, Outcome)
        return outcome

    def begin_item(
        self, stream: UUID, item: Item, actor: Actor, *, command_id: str = ""
    ) -> "asyncio.Future[Outcome]":
        """`execute_item` for an event loop, without a coroutine: a future of the running loop.

        Commands are taken in the order in which they are begun. One whose future is cancelled before is skipped.
        """
        return self._begin(self._item(stream, item, actor, command_id))

    async def aexecute_bulk(
        self, stream: UUID, items: Sequence[Item], actor: Actor, *, command_id: str = ""
    ) -> BulkOutcome:
        """`execute_bulk` for coroutines."""
        outcome = await self._await(self._bulk(stream, items, actor, command_id))
        assert isinstance(outcome, BulkOutcome)
        return outcome

    def tokens(self, stream: UUID, actor: Actor, toll: Toll) -> int:
        """How many tokens this process last knew to be in an actor's bucket: after a command of theirs, all."""
        return toll.left(self._buckets.get(stream).full_at.get((actor.id, toll.bucket), 0), self.clock())

    def forget(self) -> None:
        """Drop warm states and rings; what is committed stays. For tests that empty the tables."""
        self._warm.clear()
        self._buckets.clear()
        self.committed.clear()

    def stop(self) -> None:
        """Finish what waits and close the writers' connections. The next ticket starts them again."""
        self._writers.stop()
        self.forget()

    # Tickets

    @staticmethod
    def _single(stream: UUID, command: Any, actor: Actor, command_id: str) -> Ticket:
        _check_id(command_id)
        item = Item(command, command_id or new_id(), actor.id, fingerprint(command))
        return Ticket(stream, actor, [item], may_be_known=bool(command_id))

    @classmethod
    def _item(cls, stream: UUID, item: Item, actor: Actor, command_id: str) -> Ticket:
        ticket = cls._single(stream, item.command, actor, command_id)
        if item.scope:
            ticket.items, ticket.also = [item], ticket.items[0] if command_id else None
            ticket.may_be_known = True
        return ticket

    @staticmethod
    def _bulk(stream: UUID, items: Sequence[Item], actor: Actor, command_id: str) -> Ticket:
        _check_id(command_id)
        bulk_id = command_id or new_id()
        own = [item if item.scope else item._replace(command_id=bulk_id) for item in items]
        content = fingerprint([item.fingerprint or [type(item.command).__name__, item.command] for item in own])
        return Ticket(stream, actor, own, bulk=Item(None, bulk_id, actor.id, content))

    def _wait(self, ticket: Ticket, timeout: float) -> Outcome | BulkOutcome:
        if connection.in_atomic_block:  # Django lets no coroutine open one
            raise RuntimeError("The runtime owns the transaction: don't call it inside an atomic block.")
        future: Future[Outcome | BulkOutcome] = Future()
        ticket.future = future
        self._post(ticket)
        try:
            answer = future.result(timeout)
        except FutureTimeout:
            if not future.done():
                raise self._abandon(ticket) from None
            answer = future.result()  # it came in the last moment, or is itself a time-out
        return answer

    async def _await(self, ticket: Ticket) -> Outcome | BulkOutcome:
        try:
            answer: Outcome | BulkOutcome = await self._begin(ticket)
        except asyncio.CancelledError:
            self._abandon(ticket)
            raise
        return answer

    def _begin(self, ticket: Ticket) -> "asyncio.Future[Any]":
        ticket.loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = ticket.loop.create_future()
        ticket.future = future
        self._post(ticket)
        return future

    def _post(self, ticket: Ticket) -> None:
        with self._mutex:
            mailbox = self._mailboxes.get(ticket.stream)
            if mailbox is None:
                mailbox = self._mailboxes[ticket.stream] = Mailbox(ticket.stream)
            if len(mailbox.tickets) >= self._mailbox_limit:
                raise Unavailable("busy", "Too many commands are waiting. Try again in a second.")
            mailbox.tickets.append(ticket)
            if mailbox.is_draining:
                return
            mailbox.is_draining = True
        self._writers.submit(lambda: self._drain(mailbox))

    def _abandon(self, ticket: Ticket) -> Unavailable:
        """The caller gave up: take the ticket back, or say that nobody knows."""
        with self._mutex:
            mailbox = self._mailboxes.get(ticket.stream)
            if mailbox is not None and ticket in mailbox.tickets:
                mailbox.tickets.remove(ticket)
                return Unavailable("busy", "The command waited too long and was taken back.")
        return Unavailable(
            "outcome_unknown",
            "No answer came in time. Repeat it under the same id.",
            command_id=ticket.command_id,
        )

    # The drain

    def _drain(self, mailbox: Mailbox) -> None:
        """Serve batches until the mailbox is empty; let other streams in between after a few."""
        for _ in range(16):
            with self._mutex:
                tickets = mailbox.take(self._batch_limit)
                if not tickets:
                    mailbox.is_draining = False
                    del self._mailboxes[mailbox.stream]
                    return
            self._serve(mailbox.stream, [ticket for ticket in tickets if not ticket.future.done()])
            _breathe(mailbox, len(tickets))
        self._writers.submit(lambda: self._drain(mailbox))

    def _serve(self, stream: UUID, tickets: list[Ticket]) -> None:
        """Answer every ticket, whatever happens. One that breaks its batch is found by running each alone."""
        if not tickets:
            return
        try:
            deliver(list(zip(tickets, self._persist(stream, tickets), strict=True)))
        except DomainError as refusal:
            deliver([(ticket, refusal) for ticket in tickets])
        except Unavailable as error:
            deliver([(ticket, _for_ticket(error, ticket)) for ticket in tickets])
        except BaseException as error:  # even a SystemExit: a dead drain would leave its stream without one for ever
            if len(tickets) == 1:
                log.exception("command %s on stream %s failed", tickets[0].command_id, stream)
                deliver([(tickets[0], error)])
                return
            self.counters.reruns += 1
            for ticket in tickets:
                self._serve(stream, [ticket])
        else:
            self._tell(stream)

    def _tell(self, stream: UUID) -> None:
        for listener in tuple(self.after_commit):
            try:
                listener(stream)
            except Exception:
                log.exception("a listener failed after a commit on stream %s", stream)

    def _persist(self, stream: UUID, tickets: list[Ticket]) -> list[Result]:
        """Try the batch until the database answers or patience ends."""
        deadline, unknown = time.monotonic() + self._give_up_after, False
        while True:
            try:
                return self._attempt(stream, tickets)
            except _CommitUnknown as cut:
                # Everything has an id that was written in the same transaction, so doing it again under the lock
                # finds what did commit and does what did not.
                self.counters.unknown_commits += 1
                unknown = True
                for ticket, result in zip(tickets, cut.results, strict=True):
                    ticket.retried |= isinstance(result, BaseException) or not result.replayed
            except _AWAY as error:
                log.warning("the database did not answer: %s", error)
                if room.refused(error) and not unknown:
                    raise Unavailable("unavailable", NO_ROOM, retry_after=5) from error
            for ticket in tickets:
                ticket.may_be_known = True
            with contextlib.suppress(*_AWAY):
                connection.close()
            if time.monotonic() >= deadline:
                if unknown:
                    raise Unavailable("outcome_unknown", "The database stopped answering during the commit.")
                raise Unavailable("unavailable", "The database does not answer; nothing was changed.")
            time.sleep(0.05)

    def _attempt(self, stream: UUID, tickets: list[Ticket]) -> list[Result]:
        warm, committing = self._warm.take(stream), False
        try:
            with transaction.atomic(durable=True):
                locked, now = self._lock(stream), self.clock()
                row = locked or self._open(stream, tickets, now)
                if row is None:
                    return [DomainError("not_found", "There is no such stream.") for _ in tickets]
                warm = self._catch_up(row, warm)
                batch = Batch(row, warm, self._buckets.get(stream), now)
                results = batch.run(tickets)
                written = batch.write()
                if not written and row.seq == 0:
                    transaction.set_rollback(True)  # a stream that nothing opened leaves no row
                if self.before_commit:
                    self.before_commit()
                committing = True
        except _AWAY as error:
            if committing and not room.refused(error):
                raise _CommitUnknown(results) from error
            raise
        self._after_commit(batch, len(tickets))
        return results

    def _after_commit(self, batch: Batch, tickets: int) -> None:
        warm = batch.warm
        self.counters.batches += 1
        self.counters.tickets += tickets
        if batch.events:
            self.committed.append(warm.stream, batch.events)
        if warm.seq:
            self._maybe_snapshot(warm)
            self._warm.put(warm)
            self._buckets.put(warm.stream, batch.till.committed())

    @staticmethod
    def _lock(stream: UUID) -> Locked | None:
        return store.lock(stream)

    def _open(self, stream: UUID, tickets: Sequence[Ticket], now: int) -> Locked | None:
        """Another process may open the same stream, or take its name, at the same time: the first one wins."""
        opens = next((ticket.opens for ticket in tickets if ticket.opens), None)
        if opens is None:
            return None
        row = Stream(id=stream, domain=opens.domain, name=opens.name, head=chain.GENESIS, created_at=now)
        Stream.objects.bulk_create([row], ignore_conflicts=True)
        opened = self._lock(stream)
        if opened is None:
            raise DomainError("name_taken", f"There is a {opens.domain} named {opens.name!r} already.")
        return opened

    def _catch_up(self, row: Locked, warm: Warm | None) -> Warm:
        """Needs the lock. Fold what other processes committed since; never a reload when events suffice."""
        if warm is None or warm.seq > row.seq:
            self.counters.cold_starts += 1
            return load(registry.get(row.domain), row.id, upto=row.seq)
        if warm.seq < row.seq:
            warm.fold(store.read_for_fold(row.id, warm.seq, row.seq))
        return warm

    def _maybe_snapshot(self, warm: Warm) -> None:
        """After the commit and outside its transaction: whatever fails here, the commands are done."""
        if warm.seq - warm.snapshot_seq < self._snapshot_every:
            return
        warm.snapshot_seq = warm.seq
        try:
            store.save_snapshot(warm.stream, warm.seq, warm.domain.engine_version, dump(warm))
        except Exception:
            log.exception("no snapshot of stream %s at %s", warm.stream, warm.seq)


def _breathe(mailbox: Mailbox, answered: int) -> None:
    """Give the interpreter to those who were just answered, as long as they keep coming back.

    Otherwise callers that ask again at once fall into two halves that take turns. A lone caller never sees it.
    """
    before, breaths = -1, 0
    while answered > 1 and before < len(mailbox.tickets) < answered and breaths < _MOST_BREATHS:
        before, breaths = len(mailbox.tickets), breaths + 1
        time.sleep(_BREATH)


def _check_id(command_id: str) -> None:
    if len(command_id) > MOST_ID_CHARACTERS or not command_id.isprintable():
        detail = f"The id of a command is at most {MOST_ID_CHARACTERS} printable characters."
        raise DomainError("invalid_command_id", detail)


def _for_ticket(error: Unavailable, ticket: Ticket) -> Unavailable:
    return Unavailable(error.code, error.detail, retry_after=error.retry_after, command_id=ticket.command_id)


def committed_events(stream: UUID, after: int, upto: int | None = None) -> list[Committed]:
    """The committed events of a stream after a seq, from the ring where it reaches, else from the table."""
    if upto is None and (known := runtime.committed.after(stream, after)):
        return known
    domain = Stream.objects.filter(id=stream).values_list("domain", flat=True).first()
    return list(store.read(registry.get(domain), stream, after, upto)) if domain else []


# SQLite has one writer at a time: more threads would only wait for each other.
runtime = Runtime(writers=1 if connection.vendor == "sqlite" else 4)
