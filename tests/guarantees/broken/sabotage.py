"""What is broken on purpose, so that the harness can show that it would notice. Production never comes here."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from common.db import Row, Write
from ledger import store
from ledger.batch import Batch
from ledger.domain import Committed
from ledger.runtime import Runtime, runtime
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


def dies_in_settlement() -> None:
    """Not a broken build but a fault: a settlement kills its process at the moment that SABOTAGE_MOMENT's file names.

    write: before anything of its batch is written. commit: all is written and not committed. committed: nobody has
    been told yet.
    """
    told = Path(os.environ["SABOTAGE_MOMENT"])
    after_commit = Runtime._after_commit

    def die_at(moment: str, batch: Batch) -> None:
        if not any(event.type == "SessionSettled" for event in batch.events):
            return
        if told.exists() and told.read_text() == moment:
            told.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def write(batch: Batch) -> bool:
        die_at("write", batch)
        written = _write(batch)
        die_at("commit", batch)
        return written

    def committed(own: Runtime, batch: Batch, tickets: int) -> None:
        die_at("committed", batch)
        after_commit(own, batch, tickets)

    Batch.write = write  # type: ignore[method-assign, assignment]
    Runtime._after_commit = committed  # type: ignore[method-assign, assignment]


def syncs_off() -> None:
    """SQLite does not wait for the disk."""

    def hurry(connection: BaseDatabaseWrapper, **_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")

    connection_created.connect(hurry, weak=False)


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
        dies_in_settlement,
        pokes_lost,
        syncs_off,
    )
}
