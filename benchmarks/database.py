"""Temporary databases: as many as a benchmark wants, all gone when it ends."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg

from tests.services import Cluster, ServiceMissing, cluster


class Server(Protocol):
    """Where databases are made. `name` is what a table calls it."""

    name: str

    def create(self) -> str:
        """The URL of a new, empty database."""


class Sqlite:
    """Files in a folder, with the pragmas of the settings: WAL, synchronous FULL."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)

    def create(self) -> str:
        return f"sqlite:///{self._folder / f'bench{next(self._numbers)}.sqlite3'}"


class Postgresql:
    """Databases in one server that waits for the disk at every commit."""

    name = "postgresql"

    def __init__(self, own: Cluster) -> None:
        self._url, self._numbers = own.url, count(1)

    def create(self) -> str:
        name = f"bench{next(self._numbers)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"{self._url.rpartition('/')[0]}/{name}"


@contextmanager
def sqlite() -> Iterator[Server]:
    """SQLite in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        yield Sqlite(Path(folder))


@contextmanager
def postgresql() -> Iterator[Server]:
    """A PostgreSQL of our own, fsync and synchronous_commit on. Raises ServiceMissing."""
    with cluster(durable=True) as own:
        yield Postgresql(own)


def servers() -> Iterator[Server]:
    """Both, one after the other, each stopped before the next; says so where there is no PostgreSQL."""
    with sqlite() as server:
        yield server
    try:
        with postgresql() as server:
            yield server
    except ServiceMissing as missing:
        sys.stderr.write(f"PostgreSQL is left out: {str(missing).splitlines()[0]}\n")
