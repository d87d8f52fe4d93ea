"""A copy of the SQLite file while the server writes to it, and a file put in its place while nobody does."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from ledger.backup.archive import BackupError, Head, Taken, chunks_of, facts

MEMBER = "database.sqlite3"
_PAGES = 4096
Settings = Mapping[str, Any]


@contextmanager
def taken(settings: Settings, folder: Path) -> Iterator[Taken]:
    """SQLite's online backup. A read transaction keeps its source as it was: without one, every write of another
    process would begin the copy anew, and under load it would never end.
    """
    if not Path(settings["NAME"]).exists():
        raise BackupError(f"There is no database {settings['NAME']}.")
    with tempfile.TemporaryDirectory(prefix="backup-", dir=folder) as own:
        copy = Path(own, MEMBER)
        with closing(_open(settings)) as source, closing(sqlite3.connect(copy)) as target:
            source.execute("BEGIN")
            migrations, heads = facts(lambda query: source.execute(query).fetchall())
            source.backup(target, pages=_PAGES, sleep=0)
        with copy.open("rb") as file:
            yield Taken(MEMBER, migrations, heads, copy.stat().st_size, chunks_of(file))


def contents(settings: Settings) -> str:
    """What is in the database, in words; nothing if it is empty or not there."""
    name = Path(settings["NAME"])
    if not name.exists() or not name.stat().st_size:
        return ""
    with closing(_open(settings)) as database:
        return _contents(database)


def _contents(database: sqlite3.Connection) -> str:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "ledger_stream" not in tables or "accounts_user" not in tables:
        return f"{len(tables)} foreign tables" if tables else ""
    streams, users = (
        database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  no input
        for table in ("ledger_stream", "accounts_user")
    )
    return f"{streams} streams and {users} users" if streams or users else ""


def put(settings: Settings, copy: IO[bytes], heads: Sequence[Head]) -> None:
    """The copy becomes the database, whole or not at all. Raises BackupError where its streams do not end in `heads`,
    and while anybody has the old one open.
    """
    target = Path(settings["NAME"])
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, own = tempfile.mkstemp(prefix=f"{target.name}.restoring-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks_of(copy):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        _check(own, heads)
        if target.exists():
            _retire(settings)
        os.replace(own, target)
    finally:
        for name in (own, f"{own}-wal", f"{own}-shm"):
            Path(name).unlink(missing_ok=True)


def _check(path: str, heads: Sequence[Head]) -> None:
    try:
        with closing(sqlite3.connect(path)) as database:
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if answer == "ok":
                answer = "" if "streams" in (_contents(database) or "0 streams") else "no tables of this software"
            if not answer and facts(lambda query: database.execute(query).fetchall())[1] != heads:
                answer = "its streams do not end where the manifest says"
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer:
        raise BackupError(f"The copy in the backup is no sound database: {answer}.")


def _retire(settings: Settings) -> None:
    """Make sure that nobody has the old file open, and that nothing of it is left in a log beside it."""
    with closing(_open(settings, timeout=0)) as old:
        try:
            old.execute("PRAGMA locking_mode=EXCLUSIVE")
            (mode,) = old.execute("PRAGMA journal_mode=DELETE").fetchone()
            old.execute("BEGIN EXCLUSIVE")
            old.execute("ROLLBACK")
        except sqlite3.OperationalError:
            mode = "in use"
        except sqlite3.DatabaseError:
            return  # it is no database at all: replacing it is what was asked for
    if mode != "delete":
        raise BackupError("The database is in use: stop the server and whatever else has it open, then try again.")


def _open(settings: Settings, *, timeout: int = 20) -> sqlite3.Connection:
    return sqlite3.connect(settings["NAME"], timeout=timeout, isolation_level=None)
