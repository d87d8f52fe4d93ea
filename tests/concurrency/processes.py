"""Starting drivers on the test's own database, and reading what they acknowledged."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

from ledger.tests.outage import administrator

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Told:
    """What one process acknowledged: the seq of each order by its name, the names of its cancels, and refusals."""

    placed: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    conflicts: int = 0
    counters: dict[str, int] = field(default_factory=dict)


def url(database: str = "") -> str:
    """The URL of the test database, or of another one beside it; never of the one that a person uses."""
    settings = connection.settings_dict
    user, password = quote(str(settings["USER"])), quote(str(settings["PASSWORD"]))
    name = database or str(settings["NAME"])
    assert name.startswith(("test_", "scratch_"))
    return f"postgresql://{user}:{password}@{settings['HOST']}:{settings['PORT']}/{name}"


def environment(database: str, folder: Path) -> dict[str, str]:
    """What a process needs to use that database, and nothing else of ours."""
    return os.environ | {
        "DATABASE_URL": database,
        "SM_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "sessioncontracts.settings",
    }


@contextmanager
def drivers(
    plans: Sequence[dict[str, Any]], folder: Path, *, database: str = ""
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The drivers of these plans, started together; ended, if they have not, when this is over."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number, plan in enumerate(plans):
            command = [sys.executable, "-m", "tests.concurrency.driver", json.dumps(plan)]
            with (folder / f"journal-{number}").open("w") as journal:
                own = environment(database or url(), folder)
                started.append(subprocess.Popen(command, cwd=ROOT, env=own, stdout=journal))
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def run(plans: Sequence[dict[str, Any]], folder: Path, *, database: str = "") -> list[Told]:
    """Run the drivers to their ends; what each was told."""
    with drivers(plans, folder, database=database) as started:
        assert [process.wait(timeout=60) for process in started] == [0] * len(started)
    return [told(folder, number) for number in range(len(plans))]


def told(folder: Path, number: int) -> Told:
    """What the journal of one driver says; its last line may be cut off where it was killed."""
    answer = Told()
    for line in (folder / f"journal-{number}").read_text().splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        note = json.loads(line)
        if "placed" in note:
            answer.placed[note["placed"]] = note["number"]
        elif "cancelled" in note:
            answer.cancelled.add(note["cancelled"])
        elif "refused" in note:
            answer.refused.append(note["refused"])
        else:
            answer.conflicts, answer.counters = note["conflicts"], note["counters"]
    return answer


@contextmanager
def scratch(name: str) -> Iterator[str]:
    """An empty database beside the test's own; yields its URL, and drops it in the end."""
    database = f"scratch_{name}"
    with administrator() as own:
        own.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        own.execute(f"CREATE DATABASE {database}")
    try:
        yield url(database)
    finally:
        with administrator() as own:
            own.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def python(program: str, database: str, folder: Path, **more: str) -> str:
    """Run a program of a few lines on that database; what it printed."""
    own = environment(database, folder) | more
    command = [sys.executable, "-c", f"import django; django.setup()\n{program}"]
    return subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def manage(database: str, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py on that database."""
    own = environment(database, folder) | more
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=own, cwd=ROOT, capture_output=True, text=True, check=False)
