"""Multi-row writes on both databases: one statement, whatever the number of rows. And reads of one moment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CompositePrimaryKey

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A model's table, for writing rows as tuples in `columns` order."""

    model: type[models.Model]

    @cached_property
    def name(self) -> str:
        return self.model._meta.db_table

    @cached_property
    def _fields(self) -> "list[models.Field[Any, Any]]":
        return [f for f in self.model._meta.concrete_fields if not isinstance(f, CompositePrimaryKey)]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(str(field.column) for field in self._fields)

    @cached_property
    def key(self) -> tuple[str, ...]:
        primary = self.model._meta.pk
        return tuple(primary.columns) if isinstance(primary, CompositePrimaryKey) else (str(primary.column),)

    def key_of(self, row: Row) -> Row:
        """The primary key's values in `row`."""
        return tuple(row[self.columns.index(column)] for column in self.key)

    def as_dict(self, row: Row) -> Mapping[str, Any]:
        """`row` by column names."""
        return dict(zip(self.columns, row, strict=True))

    def array_types(self, connection: BaseDatabaseWrapper) -> list[str]:
        """PostgreSQL's type of each column, without its length."""
        return [str(field.db_type(connection)).split("(")[0] for field in self._fields]


def quoted(columns: Iterable[str]) -> str:
    """Column names for SQL, each in double quotes."""
    return ", ".join(f'"{column}"' for column in columns)


def uuid_param(connection: BaseDatabaseWrapper, value: UUID) -> str:
    """A UUID as this database stores it."""
    return str(value) if connection.features.has_native_uuid_field else value.hex


@contextmanager
def one_moment(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """All reads inside see the database as it is at the first of them, while others go on writing.

    Django's atomic() gives no such thing: READ COMMITTED on PostgreSQL, and on SQLite it would lock writers out.
    """
    begin = "BEGIN" if connection.vendor == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def insert(connection: BaseDatabaseWrapper, table: Table, rows: Sequence[Row]) -> None:
    """Insert all rows in one statement. Raises IntegrityError where a key exists."""
    _write(connection, table, rows, "")


def upsert(connection: BaseDatabaseWrapper, table: Table, rows: Sequence[Row]) -> None:
    """Insert all rows in one statement; a row whose primary key exists replaces its other columns."""
    rest = [column for column in table.columns if column not in table.key]
    changes = ", ".join(f'"{column}" = excluded."{column}"' for column in rest)
    _write(connection, table, rows, f" ON CONFLICT ({quoted(table.key)}) DO UPDATE SET {changes}")


def _write(connection: BaseDatabaseWrapper, table: Table, rows: Sequence[Row], tail: str) -> None:
    if not rows:
        return
    head = f'INSERT INTO "{table.name}" ({quoted(table.columns)})'
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            types = table.array_types(connection)
            arrays = ", ".join(f"%s::{kind}[]" for kind in types)
            literals = [_array_literal(column) for column in zip(*rows, strict=True)]
            cursor.execute(f"{head} SELECT * FROM unnest({arrays}){tail}", literals)  # noqa: S608  no input
        else:
            values = ", ".join(["%s"] * len(table.columns))
            cursor.executemany(f"{head} VALUES ({values}){tail}", [_plain(row) for row in rows])


def _plain(row: Row) -> list[Any]:
    return [value.hex if isinstance(value, UUID) else value for value in row]


def _array_literal(column: Sequence[Any]) -> str:
    """A column as PostgreSQL's array literal. Twice as fast as letting the driver dump a list."""
    return "{" + ",".join([_element(value) for value in column]) + "}"


def _element(value: Any) -> str:
    kind = type(value)
    if kind is int or kind is UUID:
        return str(value)
    if kind is str:
        text: str = value
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None:
        return "NULL"
    if kind is bool:
        return "t" if value else "f"
    raise TypeError(f"no array literal for {kind.__name__}")
