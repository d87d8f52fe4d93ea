"""Events ↔ rows of the ledger's tables. The only module that reads or writes them with SQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from common.db import Row, Table, Write, quoted, uuid_param, write
from ledger.codec import canonical
from ledger.domain import Committed, Domain
from ledger.models import Command, Event, Snapshot
from ledger.seals import seal
from ledger.tolls import BUCKETS

EVENTS = Table(Event)
COMMANDS = Table(Command)
_CHUNK = 10_000
_HANGS_AFTER = "10s"
_FOLD = "seq, type, version, payload, at"
_OUTCOME = "scope, command_id, fingerprint, first_seq, last_seq, outcome"
_WHOLE = "seq, type, version, payload, actor, command_id, at, hash"


class Known(NamedTuple):
    """The stored outcome of a command."""

    fingerprint: str
    first_seq: int
    last_seq: int
    outcome: str


class Locked(NamedTuple):
    """What the runtime needs of a stream's row while it holds the lock on it."""

    id: UUID
    domain: str
    seq: int
    head: str
    last_at: int
    deleted_at: int | None
    turn: int = 0
    imported_at: int | None = None
    seals: int = 0


def lock(stream: UUID) -> Locked | None:
    """The one lock. SQLite knows no FOR UPDATE: BEGIN IMMEDIATE has locked already.

    PostgreSQL takes it from a process that hangs: its transaction ends after `_HANGS_AFTER` without a statement.
    """
    columns, end = "domain, seq, head, last_at, deleted_at, turn, imported_at, seals", ""
    if connection.features.has_select_for_update:
        columns += f", set_config('idle_in_transaction_session_timeout', '{_HANGS_AFTER}', true)"
        end = " FOR UPDATE"
    sql = f"SELECT {columns} FROM ledger_stream WHERE id = %s{end}"  # noqa: S608  no input
    with connection.cursor() as cursor:
        cursor.execute(sql, [uuid_param(connection, stream)])
        row = cursor.fetchone()
    return Locked(stream, *row[:8]) if row else None


def read_for_fold(stream: UUID, after: int, upto: int | None = None) -> Iterator[tuple[Any, ...]]:
    """(seq, type, version, payload, at) of the events after `after`, in order, in chunks."""
    return _read(stream, after, upto, _FOLD)


def read(domain: Domain[Any], stream: UUID, after: int, upto: int | None = None) -> Iterator[Committed]:
    """The events after seq `after` up to and with `upto`, in order, decoded."""
    return (_committed(domain, stream, row) for row in _read(stream, after, upto, _WHOLE))


def read_some(domain: Domain[Any], stream: UUID, seqs: Iterable[int]) -> dict[int, Committed]:
    """The events with these seqs, decoded, by seq, in one query."""
    sql, parameters = _by_key(_WHOLE, EVENTS, stream, {"seq": list(seqs)})
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    return {row[0]: _committed(domain, stream, row) for row in rows}


def _committed(domain: Domain[Any], stream: UUID, row: tuple[Any, ...]) -> Committed:
    seq, kind, version, payload, actor, command_id, at, digest = row
    event = domain.events.decode(kind, version, payload)
    return Committed(stream, seq, kind, version, payload, actor, command_id, at, digest, event)


def read_raw(stream: UUID, *, after: int | None = None, upto: int | None = None) -> Iterator[tuple[Any, ...]]:
    """Every column of every event but `stream`, in order, undecoded: what verify and export look at."""
    return _read(stream, after, upto, _WHOLE)


def _read(stream: UUID, after: int | None, upto: int | None, columns: str) -> Iterator[tuple[Any, ...]]:
    """In order of seq. `after` None reads from the smallest seq there is, a forged one included."""
    where, bounds = "stream_id = %s", [] if upto is None else [upto]
    limit = "" if upto is None else " AND seq <= %s"
    while True:
        past = "" if after is None else " AND seq > %s"
        sql = f'SELECT {columns} FROM "{EVENTS.name}" WHERE {where}{past}{limit} ORDER BY seq LIMIT {_CHUNK}'  # noqa: S608  no input
        with connection.cursor() as cursor:
            start = [] if after is None else [after]
            cursor.execute(sql, [uuid_param(connection, stream), *start, *bounds])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < _CHUNK:
            return
        after = rows[-1][0]


class End(NamedTuple):
    """Where a stream's events end: what its row says of them."""

    seq: int
    head: str
    last_at: int
    turn: int
    seals: int


def write_batch(
    stream: UUID, events: Sequence[Committed], outcomes: Sequence[Row], projected: Sequence[Write], end: End | None
) -> None:
    """Needs the lock. Everything that a batch writes; on PostgreSQL in one statement."""
    writes = [Write(EVENTS, [_columns(event) for event in events]), Write(COMMANDS, outcomes), *projected]
    sql = "UPDATE ledger_stream SET seq = %s, head = %s, last_at = %s, turn = %s, seals = %s WHERE id = %s"
    write(connection, writes, (sql, [*end, uuid_param(connection, stream)]) if end else None)


def _columns(event: Committed) -> Row:
    return (
        event.stream,
        event.seq,
        event.type,
        event.version,
        event.payload,
        event.actor,
        event.command_id,
        event.at,
        event.hash,
    )


def known_commands(stream: UUID, ids: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    """The stored outcomes among (scope, command_id) pairs, in one indexed query."""
    wanted = set(ids)
    if not wanted:
        return {}
    scopes, names = zip(*wanted, strict=True)
    sql, parameters = _by_key(_OUTCOME, COMMANDS, stream, {"command_id": names, "scope": scopes})
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    return {(row[0], row[1]): Known(*row[2:]) for row in rows}


def buckets(stream: UUID, actors: Iterable[str]) -> list[tuple[str, str, int]]:
    """(actor, bucket, full_at) of these actors' buckets, in one query."""
    sql, parameters = _by_key("actor, bucket, full_at", BUCKETS, stream, {"actor": sorted(actors)})
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _by_key(
    columns: str, table: Table, stream: UUID, keys: Mapping[str, Sequence[int] | Sequence[str]]
) -> tuple[str, list[Any]]:
    """A stream's rows by the rest of their primary key, each found by one probe of its index.

    PostgreSQL: OFFSET 0 keeps a planner whose statistics lag behind from reading the whole stream instead. SQLite:
    CROSS JOIN keeps the order of the tables, and JSON is one variable, however many keys.
    """
    names, is_same = quoted(keys), " AND ".join(f"{table.name}.{key} = wanted.{key}" for key in keys)
    if connection.vendor == "postgresql":
        arrays = ", ".join("%s::text[]" if isinstance(values[0], str) else "%s::bigint[]" for values in keys.values())
        sql = f"""SELECT found.* FROM unnest({arrays}) AS wanted ({names}) CROSS JOIN LATERAL
            (SELECT {columns} FROM {table.name} WHERE stream_id = %s AND {is_same} OFFSET 0) AS found"""  # noqa: S608
        return sql, [*map(list, keys.values()), str(stream)]
    fields = ", ".join(f"json_extract(value, '$[{number}]') AS {key}" for number, key in enumerate(keys))
    own = ", ".join(f"{table.name}.{column}" for column in columns.split(", "))
    sql = f"""SELECT {own} FROM (SELECT {fields} FROM json_each(%s)) AS wanted
        CROSS JOIN {table.name} WHERE stream_id = %s AND {is_same}"""  # noqa: S608  no input
    return sql, [canonical(list(zip(*keys.values(), strict=True))), uuid_param(connection, stream)]


def newest_snapshot(stream: UUID, engine_version: int, upto: int) -> tuple[int, str] | None:
    """(seq, state text) of the newest snapshot at or before `upto` that this engine made."""
    return (
        Snapshot.objects.filter(stream_id=stream, engine_version=engine_version, seq__lte=upto)
        .order_by("-seq")
        .values_list("seq", "state")
        .first()
    )


def save_snapshot(stream: UUID, seq: int, engine_version: int, state: str, *, keep: int = 2) -> None:
    """Store a snapshot and drop all but the newest `keep`. Another process may have stored the same one."""
    own = seal(stream, seq, engine_version, state)
    row = Snapshot(stream_id=stream, seq=seq, engine_version=engine_version, state=state, seal=own)
    Snapshot.objects.bulk_create([row], ignore_conflicts=True)
    newest = Snapshot.objects.filter(stream_id=stream).order_by("-seq").values_list("seq", flat=True)[:keep]
    Snapshot.objects.filter(stream_id=stream, seq__lt=min(newest)).delete()
