"""Multi-row writes on both databases: one statement, whatever the number of rows. And reads of one moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import CompositePrimaryKey
from psycopg import RawCursor

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

    @cached_property
    def insert_values(self) -> str:
        """INSERT of one row, a parameter for each column."""
        return f"{self._insert} VALUES ({', '.join(['%s'] * len(self.columns))})"

    @cached_property
    def insert_arrays(self) -> str:
        """PostgreSQL's INSERT of any number of rows, an array literal for each column."""
        types = [str(field.db_type(connection)).split("(")[0] for field in self._fields]
        arrays = ", ".join(f"%s::{kind}[]" for kind in types)
        return f"{self._insert} SELECT * FROM unnest({arrays})"  # noqa: S608  no input

    @cached_property
    def on_conflict(self) -> str:
        """The end of an INSERT that replaces what has the same key."""
        changes = ", ".join(f'"{column}" = excluded."{column}"' for column in self.columns if column not in self.key)
        return f" ON CONFLICT ({quoted(self.key)}) DO UPDATE SET {changes}"

    @cached_property
    def _insert(self) -> str:
        return f'INSERT INTO "{self.name}" ({quoted(self.columns)})'

    def array_literals(self, rows: Sequence[Row]) -> list[str]:
        """The columns of `rows` as PostgreSQL's array literals. Far faster than letting the driver dump lists."""
        columns = zip(*rows, strict=True)
        return [dump(column) for dump, column in zip(self._dumps, columns, strict=True)]

    def without_uuids(self, rows: Sequence[Row]) -> list[list[Any]]:
        """The rows with every UUID as the text that SQLite keeps."""
        found = [list(row) for row in rows]
        for place in self._uuids:
            for row in found:
                row[place] = row[place] and row[place].hex
        return found

    @cached_property
    def _uuids(self) -> list[int]:
        return [place for place, field in enumerate(self._fields) if isinstance(field, models.UUIDField)]

    @cached_property
    def _dumps(self) -> list[Callable[[Sequence[Any]], str]]:
        return [
            _texts if isinstance(field, models.CharField | models.TextField) else _plain for field in self._fields
        ]


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
    Inside a transaction it does nothing.
    """
    if connection.in_atomic_block:
        yield
        return
    begin = "BEGIN" if connection.vendor == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


class Write(NamedTuple):
    """Rows for a table, no key twice; where a row with the same key exists, it is an error or is replaced."""

    table: Table
    rows: Sequence[Row]
    replaces: bool = False

    @property
    def tail(self) -> str:
        return self.table.on_conflict if self.replaces else ""


def insert(connection: BaseDatabaseWrapper, table: Table, rows: Sequence[Row]) -> None:
    """Insert all rows in one statement. Raises IntegrityError where a key exists."""
    write(connection, [Write(table, rows)])


def upsert(connection: BaseDatabaseWrapper, table: Table, rows: Sequence[Row]) -> None:
    """Insert all rows in one statement; a row whose primary key exists replaces its other columns."""
    write(connection, [Write(table, rows, replaces=True)])


def write(
    connection: BaseDatabaseWrapper, writes: Iterable[Write], last: tuple[str, Sequence[Any]] | None = None
) -> None:
    """Write all rows of all tables and do `last`, on PostgreSQL in one statement: one round trip, one plan."""
    writes = [each for each in writes if each.rows]
    if connection.vendor == "postgresql":
        parts = [(each.table.insert_arrays + each.tail, each.table.array_literals(each.rows)) for each in writes]
        _at_once(connection, [*parts, *([last] if last else [])])
        return
    with connection.cursor() as cursor:
        for each in writes:
            cursor.executemany(each.table.insert_values + each.tail, each.table.without_uuids(each.rows))
        if last:
            cursor.execute(*last)


def _at_once(connection: BaseDatabaseWrapper, parts: Sequence[tuple[str, Sequence[Any]]]) -> None:
    """Statements that change different tables, joined into one by WITH."""
    if not parts:
        return
    with _prepared(connection) as cursor:
        parameters = [parameter for _, own in parts for parameter in own]
        cursor.execute(_joined(tuple(sql for sql, _ in parts)), parameters)


@lru_cache(maxsize=256)
def _joined(parts: tuple[str, ...]) -> str:
    """One statement of all parts, its parameters numbered as PostgreSQL has it."""
    *before, main = parts
    ctes = ", ".join(f"part{number} AS ({sql})" for number, sql in enumerate(before))
    first, *others = (f"WITH {ctes} {main}" if before else main).split("%s")
    return first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))


@contextmanager
def _prepared(connection: BaseDatabaseWrapper) -> Iterator[CursorWrapper]:
    """A cursor whose statements the server parses and plans once per connection, and the driver never: psycopg would
    look for placeholders in a long statement each time. Django's own cursors have all of it done every time.
    """
    connection.ensure_connection()
    driver = connection.connection
    before = driver.cursor_factory, driver.prepare_threshold
    driver.cursor_factory, driver.prepare_threshold = RawCursor, 0
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        driver.cursor_factory, driver.prepare_threshold = before


def _plain(column: Sequence[Any]) -> str:
    """Numbers, booleans, UUIDs and nulls are written as in JSON."""
    return f"{{{_JSON.encode(column)[1:-1].decode()}}}"


def _texts(column: Sequence[str]) -> str:
    """Escape all texts in one go: NUL, which no text in PostgreSQL can hold, stands between them meanwhile."""
    text = "\0".join(column)
    if text.count("\0") >= len(column):
        raise ValueError("PostgreSQL's texts cannot hold the character NUL.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
    return f'{{"{escaped}"}}'


_JSON = msgspec.json.Encoder()
