"""The ceiling under everything: durable commits per second of one row updated and one inserted, by the raw driver."""

import os
import sqlite3
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
from django.db import connection as django

_TABLES = (
    "CREATE TABLE IF NOT EXISTS bench_raw (id integer PRIMARY KEY, seq bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS bench_raw_log (seq bigint PRIMARY KEY, payload text NOT NULL)",
)
_PAYLOAD = "x" * 200


def commits_per_second(seconds: float) -> float:
    """One client, one transaction after the other, on this process's database."""
    url = os.environ["DATABASE_URL"]
    commit, close = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
    for _ in range(50):
        commit()
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        commit()
        done += 1
    rate = done / (time.perf_counter() - start)
    close()
    return rate


def _postgresql(url: str) -> tuple[Callable[[], None], Callable[[], None]]:
    connection = psycopg.connect(url, autocommit=True)
    for table in _TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO bench_raw VALUES (1, 0) ON CONFLICT DO NOTHING")

    def commit() -> None:
        with connection.transaction():
            changed = connection.execute("UPDATE bench_raw SET seq = seq + 1 WHERE id = 1 RETURNING seq").fetchone()
            assert changed is not None
            connection.execute("INSERT INTO bench_raw_log VALUES (%s, %s)", (changed[0], _PAYLOAD))

    return commit, connection.close


def _sqlite(url: str) -> tuple[Callable[[], None], Callable[[], None]]:
    connection = sqlite3.connect(urlsplit(url).path[1:], isolation_level=None)
    connection.executescript(str(django.settings_dict["OPTIONS"]["init_command"]))
    for table in _TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO bench_raw VALUES (1, 0) ON CONFLICT DO NOTHING")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE bench_raw SET seq = seq + 1 WHERE id = 1")
        number = connection.execute("SELECT seq FROM bench_raw WHERE id = 1").fetchone()[0]
        connection.execute("INSERT INTO bench_raw_log VALUES (?, ?)", (number, _PAYLOAD))
        connection.execute("COMMIT")

    return commit, connection.close
