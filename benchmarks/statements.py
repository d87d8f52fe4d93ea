"""How many SQL statements a batch costs, counted where they are sent: in the writer thread."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

from benchmarks import session as sessions
from ledger.runtime import Runtime

_BATCHES = 8


class _Counter:
    """Wraps the writer's connection when it first reaches `before_commit`; that first batch is not counted."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self._is_armed = False
        self._count = 0

    def before_commit(self) -> None:
        if self._is_armed:
            self.batches.append(self._count)
        else:
            self._is_armed = True
            connection.execute_wrappers.append(self)
        self._count = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001  Django's signature
        self._count += not sql.startswith("BEGIN")
        return execute(sql, params, many, context)


def per_batch(name: str, sizes: Sequence[int]) -> dict[int, int]:
    """The most statements that any of a few batches of each size took; BEGIN and COMMIT are not counted."""
    session, found = sessions.session(name), dict[int, int]()
    for size in sizes:
        counter = _Counter()
        own = Runtime(writers=1, snapshot_every=1 << 62)
        own.before_commit = counter.before_commit
        for _ in range(_BATCHES + 20 // size):  # enough for a single order to trade
            sessions.send(session.stream, session.workload.take(size), own)
        own.stop()
        found[size] = max(counter.batches)
    return found
