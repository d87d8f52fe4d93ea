"""A running stack with people in it, and what tests ask of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from session_contracts_client import Client

from deploy.stack import ROOT, Program, Stack, stack
from tests.services import ServiceMissing
from tests.stack.people import ORGANISER

FULL = os.environ.get("FULL") == "1"
TRADERS = ("alice", "bob", "carol")
LEGS = ("AAPL", "NVDA")


class Floor:
    """A stack, and a client for each of its people by way of the proxy."""

    def __init__(self, running: Stack, keys: dict[str, str]) -> None:
        self.stack, self.keys = running, keys
        self.organiser = self.client(ORGANISER)

    def client(self, who: str, *, at: str = "", patience: float = 30.0) -> Client:
        return Client(at or self.stack.url, self.keys[who], patience=patience)

    def open_session(self, session_id: str, **terms: object) -> None:
        """A session in which every trader holds 1000 of each leg, and cash."""
        wanted: dict[str, object] = {"start_mode": "immediate", "end_mode": "manual", **terms}
        self.organiser.create_session(session_id, LEGS, [1000 * len(TRADERS)] * len(LEGS), **wanted)
        for who in TRADERS:
            with self.client(who) as client:
                client.join(session_id, who)
        self.organiser.allocate(session_id)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.stack.environment["DATABASE_URL"]) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def count(self, session_id: str, kind: str) -> int:
        """How many events of a kind a session has."""
        counting = (
            "SELECT count(*) FROM ledger_event e JOIN ledger_stream s ON s.id = e.stream_id"
            " WHERE s.name = %s AND e.type = %s"
        )
        return int(self.rows(counting, session_id, kind)[0][0])

    def connections(self) -> int:
        """How many connections the database has from everybody but the one who asks."""
        asking = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        return int(self.rows(asking)[0][0])

    def ready(self, web: int = 0) -> tuple[int, dict[str, Any]]:
        """(status, body) of a server's /health/ready."""
        return readiness(self.stack.web_urls[web])

    def verify(self) -> None:
        """The whole ledger and its rows are as they should be."""
        found = self.stack.manage("verify", "--all")
        assert found.returncode == 0, found.stdout + found.stderr


@contextmanager
def floor(folder: Path, *, beats: int = 2, workers: int = 1) -> Iterator[Floor]:
    """Two servers behind the proxy, workers, beats, PostgreSQL and Redis."""
    try:
        with stack(folder, beats=beats, workers=workers) as running:
            hired = subprocess.run(
                [sys.executable, "-m", "tests.stack.people", "keys", ORGANISER, *TRADERS],
                cwd=ROOT,
                env=running.environment,
                capture_output=True,
                text=True,
                check=True,
            )
            found = Floor(running, json.loads(hired.stdout))
            with found.organiser:
                yield found
    except ServiceMissing as missing:
        pytest.skip(str(missing))


def readiness(url: str) -> tuple[int, dict[str, Any]]:
    """(status, body) of the /health/ready of the server at `url`."""
    try:
        with urlopen(f"{url}/health/ready", timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


@contextmanager
def without(*programs: Program, number: int) -> Iterator[None]:
    """These are frozen (SIGSTOP) or killed for the length of a block, and back after it."""
    for program in programs:
        if number == signal.SIGSTOP:
            program.send(number)
        else:
            program.stop(number)
    try:
        yield
    finally:
        for program in programs:
            if number == signal.SIGSTOP:
                program.send(signal.SIGCONT)
            else:
                program.start()


def eventually(holds: Callable[[], bool], *, within: float) -> float:
    """Wait until it holds; how long that took, in seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, "it never happened"
        time.sleep(0.05)
    return time.monotonic() - began


def replay(rows: int) -> str:
    """A CSV of prices for a feed, one row a second: 100, 101, ... of the first leg."""
    lines = [f"2026-01-01T00:{row // 60:02}:{row % 60:02}Z,{100 + row},{200 + row}" for row in range(rows)]
    return "\n".join([f"ts,{','.join(LEGS)}", *lines, ""])


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def percentile(samples: Sequence[float], share: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]
