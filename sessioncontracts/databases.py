"""DATABASE_URL → Django's settings of a database. What is no address of one stops the start with a sentence."""

from collections.abc import Mapping
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_HOW = "postgresql://user:password@host:5432/name, with / # @ : % in the password as %2F %23 %40 %3A %25"


def parsed(variable: str, url: str, *, connections: int) -> dict[str, Any]:
    """Django's settings of the database at `url`, the value of `variable`. `connections`: the most of one process.

    Raises ImproperlyConfigured, which quotes nothing of the address: there may be a password in it.
    """
    scheme = url.partition("://")[0]
    if scheme not in {"sqlite", "postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{variable} must begin with sqlite:// or postgresql://, not {url[:12]!r}.")
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except (dj_database_url.ParseError, ValueError):
        raise ImproperlyConfigured(f"{variable} cannot be read: it must look like {_HOW}.") from None
    given = database.get("OPTIONS", {})
    return (
        _sqlite(variable, database, given)
        if scheme == "sqlite"
        else _postgresql(variable, database, given, connections)
    )


def _sqlite(variable: str, database: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if database["NAME"] in {"", ":memory:"}:  # each thread would have a database of its own
        raise ImproperlyConfigured(f"{variable} must name a file: sqlite:////var/lib/market.sqlite3.")
    if given:
        raise ImproperlyConfigured(f"{variable}: an SQLite file takes no options, such as {min(given)!r}.")
    # IMMEDIATE takes the write lock at BEGIN: SQLite ignores SELECT ... FOR UPDATE, and a deferred
    # transaction that upgrades itself fails with "database is locked". See docs/ledger.md.
    database["CONN_MAX_AGE"] = None  # the threads stay, and opening costs more than most requests
    database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 4,  # s; less than the runtime's patience (5 s), which alone decides when to give up
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
        "PRAGMA foreign_keys=ON;PRAGMA recursive_triggers=ON;",
    }
    database["TEST"] = {"NAME": f"{database['NAME']}.test"}  # a file: threads share it as they do in life
    return database


def _postgresql(
    variable: str, database: dict[str, Any], given: Mapping[str, Any], connections: int
) -> dict[str, Any]:
    from psycopg import pq  # whoever runs on SQLite need not load it

    if not database["NAME"]:
        raise ImproperlyConfigured(f"{variable} must name a database: {_HOW}.")
    unknown = set(given) - {default.keyword.decode() for default in pq.Conninfo.get_defaults()}
    if unknown:
        raise ImproperlyConfigured(f"{variable}: PostgreSQL knows no option {min(unknown)!r}.")
    database["CONN_MAX_AGE"] = 0
    database["OPTIONS"] = {
        **given,  # sslmode=require and the like
        "pool": {"min_size": 1, "max_size": connections, "timeout": 5},
        # Whoever waits for a process that hangs must be able to say so.
        "options": f"{given.get('options', '')} -c lock_timeout=2s".strip(),
    }
    return database
