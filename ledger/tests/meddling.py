"""What somebody with the database's password could do behind the ledger's back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection

from common.db import uuid_param
from ledger import append_only


def sql(statement: str, *parameters: Any) -> int:
    """Run one statement as it is; UUIDs as this database stores them. Answers how many rows it met."""
    plain = [uuid_param(connection, value) if isinstance(value, UUID) else value for value in parameters]
    with connection.cursor() as cursor:
        cursor.execute(statement, plain)
        return int(cursor.rowcount)


def rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What a query answers."""
    plain = [uuid_param(connection, value) if isinstance(value, UUID) else value for value in parameters]
    with connection.cursor() as cursor:
        cursor.execute(query, plain)
        return list(cursor.fetchall())


@contextmanager
def disarmed() -> Iterator[None]:
    """Without the triggers; they stand again afterwards, as if nothing had happened."""
    append_only.disarm(connection)
    try:
        yield
    finally:
        append_only.disarm(connection)  # on PostgreSQL a test may have put some back
        append_only.arm(connection)
