"""pg_dump of one exported snapshot, and its restore in one transaction."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from ledger.backup.archive import BackupError, Head, Taken, chunks_of, facts

MEMBER = "database.dump"
Settings = Mapping[str, Any]
_OTHERS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND usesysid IS NOT NULL AND leader_pid IS NULL AND pid <> pg_backend_pid()
"""
_DROPS = """
    SELECT format('DROP TABLE IF EXISTS %I.%I CASCADE;', schemaname, tablename)
      FROM pg_tables WHERE schemaname = 'public'
    UNION ALL
    SELECT format('DROP FUNCTION IF EXISTS %s CASCADE;', p.oid::regprocedure)
      FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@contextmanager
def taken(settings: Settings, folder: Path) -> Iterator[Taken]:
    """The heads and the dump see the same snapshot, while others go on writing."""
    program = _program("pg_dump")
    with _connect(settings) as connection, tempfile.TemporaryFile(dir=folder) as said:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        (snapshot,) = _one(connection, "SELECT pg_export_snapshot()")
        migrations, heads = facts(lambda query: connection.execute(query.encode()).fetchall())
        (size,) = _one(connection, "SELECT sum(pg_table_size(oid))::bigint FROM pg_class WHERE relkind = 'r'")
        command = [program, "--format=custom", "--compress=0", "--no-owner", "--no-privileges"]
        with subprocess.Popen(  # noqa: S603  our own arguments
            [*command, f"--snapshot={snapshot}", f"--dbname={_address(settings)}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_environment(settings),
        ) as dump:
            assert dump.stdout is not None
            yield Taken(MEMBER, migrations, heads, size, _all_of(dump, dump.stdout, said))


def _all_of(dump: "subprocess.Popen[bytes]", output: IO[bytes], said: IO[bytes]) -> Iterator[bytes]:
    """The dump's bytes; raises where pg_dump failed, so that no file comes of it."""
    try:
        yield from chunks_of(output)
        if dump.wait() != 0:
            raise BackupError(f"pg_dump failed: {_last_words(said)}")
    finally:
        dump.kill()


def contents(settings: Settings) -> str:
    """What is in the database, in words; nothing if it is empty."""
    with _connect(settings) as connection:
        tables = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname='public'")}
        if not {"ledger_stream", "accounts_user"} <= tables:
            return f"{len(tables)} foreign tables" if tables else ""
        streams, users = _one(
            connection, "SELECT (SELECT count(*) FROM ledger_stream), (SELECT count(*) FROM accounts_user)"
        )
        return f"{streams} streams and {users} users" if streams or users else ""


def put(settings: Settings, copy: IO[bytes], heads: Sequence[Head]) -> None:
    """All that is there goes and the copy comes, in one transaction, which fails where the streams do not end in
    `heads`. Raises BackupError, also while others use the database.
    """
    pg_restore, psql = _program("pg_restore"), _program("psql")
    with _connect(settings) as connection:
        if _one(connection, _OTHERS)[0]:
            raise BackupError("The database is in use: stop the servers, the worker and beat, then try again.")
        drops = "\n".join(line for (line,) in connection.execute(_DROPS))
    script = [pg_restore, "--no-owner", "--no-privileges", "--file=-"]
    client = [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={_address(settings)}"]
    with tempfile.TemporaryFile() as said:
        common: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": said, "env": _environment(settings)}
        with (
            subprocess.Popen(script, stdout=subprocess.PIPE, **common) as source,  # noqa: S603  our own arguments
            subprocess.Popen(client, stdout=subprocess.DEVNULL, **common) as target,  # noqa: S603
        ):
            feeder = threading.Thread(target=_feed, args=(copy, source.stdin))
            feeder.start()
            assert source.stdout is not None
            assert target.stdin is not None
            with suppress(BrokenPipeError):  # psql gave up: its last words say why
                target.stdin.write(f"SET client_min_messages = error;\nBEGIN;\n{drops}\n".encode())
                for chunk in chunks_of(source.stdout):
                    target.stdin.write(chunk)
                if source.wait() == 0:
                    target.stdin.write(f"{_must_end_in(heads)}\nCOMMIT;\n".encode())
                target.stdin.close()
            source.kill()
            feeder.join()
            if target.wait() != 0 or source.wait() != 0:
                raise BackupError(f"PostgreSQL did not take the backup, nothing was changed: {_last_words(said)}")


def _must_end_in(heads: Sequence[Head]) -> str:
    """SQL that raises otherwise. The manifest's patterns allow nothing but hexadecimal digits and numbers here."""
    wanted = ",".join(f"{head.stream} {head.seq} {head.head}" for head in heads)
    return f"""
        DO $$ BEGIN
            IF (SELECT coalesce(string_agg(replace(id::text, '-', '') || ' ' || seq || ' ' || head, ','
                                           ORDER BY created_at, id), '') FROM public.ledger_stream) <> '{wanted}'
            THEN RAISE 'its streams do not end where the manifest says';
            END IF;
        END $$;"""  # noqa: S608  see above


def _feed(copy: IO[bytes], program: IO[bytes]) -> None:
    with suppress(BrokenPipeError), program:
        shutil.copyfileobj(copy, program)


def _connect(settings: Settings) -> "psycopg.Connection[tuple[Any, ...]]":
    try:
        return psycopg.connect(_address(settings), password=settings["PASSWORD"], autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise BackupError(f"PostgreSQL does not answer: {error}".strip()) from error


def _one(connection: "psycopg.Connection[tuple[Any, ...]]", query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


def _address(settings: Settings) -> str:
    """libpq's connection string of Django's settings, without the password: other users see command lines."""
    known = {default.keyword.decode() for default in pq.Conninfo.get_defaults()} - {"options", "password"}
    named = {"dbname": "NAME", "user": "USER", "host": "HOST", "port": "PORT"}
    given = {key: settings[name] for key, name in named.items() if settings[name]}
    return make_conninfo(**given, **{key: value for key, value in settings["OPTIONS"].items() if key in known})


def _environment(settings: Settings) -> dict[str, str]:
    return os.environ | ({"PGPASSWORD": str(settings["PASSWORD"])} if settings["PASSWORD"] else {})


def _program(name: str) -> str:
    """PostgreSQL's client programs: on the path, or where Debian puts them, the newest first."""
    folders = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    newest = sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True)
    places = [*map(str, newest), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise BackupError(f"There is no program {name} here: install PostgreSQL's client programs.")
    return found


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines() or ["it gave no reason"]
    return next((line for line in reversed(lines) if "ERROR:" in line), lines[-1])
