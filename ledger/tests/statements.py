"""Which SQL statements the writer threads send; executemany counts as one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db.backends.utils import CursorWrapper


@contextmanager
def noted() -> Iterator[list[str]]:
    """The statements that writers send while this lasts, in order."""
    sent: list[str] = []
    execute, executemany = CursorWrapper.execute, CursorWrapper.executemany

    def note(sql: Any) -> None:
        if threading.current_thread().name.startswith("ledger-writer"):
            sent.append(str(sql))

    def one(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        note(sql)
        return execute(self, sql, params)

    def many(self: CursorWrapper, sql: Any, param_list: Any) -> Any:
        note(sql)
        return executemany(self, sql, param_list)

    with mock.patch.object(CursorWrapper, "execute", one), mock.patch.object(CursorWrapper, "executemany", many):
        yield sent
