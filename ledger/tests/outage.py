"""Cutting a runtime's database off: around one COMMIT, or altogether for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, connections

from ledger.runtime import Runtime
from ledger.store import Locked


class Cut:
    """A `before_commit` hook: the next COMMIT gets no answer, before or after it took effect. Once."""

    def __init__(self, *, takes_effect: bool, really: bool = False) -> None:
        self._takes_effect, self._really = takes_effect, really
        self._is_done = False
        self.happened = threading.Event()

    def __call__(self) -> None:
        if self._is_done:
            return
        self._is_done = True
        writer: Any = connections["default"]
        commit = writer.commit

        def cut() -> None:
            del writer.commit
            if self._takes_effect:
                commit()
            self.happened.set()
            if self._really:
                terminate(writer.connection.info.backend_pid)
                with writer.wrap_database_errors:
                    writer.connection.execute("SELECT 'the driver notices'")
            else:
                raise OperationalError("the connection was cut")

        writer.commit = cut


def terminate(pid: int) -> None:
    """End one backend of PostgreSQL as an administrator, a crash or a failover would; returns when it is gone."""
    with administrator() as own:
        own.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@contextmanager
def administrator(database: str = "") -> Iterator[psycopg.Connection[Any]]:
    """A connection to the test database, or another one beside it, that Django knows nothing of."""
    parameters = {**connection.get_connection_params(), **({"dbname": database} if database else {})}
    wanted = {key: parameters.get(key) for key in ("host", "port", "user", "password", "dbname")}
    with psycopg.connect(**{k: v for k, v in wanted.items() if v}, autocommit=True) as own:
        yield own


class Flaky(Runtime):
    """A runtime whose database does not answer while `is_down`, or has no room while `is_full` as well."""

    is_down = is_full = False

    def _lock(self, stream: UUID) -> Locked | None:  # type: ignore[override]  # needs to know which runtime
        if self.is_down:
            raise OperationalError("the database is down") from (psycopg.errors.DiskFull() if self.is_full else None)
        return super()._lock(stream)
