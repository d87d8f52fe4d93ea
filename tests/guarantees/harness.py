"""A market of real processes that may be killed, the people in it, and clients that write everything down."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.db import connection
from session_contracts_client import Client
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from deploy.stack import ROOT, Program, Stack, stack
from tests.guarantees import checker, journal
from tests.guarantees.journal import Deed
from tests.guarantees.trader import Answer, Wire
from tests.services import ServiceMissing, end_with_parent
from tests.stack.floor import eventually
from tests.stack.people import ORGANISER

PEOPLE = tuple(f"p{number}" for number in range(16))
LEGS = ("AAPL", "NVDA")
UNITS, CASH_EACH = 1000, 100_000
T = TypeVar("T")
_BROKEN = "tests.guarantees.broken.settings"


class House:
    """One or more servers on one database of their own: SQLite's file, or a PostgreSQL that waits for the disk."""

    def __init__(self, running: Stack, keys: dict[str, str]) -> None:
        self.stack, self.keys = running, keys
        self.organiser = self.client(ORGANISER, patience=60)

    @property
    def web(self) -> Program:
        return self.stack.webs[0]

    @property
    def url(self) -> str:
        return self.stack.web_urls[0]

    def client(self, who: str, *, patience: float = 0) -> Client:
        return Client(self.url, self.keys[who], patience=patience, timeout=20)

    @contextmanager
    def wires(self, who: str, count: int) -> Iterator[list[Wire]]:
        """So many connections of one caller, to the servers in turn."""
        urls = self.stack.web_urls
        opened = [Wire(urls[number % len(urls)], self.keys[who]) for number in range(count)]
        try:
            yield opened
        finally:
            for wire in opened:
                wire.close()

    def open_session(self, session: str, people: Sequence[str] = PEOPLE, **terms: object) -> None:
        """A session that trades: everybody has the same of each leg, and cash."""
        entries = [{"participant_id": who, "user": who} for who in people]
        wanted = {"start_mode": "immediate", "end_mode": "manual", "cash_per_participant": CASH_EACH, **terms}
        self.organiser.create_session(
            session, LEGS, [UNITS * len(people)] * len(LEGS), participants=entries, **wanted
        )
        self.organiser.allocate(session)

    def restart(self, number: int = signal.SIGKILL) -> float:
        """Kill the server and start it again; the processor time that the start took, in seconds."""
        self.web.stop(number)
        self.web.start()
        self.stack.wait_for(self.url, self.web)
        return processor_time(self.web.pid)

    @contextmanager
    def changed(self, **variables: str) -> Iterator[None]:
        """For the length of a block the servers run with other variables."""
        own = [web.environment for web in self.stack.webs]
        for web in self.stack.webs:
            web.environment = {**web.environment, **variables}
        self._restart_all()
        try:
            yield
        finally:
            for web, environment in zip(self.stack.webs, own, strict=True):
                web.environment = environment
            self._restart_all()

    def broken(self, *faults: str, **variables: str) -> AbstractContextManager[None]:
        """For the length of a block the servers are those of tests/guarantees/broken, with these faults."""
        return self.changed(DJANGO_SETTINGS_MODULE=_BROKEN, SABOTAGE=",".join(faults), **variables)

    def _restart_all(self) -> None:
        for web in self.stack.webs:
            web.stop(signal.SIGKILL)
        for web in self.stack.webs:
            web.start()
        for url, web in zip(self.stack.web_urls, self.stack.webs, strict=True):
            self.stack.wait_for(url, web)

    def verified(self, session: str, **variables: str) -> list[str]:
        """What `manage.py verify --json` finds in a session; `variables`: in another database than ours."""
        said = subprocess.run(
            [sys.executable, "manage.py", "verify", session, "--json"],
            cwd=ROOT,
            env=self.stack.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(said.stdout)
        assert found["ok"] == (said.returncode == 0) == (not found["findings"])
        return [f"{finding['stream']}, seq {finding['seq']}: {finding['text']}" for finding in found["findings"]]

    def lies(self, session: str, deeds: Sequence[Deed], people: Sequence[str] = PEOPLE) -> list[str]:
        """Where the session contradicts the journals or itself."""
        share = {**dict.fromkeys(LEGS, Decimal(UNITS)), checker.CASH: Decimal(CASH_EACH)}
        return checker.lies(self.organiser, session, deeds, dict.fromkeys(people, share))


@contextmanager
def house(
    folder: Path,
    *,
    webs: int = 1,
    durable: bool = True,
    disk: Path | None = None,
    is_whole: bool = False,
    **variables: str,
) -> Iterator[House]:
    """Servers on a database of the kind that this run of the tests is about. `disk`: where its files are.

    `is_whole`: with Redis, a worker and two beats, on PostgreSQL, as in production.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {"SM_ORDERS_PER_SECOND": "0", **variables}
    if connection.vendor == "sqlite" and not is_whole:
        own["DATABASE_URL"] = f"sqlite:///{disk or folder}/market.sqlite3"
    try:
        with stack(
            folder,
            webs=webs,
            workers=int(is_whole),
            beats=2 * is_whole,
            with_redis=is_whole,
            with_proxy=False,
            durable=durable,
            disk=disk,
            variables=own,
        ) as running:
            hired = House(running, _hire(running.environment, [ORGANISER, *PEOPLE]))
            with hired.organiser:
                yield hired
    except ServiceMissing as missing:
        pytest.skip(str(missing))


def _hire(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.stack.people", "keys", *names]
    hired = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert hired.returncode == 0, hired.stderr
    found: dict[str, str] = json.loads(hired.stdout)
    return found


def at_once(callers: Sequence[Wire], ask: Callable[[Wire], T]) -> list[T]:
    """What they are answered who all ask at one moment, each in a thread."""
    meeting = threading.Barrier(len(callers))

    def run(wire: Wire) -> T:
        meeting.wait()
        return ask(wire)

    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(run, callers))


def post_at_once(callers: Sequence[Wire], path: str, body: object, *, key: str = "") -> list[Answer]:
    """The same from everybody at one moment."""
    return at_once(callers, lambda wire: wire.ask("POST", path, body, key=key))


def processor_time(pid: int) -> float:
    """What a process has used since it began, in seconds: the same whatever else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Crowd:
    """Clients in another process, and the folder with their journals."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process, self._folder = process, folder

    @property
    def acknowledged(self) -> int:
        return journal.acknowledged(self._folder)

    def wait_for(self, count: int, *, within: float = 30) -> None:
        """Until so many more requests were done."""
        wanted, deadline = self.acknowledged + count, time.monotonic() + within
        while self.acknowledged < wanted:
            assert self._process.poll() is None, "the clients have ended"
            assert time.monotonic() < deadline, "the market does not answer"
            time.sleep(0.02)

    def end(self) -> list[Deed]:
        """Let everybody finish what they are at; what they wrote down."""
        self._process.terminate()
        assert self._process.wait(timeout=30) in {0, -signal.SIGTERM}
        return journal.read(self._folder)


class Listener(threading.Thread):
    """Somebody who follows the live feed of one server, and comes back when it hangs up. `heard`: (when, message)."""

    def __init__(self, url: str, key: str, session: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self._address = f"{url.replace('http', 'ws', 1)}/ws/sessions/{session}"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._ending = threading.Event()

    def run(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                self._follow()
            self._ending.wait(0.1)

    def _follow(self) -> None:
        with connect(self._address, additional_headers=self._headers, max_size=None, open_timeout=5) as socket:
            while not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    self.heard.append((time.monotonic(), json.loads(socket.recv(0.2))))

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What messages of a kind said."""
        return [message["data"] for _, message in list(self.heard) if message["type"] == kind]

    def stop(self) -> None:
        self._ending.set()
        self.join()


@contextmanager
def listening(market: House, session: str, people: Sequence[str]) -> Iterator[list[Listener]]:
    """A listener for each, to the servers in turn, who all have heard where the session stands."""
    urls = market.stack.web_urls
    ears = [Listener(urls[n % len(urls)], market.keys[who], session) for n, who in enumerate(people)]
    for ear in ears:
        ear.start()
    try:
        eventually(lambda: all(ear.told("snapshot") for ear in ears), within=30)
        yield ears
    finally:
        for ear in ears:
            ear.stop()


@contextmanager
def crowd(
    market: House, session: str, folder: Path, *, seed: int, people: Sequence[str] = PEOPLE, **more: object
) -> Iterator[Crowd]:
    """Clients that trade in a session until their end, or that of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = {who: market.keys[who] for who in people}
    plan = {
        "urls": market.stack.web_urls, "session": session, "keys": keys, "folder": str(folder), "seed": seed, **more
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.guarantees.trader", json.dumps(plan)]
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=end_with_parent)
    try:
        yield Crowd(process, folder)
    finally:
        process.kill()
        process.wait()
