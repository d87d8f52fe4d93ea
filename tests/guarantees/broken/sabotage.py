"""What is broken on purpose, so that the harness can show that it would notice. Production never comes here."""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from common.db import Row, Write
from ledger import store
from ledger.batch import Batch
from ledger.domain import Committed
from ledger.runtime import runtime
from ledger.store import End
from ledger.tickets import Result, Ticket, deliver
from markets.engine import invariants
from markets.engine.decide import orders
from markets.engine.state import SessionState, Touched

_SLOW_COMMIT_S = 0.5
_run, _write, _write_batch = Batch.run, Batch.write, store.write_batch


def ack_before_commit() -> None:
    """Callers get their answers when the batch is decided; its commit takes a while."""
    early: dict[Batch, list[tuple[Ticket, Result]]] = {}

    def run(batch: Batch, tickets: Sequence[Ticket]) -> list[Result]:
        results = _run(batch, tickets)
        early[batch] = list(zip(tickets, results, strict=True))
        return results

    def write(batch: Batch) -> bool:
        written = _write(batch)
        deliver(early.pop(batch))
        time.sleep(_SLOW_COMMIT_S)
        return written

    Batch.run, Batch.write = run, write  # type: ignore[method-assign, assignment]


def publish_before_commit() -> None:
    """Whoever follows the stream sees a batch before it is committed."""

    def write(batch: Batch) -> bool:
        written = _write(batch)
        if batch.events:
            runtime.committed.append(batch.warm.stream, batch.events)
            for listener in runtime.after_commit:
                listener(batch.warm.stream)
            time.sleep(_SLOW_COMMIT_S)
        return written

    Batch.write = write  # type: ignore[method-assign, assignment]


def outcomes_off() -> None:
    """Nobody remembers what was done under which id."""

    def write_batch(
        stream: UUID,
        events: Sequence[Committed],
        outcomes: Sequence[Row],
        projected: Sequence[Write],
        end: End | None,
    ) -> None:
        _write_batch(stream, events, outcomes[:0], projected, end)

    store.write_batch = write_batch
    store.known_commands = lambda *_: {}


def balances_off() -> None:
    """Nobody asks whether somebody has what they spend, and the check after a command is off too."""

    def forget(state: SessionState) -> None:
        state.touched = Touched()

    orders._require = lambda *_, **__: None
    invariants.check_touched = forget


def commits_fail() -> None:
    """Not a broken build but a fault: every third commit, the database has an error of its own."""
    turn = itertools.count(1)

    def fail() -> None:
        if next(turn) % 3 == 0:
            raise RuntimeError("the commit failed, on purpose")

    runtime.before_commit = fail


def pokes_lost() -> None:
    """Not a broken build but a fault: three of ten pokes never arrive."""
    from markets.ws.tailer import Tailer

    poke = Tailer.poke

    def lossy(tailer: Tailer) -> None:
        if random.random() >= 0.3:
            poke(tailer)

    Tailer.poke = lossy  # type: ignore[method-assign, assignment]


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (
        ack_before_commit,
        publish_before_commit,
        outcomes_off,
        balances_off,
        commits_fail,
        pokes_lost,
    )
}
