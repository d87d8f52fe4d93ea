"""A real `manage.py serve` on the test's own database, sessions built by commands, and clients that keep a book."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from accounts import keys
from accounts.facade import User, actor_named
from common.ids import Actor
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import orders, participants, sessions
from markets.ws.messages import DATA, Data
from tests.services import end_with_parent

ROOT = Path(__file__).resolve().parents[2]
LEG = "AAPL"
_PATIENCE_S = 30.0


class Server:
    """One `serve` process."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and answer its exit status."""
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout=15)
        finally:
            self.process.kill()
            if self.process.stdout:
                self.process.stdout.close()


def start(folder: Path, *arguments: str, port: int = 0, **environment: str) -> Server:
    """A server on the test's database that is ready to be called."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"serve-{time.monotonic_ns()}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port), *arguments],
            env=server_environment(folder) | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=end_with_parent,
        )
    assert process.stdout
    line = process.stdout.readline()
    if not line.startswith("Serving on "):
        process.kill()
        process.wait()
        process.stdout.close()
        raise AssertionError(f"serve said {line!r}: {log.read_text()}")
    return Server(process, int(line.rsplit(":", 1)[1]), log)


def server_environment(folder: Path) -> dict[str, str]:
    """The test's database and key for another process."""
    return os.environ | {
        "DATABASE_URL": database_url(),
        "SM_DATA_DIR": str(folder),
        "SM_SECRET_KEY": settings.SECRET_KEY,
        "PYTHONUNBUFFERED": "1",
    }


def database_url() -> str:
    """Where this test's database is."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{quote(str(told['NAME']))}"
    return f"postgresql://{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """A server for the length of a block."""
    server = start(folder, *arguments, port=0, **environment)
    try:
        yield server
    finally:
        server.stop()
        print(server.log.read_text()[-4000:])  # noqa: T201  pytest shows it where a test fails


@dataclass
class Session:
    """A session with its organiser and traders."""

    session_id: str
    stream: UUID
    organiser: Actor
    people: dict[str, Actor] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def info(self) -> queries.SessionInfo:
        return queries.session_of(self.stream)

    def place(self, who: str, **body: object) -> orders.OrderReceipt:
        """An order by one of the traders, committed by this process."""
        command = requests.place_order(self.info, {"participant_id": who, "asset": LEG, **body})
        return orders.place_order(self.stream, command, self.people[who])

    def cancel(self, who: str, number: int) -> orders.OrderReceipt:
        return orders.cancel_order(self.stream, c.CancelOrder(order=number), self.people[who])


def open_session(*names: str, session_id: str = "floor", **body: object) -> Session:
    """A session in which each of `names` holds 1000 AAPL, 100 NVDA and cash; keys for all and the organiser."""
    organiser = actor_named("boss", organiser=True)
    terms = {
        "session_id": session_id,
        "legs": [LEG, "NVDA"],
        "q": [1000 * max(1, len(names)), 100 * max(1, len(names))],
        **body,
    }
    stream = sessions.create_session(requests.create_session(terms), organiser).stream
    session = Session(session_id, stream, organiser)
    for name in names:
        join(session, name)
    if names:
        given = {name: {LEG: 1000, "NVDA": 100} for name in names}
        command = requests.assign_allocations(session.info, {"allocations": given})
        participants.assign_allocations(stream, command, organiser)
    session.secrets["boss"] = key_of("boss")
    return session


def join(session: Session, name: str) -> None:
    actor = session.people[name] = actor_named(name)
    participants.join_session(session.stream, c.JoinSession(participant=name, user=actor.id), actor)
    session.secrets[name] = key_of(name)


def key_of(name: str) -> str:
    return keys.issue(User.objects.get(username=name), name="test", scopes=["read", "trade"])[1]


def post(server: Server, secret: str, path: str, body: object) -> dict[str, Any]:
    """POST to the API, which must take it."""
    request = Request(
        f"http://{server.host}/api/v1{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def get(server: Server, secret: str, path: str) -> dict[str, Any]:
    """GET from the API, which must answer."""
    request = Request(f"http://{server.host}/api/v1{path}", headers={"Authorization": f"Bearer {secret}"})
    with urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


async def aside(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """`function` on another thread, which gives its connection back."""

    def run() -> Any:
        try:
            return function(*arguments, **named)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


class Ear:
    """A client that checks every message: its shape, the chain of seqs, and whose it is. It keeps the book."""

    def __init__(self, socket: Any, who: str | None) -> None:
        self.socket, self.who = socket, who
        self.messages: list[dict[str, Any]] = []
        self.seq = self.feed_seq = self.asked = 0
        self.book: dict[tuple[str, str, str], dict[Decimal, tuple[Decimal, int]]] = {}
        self.trades: dict[str, dict[str, Any]] = {}

    async def hear(self, timeout: float = 5.0) -> dict[str, Any]:
        """The next message, checked and applied."""
        text = await asyncio.wait_for(self.socket.recv(), timeout)
        message: dict[str, Any] = json.loads(text)
        self.apply(message)
        return message

    async def hear_until(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 5.0) -> dict[str, Any]:
        """The next message that is wanted; all before it are applied too."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self.hear(timeout)
                if wanted(message):
                    return message

    async def ask(self, op: str, **body: Any) -> dict[str, Any]:
        """Send a command and hear its answer."""
        return await self.hear_answer(await self.send(op, **body))

    async def send(self, op: str, **body: Any) -> Any:
        """Send a command without waiting, under a number unless `id` says otherwise. Answers its id."""
        self.asked += 1
        body = {"op": op, "id": self.asked} | body
        await self.socket.send(json.dumps(body))
        return body["id"]

    async def hear_answer(self, request_id: Any, timeout: float = 5.0) -> dict[str, Any]:
        return await self.hear_until(
            lambda message: message["type"] in {"ack", "error"} and message["data"]["id"] == request_id, timeout
        )

    async def hear_kind(self, kind: str, timeout: float = 5.0) -> dict[str, Any]:
        return await self.hear_until(lambda message: message["type"] == kind, timeout)

    def apply(self, message: dict[str, Any]) -> None:
        check(message, self.who)
        self.messages.append(message)
        if message["type"] == "tick":
            assert message["prev_feed_seq"] == self.feed_seq, message
            self.feed_seq = message["feed_seq"]
            return
        if message["type"] == "snapshot":
            self.feed_seq = message["data"]["feed_seq"]
            self.book = {}
            for book in message["data"]["books"]:
                self._apply_levels(book)
        else:
            assert message["prev"] == self.seq, message
            assert message["seq"] >= self.seq or message["type"] not in {"book", "heartbeat"}, message
        self.seq = message["seq"]
        if message["type"] == "book":
            self._apply_levels(message["data"])
        if message["type"] == "trade":
            self.trades[message["data"]["trade_id"]] = message["data"]

    def _apply_levels(self, data: dict[str, Any]) -> None:
        for side in ("bids", "asks"):
            levels = self.book.setdefault((data["asset"], data["quote_asset"], side), {})
            for level in data[side]:
                price, quantity = Decimal(level["price"]), Decimal(level["quantity"])
                levels[price] = (quantity, level["orders"])
                if not quantity:
                    del levels[price]

    def levels(self, asset: str = LEG) -> dict[str, dict[Decimal, tuple[Decimal, int]]]:
        return {side: self.book.get((asset, "CASH", side), {}) for side in ("bids", "asks")}


def check(message: dict[str, Any], who: str | None) -> None:
    """The envelope, the type's own shape, and that nothing of anybody else is in it."""
    kind, data = message["type"], message["data"]
    names = {"feed_seq", "prev_feed_seq"} if kind == "tick" else {"seq", "prev"}
    assert set(message) == {"v", "type", "session_id", "at", "data"} | names, message
    assert message["v"] == 1
    shape: type[Data] = DATA[kind]
    assert set(data) == {entry.name for entry in msgspec.structs.fields(shape)}, message
    msgspec.convert(data, shape)
    if kind in {"order", "allocation"}:
        assert data["participant_id"] == who, message
    if kind == "announcement":
        assert data["participant_id"] in {None, who}, message
    if kind == "snapshot":
        assert data["participant_id"] == who, message
        assert all(order["participant_id"] == who for order in data["orders"]), message
        assert who is not None or not data["holdings"], message


def rest_book(session: Session, asset: str = LEG) -> dict[str, dict[Decimal, tuple[Decimal, int]]]:
    """The book as the API would answer it now."""
    book, info = queries.book(session.stream, asset, depth=100_000), session.info
    scale = Decimal(10) ** -info.quantity_decimals, Decimal(10) ** -info.price_decimals
    return {
        side: {level.price * scale[1]: (level.quantity * scale[0], level.orders) for level in levels}
        for side, levels in (("bids", book.bids), ("asks", book.asks))
    }


@asynccontextmanager
async def listening(
    server: Server, session: Session, who: str | None, *, key_of: str | None = None, **options: Any
) -> AsyncIterator[Ear]:
    """A client with the key of `who`; `who` None listens as the organiser."""
    headers = {"Authorization": f"Bearer {session.secrets[key_of or who or 'boss']}"}
    url = f"ws://{server.host}/ws/sessions/{session.session_id}"
    async with connect(url, additional_headers=headers, max_size=None, **options) as socket:
        yield Ear(socket, who)


async def closed_with(ear: Ear, within: float) -> int:
    """The code that the server closes with; everything before it is heard and checked."""
    async with asyncio.timeout(within):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await ear.hear(within)
    code: int | None = ear.socket.close_code
    assert code is not None
    return code


async def trade_wildly(session: Session, who: str, count: int, seed: int, *, pause: float = 0) -> None:
    """Random orders around 100, some crossing, some cancelled again, from this process."""
    chance, resting = random.Random(seed), list[int]()
    for _ in range(count):
        await asyncio.sleep(pause)
        if resting and chance.random() < 0.3:
            with contextlib.suppress(Exception):  # it may have been filled
                await aside(session.cancel, who, resting.pop(chance.randrange(len(resting))))
            continue
        side, price = chance.choice(("buy", "sell")), chance.randint(95, 105)
        receipt = await aside(session.place, who, side=side, quantity=chance.randint(1, 3), price=price)
        if receipt.status in {"open", "partially_filled"}:
            resting.append(receipt.number)
