"""Backup and restore: one moment of a database that is traded on, and nothing but the whole of it comes back."""

import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dj_database_url
import psycopg
import pytest
from django.core.management import CommandError
from django.db import connection

from ledger.backup import archive, vendors
from ledger.management.commands.backup import Command as Backup
from ledger.management.commands.restore import Command as Restore
from tests.concurrency.processes import ROOT, environment, manage, python, scratch

pytestmark = pytest.mark.timeout(180)
MARKET = """
from ledger.runtime import runtime
from markets.tests.floor import open_session, place
session = open_session(cash_per_participant="100000")
for number in range(5):
    place(session, "alice", "sell", 1, 5 + number)
runtime.stop()
"""
TRADE = """
import django, sys
django.setup()
from markets import queries
from markets.tests.floor import place
session, number = queries.session("demo"), 0
while True:
    place(session, ("alice", "bob")[number % 2], "buy", 1, "0.01", time_in_force="ioc")
    number += 1
    if number == 1:
        print(number, flush=True)
"""


@pytest.fixture(scope="module")
def databases(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Two databases of the tier's kind: `market` holds a session, `empty` nothing."""
    folder = tmp_path_factory.mktemp("backup")
    with ExitStack() as stack:
        if connection.vendor == "postgresql":
            urls = {name: stack.enter_context(scratch(f"backup_{name}")) for name in ("market", "empty")}
        else:
            urls = {name: f"sqlite:///{folder}/{name}.sqlite3" for name in ("market", "empty")}
        assert manage(urls["market"], folder, "migrate", "-v0").returncode == 0
        python(MARKET, urls["market"], folder)
        yield urls | {"folder": str(folder)}


@pytest.fixture(scope="module")
def made(databases: dict[str, str]) -> Path:
    """A backup of the market."""
    folder = Path(databases["folder"])
    done = manage(databases["market"], folder, "backup", str(folder / "backup.zip"))
    assert done.returncode == 0, done.stderr
    assert (folder / "backup.zip").stat().st_mode & 0o077 == 0, "it holds passwords' hashes: nobody else reads it"
    return folder / "backup.zip"


@pytest.fixture
def backup(made: Path, tmp_path: Path) -> Path:
    """A copy of the backup, to be spoiled."""
    return Path(shutil.copy(made, tmp_path / "backup.zip"))


@contextmanager
def trading(database: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Somebody places orders as fast as they can."""
    trader = subprocess.Popen(
        [sys.executable, "-c", TRADE],
        env=environment(database, folder) | {"SM_ORDERS_PER_SECOND": "0"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert trader.stdout is not None
        assert trader.stdout.readline() == "1\n"
        yield trader
    finally:
        trader.kill()
        trader.communicate()


@contextmanager
def instead_of(monkeypatch: pytest.MonkeyPatch, database: str) -> Iterator[None]:
    """restore meets this database in place of the tests' own."""
    settings: Any = dj_database_url.parse(database)
    module = vendors.VENDORS[connection.vendor]
    with monkeypatch.context() as patch:
        patch.setattr(vendors, "current", lambda: (connection.vendor, module, {"OPTIONS": {}, **settings}))
        yield


def contents(database: str) -> list[str]:
    """What is in a database: its tables, and the streams' heads."""
    settings: Any = dj_database_url.parse(database)
    if connection.vendor == "postgresql":
        with psycopg.connect(database) as own:
            tables = own.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            heads = own.execute("SELECT head FROM ledger_stream").fetchall() if ("ledger_stream",) in tables else []
    else:
        with closing(sqlite3.connect(settings["NAME"])) as file:
            tables = file.execute("SELECT name FROM sqlite_master").fetchall()
            heads = file.execute("SELECT head FROM ledger_stream").fetchall() if ("ledger_stream",) in tables else []
    return sorted(text for (text,) in [*tables, *heads])


def manifest(backup: Path) -> dict[str, Any]:
    with zipfile.ZipFile(backup) as file:
        return dict(json.loads(file.read("manifest.json")))


def test_a_backup_taken_while_orders_come_in_restores_to_the_same_heads(
    databases: dict[str, str], tmp_path: Path
) -> None:
    market, empty, file = databases["market"], databases["empty"], str(tmp_path / "backup.zip")
    with trading(market, tmp_path) as trader:
        taken = manage(market, tmp_path, "backup", file)
        assert taken.returncode == 0, taken.stderr
        assert trader.poll() is None, "trading goes on"
    (head,) = (each for each in manifest(Path(file))["heads"] if each["name"] == "demo")
    assert f"session demo: {head['seq']} events, head {head['head']}" in taken.stdout
    restored = manage(empty, tmp_path, "restore", file)
    assert restored.returncode == 0, restored.stderr
    assert f"session demo: {head['seq']} events, head {head['head']}" in restored.stdout
    later = manage(market, tmp_path, "verify", "demo", "--anchor", head["head"])
    assert later.returncode == 0, later.stderr
    assert f"demo: {head['seq']} events" not in later.stdout, "orders came in after the backup"
    assert [path.name for path in tmp_path.glob("*backup*")] == ["backup.zip"]

    with trading(empty, tmp_path):
        refused = manage(empty, tmp_path, "restore", file, "--replace")
        assert (refused.returncode, "The database is in use" in refused.stderr) == (1, True), refused.stderr
    replaced = manage(empty, tmp_path, "restore", file, "--replace")
    assert replaced.returncode == 0, replaced.stderr
    assert f"session demo: {head['seq']} events, head {head['head']}" in replaced.stdout


def test_a_database_that_holds_something_is_replaced_only_when_told(
    databases: dict[str, str], made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(databases["market"])
    with (
        instead_of(monkeypatch, databases["market"]),
        pytest.raises(CommandError, match=r"The database holds 1 streams and 0 users. Give --replace"),
    ):
        Restore().handle(file=made, replace=False)
    assert contents(databases["market"]) == before


def spoiled(backup: Path, how: str) -> None:
    """Make of a good backup a bad one."""
    whole = backup.read_bytes()
    if how == "cut off":
        backup.write_bytes(whole[: len(whole) * 2 // 3])
    elif how == "flipped":
        at = len(whole) // 2
        backup.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    elif how == "text":
        backup.write_text("name,balance\nalice,5\n")
    elif how == "empty":
        backup.write_bytes(b"")
    else:
        rewrite(backup, how)


def rewrite(backup: Path, how: str) -> None:
    with zipfile.ZipFile(backup) as file:
        members = {name: file.read(name) for name in file.namelist()}
    said, copy = json.loads(members["manifest.json"]), next(iter(set(members) - {"manifest.json"}))
    changes: dict[str, dict[str, Any]] = {
        "format": {"format": "session-contracts/backup/9"},
        "newer": {"migrations": [*said["migrations"], "ledger.9999_to_come"]},
        "other vendor": {"vendor": "oracle"},
        "missing field": {"heads": None},
    }
    if how == "copy is no database":
        members[copy], changes[how] = b"SQLite format 3\0" + b"x" * 9000, {"size": 9016}
    if how == "half a copy":
        members[copy] = members[copy][: len(members[copy]) // 2]
        changes[how] = {"size": len(members[copy])}
    if how == "nothing in it":
        members[copy], changes[how] = b"", {"size": 0}
    if how == "other heads":
        changes[how] = {"heads": [head | {"head": "0" * 64} for head in said["heads"]]}
    if how == "no hash":
        changes[how] = {"heads": [head | {"head": "'; DROP TABLE"} for head in said["heads"]]}
    with zipfile.ZipFile(backup, "w") as file:
        if how == "foreign zip":
            file.writestr("photo.jpg", b"...")
            return
        for name, content in (members | {"manifest.json": json.dumps(said | changes[how]).encode()}).items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("cut off", "is damaged, or no backup"),
        ("flipped", "is damaged"),
        ("text", "is damaged, or no backup"),
        ("empty", "is damaged, or no backup"),
        ("foreign zip", "is not a backup of this software"),
        ("format", "has the format 'session-contracts/backup/9'"),
        ("newer", "has migrations that are not here: ledger.9999_to_come."),
        ("other vendor", "This is a backup of oracle, the database here is "),
        ("missing field", "has a manifest that cannot be read"),
        ("copy is no database", "no sound database|did not take the backup, nothing was changed"),
        ("half a copy", "no sound database|did not take the backup, nothing was changed"),
        ("nothing in it", "no sound database|did not take the backup, nothing was changed"),
        ("other heads", "its streams do not end where the manifest says"),
        ("no hash", "has a manifest that cannot be read"),
    ],
)
def test_a_damaged_or_foreign_file_is_a_sentence_and_changes_nothing(
    databases: dict[str, str], backup: Path, monkeypatch: pytest.MonkeyPatch, how: str, sentence: str
) -> None:
    before = contents(databases["market"])
    spoiled(backup, how)
    with instead_of(monkeypatch, databases["market"]), pytest.raises(archive.BackupError, match=sentence):
        Restore()._restore(backup, replace=True)
    assert contents(databases["market"]) == before
    assert not list(Path(databases["folder"]).glob("*.restoring*"))


def test_a_file_that_is_not_there_is_a_sentence(
    databases: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with instead_of(monkeypatch, databases["market"]), pytest.raises(CommandError, match="cannot be read: No such"):
        Restore().handle(file=tmp_path / "nowhere.zip", replace=False)


def test_a_device_is_no_backup() -> None:
    with pytest.raises(archive.BackupError, match="/dev/zero is no file"), archive.read(Path("/dev/zero"), []):
        pass


def test_a_backup_that_cannot_be_written_leaves_nothing(
    databases: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "backup.zip").mkdir()
    for target in (tmp_path / "no" / "folder.zip", tmp_path / "backup.zip"):
        with instead_of(monkeypatch, databases["market"]), pytest.raises(CommandError, match="cannot be written"):
            Backup().handle(file=target)
    assert [path.name for path in tmp_path.iterdir()] == ["backup.zip"]
