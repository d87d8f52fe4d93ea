"""One batch under the row lock: tickets decided one after the other, then everything written at once."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec

from common.db import Write
from common.errors import DomainError, InvariantViolation
from common.events import Event
from common.ids import CLOCK, Actor
from ledger import chain, store
from ledger.codec import canonical
from ledger.domain import Committed
from ledger.seals import joined, seal
from ledger.store import End, Known, Locked
from ledger.tickets import BulkOutcome, Item, Outcome, Result, Ticket
from ledger.tolls import BUCKETS, Remembered, Till, Toll
from ledger.warm import Warm


class Batch:
    """Needs the lock on `row`. Its commands know one time only: the clock's, or the last event's if that is later."""

    def __init__(self, row: Locked, warm: Warm, memory: Remembered, clock: int) -> None:
        self.row, self.now, self.warm = row, max(clock, row.last_at), warm
        self.till = Till(row.turn, memory, clock)
        self._tolls: dict[Ticket, list[Toll | None]] = {}
        self.events: list[Committed] = []
        self._head = row.head
        self._known: dict[tuple[str, str], Known | Outcome | BulkOutcome] = {}
        self._marks: dict[tuple[str, str], str] = {}
        self._outcomes: list[tuple[Any, ...]] = []
        self._seals = row.seals

    def run(self, tickets: Sequence[Ticket]) -> list[Result]:
        """Decide every ticket on the state that the one before left. Raises what is not a DomainError."""
        self._known.update(store.known_commands(self.row.id, _ids(tickets)))
        self._prepare_till(tickets)
        if not self._is_over:
            while due := self.warm.domain.due(self.warm.state, self.now):
                self._apply(due, CLOCK, "")
        return [self._run(ticket) for ticket in tickets]

    def write(self) -> bool:
        """Write events, outcomes, rows and the stream's head. Answers whether there was anything to write."""
        buckets = self.till.rows(self.row.id)
        projected, end = [Write(BUCKETS, buckets, replaces=True)], None
        if self.events:
            changed = self.warm.domain.take_writes(self.warm.state)
            projected += [Write(table, rows, replaces=True) for table, rows in changed]
        if self.events or buckets or self._outcomes:
            last_at = self.now if self.events else self.row.last_at
            end = End(self.warm.seq, self._head, last_at, self.till.turn, self._seals)
        store.write_batch(self.row.id, self.events, self._outcomes, projected, end)
        if self.events:
            self.warm.domain.within([event.event for event in self.events], self.now)
        return bool(self.events or self._outcomes)

    def _prepare_till(self, tickets: Sequence[Ticket]) -> None:
        """Every ticket's tolls, and the buckets of those who must pay: one query, or none where all are known."""
        toll, state = self.warm.domain.toll, self.warm.state
        self._tolls = {
            ticket: [toll(state, item.command, ticket.actor) for item in ticket.items] for ticket in tickets
        }
        lacking = self.till.lacks(ticket.actor.id for ticket, tolls in self._tolls.items() if any(tolls))
        if lacking:
            self.till.learn(lacking, store.buckets(self.row.id, lacking))

    def _pay(self, ticket: Ticket) -> None:
        """Before anything is decided, so that refusals are paid for too. What was done before is free."""
        whole = ticket.bulk or ticket.also
        if whole and (whole.scope, whole.command_id) in self._known:
            return
        tolls = [
            toll
            for item, toll in zip(ticket.items, self._tolls[ticket], strict=True)
            if toll and (item.scope, item.command_id) not in self._known
        ]
        self.till.take(ticket.actor.id, tolls)

    @property
    def _is_over(self) -> bool:
        return bool(self.row.deleted_at or self.row.imported_at)

    def _run(self, ticket: Ticket) -> Result:
        if self.row.deleted_at:
            return DomainError("deleted", "This has been deleted.")
        if self.row.imported_at:
            return DomainError("imported", "This was imported from another installation: it can only be read.")
        try:
            self._pay(ticket)
            if ticket.bulk is None:
                return self._single(ticket)
            return self._bulk(ticket.bulk, ticket)
        except DomainError as refusal:
            return refusal

    def _single(self, ticket: Ticket) -> Outcome:
        if ticket.also is None:
            return self._once(ticket.items[0], ticket)
        known = self._lookup(ticket.also)
        if known is not None:
            return self._again(ticket.also, known, replayed=not ticket.retried)
        outcome = self._once(ticket.items[0], ticket)
        self._remember(ticket.also, outcome, outcome.first_seq, outcome.last_seq, "")
        return outcome

    def _once(self, item: Item, ticket: Ticket) -> Outcome:
        known = self._lookup(item)
        if known is not None:
            return self._again(item, known, replayed=not ticket.retried)
        domain, state, first = self.warm.domain, self.warm.state, self.warm.seq + 1
        decided = domain.decide(state, item.command, ticket.actor, self.now)
        events = self._apply(decided, ticket.actor, item.command_id)
        left = domain.left(state, item.command)
        outcome = Outcome(self.row.id, item.command_id, first, self.warm.seq, events, replayed=False, left=left)
        if item.scope:
            self._remember(item, outcome, first, self.warm.seq, "")
        return outcome

    def _bulk(self, bulk: Item, ticket: Ticket) -> BulkOutcome:
        known = self._lookup(bulk)
        if known is not None:
            return self._bulk_again(bulk, known, ticket)
        first, stored = self.warm.seq + 1, list[tuple[str, str | int, str | int]]()
        results: list[Outcome | DomainError] = []
        for item in ticket.items:
            try:
                outcome = self._once(item, ticket)
            except DomainError as refusal:
                results.append(refusal)
                stored.append((refusal.code, refusal.detail, refusal.field))
            else:
                results.append(outcome)
                stored.append((item.command_id, outcome.first_seq, outcome.last_seq))
        answer = BulkOutcome(self.row.id, bulk.command_id, results, replayed=False)
        self._remember(bulk, answer, first, self.warm.seq, canonical(stored))
        return answer

    def _apply(self, decided: Sequence[Event], actor: Actor, command_id: str) -> list[Committed]:
        warm, at, stream = self.warm, self.now, self.row.id
        applied = []
        try:
            for event in decided:
                warm.domain.evolve(warm.state, event, at)
                warm.seq += 1
                kind, version, payload = type(event).__name__, event.VERSION, canonical(event)
                self._head = chain.link(
                    self._head, stream, warm.seq, kind, version, payload, actor.id, command_id, at
                )
                applied.append(
                    Committed(stream, warm.seq, kind, version, payload, actor.id, command_id, at, self._head, event)
                )
            warm.domain.check(warm.state)
        except DomainError as refusal:  # too late: the state has begun to change
            raise InvariantViolation(f"an event that was decided was refused: {refusal}") from refusal
        self.events += applied
        return applied

    def _lookup(self, item: Item) -> Known | Outcome | BulkOutcome | None:
        """The outcome under this item's id; refuses the id if it was used for something else."""
        known = self._known.get((item.scope, item.command_id))
        if known is None:
            return None  # new, or an item of a bulk without an id of its own
        mark = known.fingerprint if isinstance(known, Known) else self._marks[item.scope, item.command_id]
        if mark != item.fingerprint:
            raise DomainError("idempotency_conflict", "This id was used before for a command with other content.")
        return known

    def _remember(self, item: Item, outcome: Outcome | BulkOutcome, first: int, last: int, text: str) -> None:
        self._known[item.scope, item.command_id] = outcome
        self._marks[item.scope, item.command_id] = item.fingerprint
        columns = (self.row.id, item.scope, item.command_id, item.fingerprint, first, last, text)
        own = seal(*columns)
        self._seals = joined(self._seals, own)
        self._outcomes.append((*columns, own))

    def _again(self, item: Item, known: Known | Outcome | BulkOutcome, *, replayed: bool) -> Outcome:
        if isinstance(known, Outcome):
            return known._replace(replayed=True)
        assert isinstance(known, Known)
        events = self._stored(known.first_seq, known.last_seq)
        return Outcome(self.row.id, item.command_id, known.first_seq, known.last_seq, events, replayed)

    def _bulk_again(self, bulk: Item, known: Known | Outcome | BulkOutcome, ticket: Ticket) -> BulkOutcome:
        if isinstance(known, BulkOutcome):
            return known._replace(replayed=True)
        assert isinstance(known, Known)
        results: list[Outcome | DomainError] = []
        replayed = not ticket.retried
        for head, second, third in _decode_bulk(known.outcome):
            if isinstance(second, str):
                results.append(DomainError(head, second, field=str(third)))
            else:
                events = self._stored(second, int(third))
                results.append(Outcome(self.row.id, head, second, int(third), events, replayed))
        return BulkOutcome(self.row.id, bulk.command_id, results, replayed)

    def _stored(self, first: int, last: int) -> list[Committed]:
        return [self._past[seq] for seq in range(first, last + 1)]

    @cached_property
    def _past(self) -> dict[int, Committed]:
        """The events of everything that is asked for again, in one query."""
        repeated = [known for known in self._known.values() if isinstance(known, Known)]
        return store.read_some(self.warm.domain, self.row.id, {seq for known in repeated for seq in _seqs(known)})


def _ids(tickets: Sequence[Ticket]) -> list[tuple[str, str]]:
    sought = [ticket for ticket in tickets if ticket.may_be_known]
    items = [item for ticket in sought for item in (*ticket.items, ticket.bulk, ticket.also)]
    return [(item.scope, item.command_id) for item in items if item and item.scope]


def _seqs(known: Known) -> Iterator[int]:
    """The events that a stored outcome names; a bulk's own range may hold others' repeats, so its items tell."""
    if not known.outcome:
        yield from range(known.first_seq, known.last_seq + 1)
        return
    for _, first, last in _decode_bulk(known.outcome):
        if isinstance(first, int):
            yield from range(first, int(last) + 1)


def _decode_bulk(text: str) -> list[tuple[str, str | int, str | int]]:
    return msgspec.json.decode(text, type=list[tuple[str, str | int, str | int]])
