"""Sessions with a past, made by commands, and a server to look at them: for browser tests and screenshots."""

import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from common.ids import Actor
    from markets.queries import SessionInfo

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a password of the scene"
PEOPLE = ("orga", "root", "alice", "bob", "carol", "maker", "stranger")
CLASS = "workshop"
"""The session of a whole class: STUDENTS of them, admitted by the organiser and signing in by code."""
STUDENTS = 40
LEGS = {"AAPL": 187.25, "NVDA": 121.4, "META": 512.8, "ORCL": 140.15}
SESSION = "tuesday-1"
MINUTES = 25
"""How long the sessions have been running."""
_START_WITHIN_S = 60
HAS_EVENTS = (ROOT / "predictions").exists()
"""Event markets can be deleted, and all else goes on."""
_FIRST_NAMES = ("amina", "bjorn", "chen", "dilara", "emeka", "fatima", "george", "hana", "ines", "jonas", "katya")
_LAST_NAMES = ("Adeyemi", "van den Berg", "Chen", "Demir", "Eriksen", "Featherstonehaugh-Cholmondeley", "Gomez")


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Yield the address of a server of its own on a free port, with the scene played into a fresh database."""
    env = {**os.environ, "SM_DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'scene.sqlite3'}"}
    env.pop("DATABASE_OWNER_URL", None)
    run = [sys.executable, "manage.py"]
    subprocess.run([*run, "migrate", "-v", "0"], cwd=ROOT, env=env, check=True)
    subprocess.run([sys.executable, "-m", "tests.browser.scene"], cwd=ROOT, env=env, check=True)
    port = _free_port()
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen([*run, "serve", "--port", str(port)], cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process, folder / "server.log")
        yield address
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/sign-in", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-2000:]}")


def play(*, has_past: bool = HAS_EVENTS) -> None:
    """People, three sessions, prices, orders, trades, quotes; and event markets, whose past a running clock ends."""
    from accounts.facade import actor_of
    from accounts.models import User

    users = {
        name: User.objects.create_user(name, is_organiser=name == "orga", is_staff=name == "orga") for name in PEOPLE
    }
    users["root"].is_staff = users["root"].is_superuser = True
    users["orga"].set_password(PASSWORD)
    for user in users.values():  # one hash for all: hashing takes its time
        user.password = users["orga"].password
        user.save(update_fields=["password", "is_staff", "is_superuser"])
    actors = {name: actor_of(user) for name, user in users.items()}
    _Scene(actors).play()
    if has_past:
        from tests.browser.events import Past

        Past(users).play()


class _Scene:
    def __init__(self, actors: "dict[str, Actor]") -> None:
        self.actors = actors
        self.chance = random.Random(7)
        self.last: dict[str, float] = {}
        self.now = 0

    def play(self) -> None:
        from common.clock import SECOND, now_us
        from ledger.runtime import runtime
        from markets import queries, requests
        from markets.engine import commands as c
        from markets.handlers import announcements, participants, prices, sessions

        orga, runtime.clock = self.actors["orga"], lambda: self.now
        plans: list[tuple[str, dict[str, Any]]] = [
            ("rehearsal", {"fixing": "twap", "fixing_window": 120}),
            ("gold-and-silver", {"legs": ["GOLD 3m", "SILVER 3m"], "q": [50, 800], "start_mode": "manual"}),
            (SESSION, {"duration_minutes": 95 + MINUTES}),
        ]
        for name, terms in plans:
            self.now = now_us() - MINUTES * 60 * SECOND
            body = {"session_id": name, "legs": list(LEGS), "q": [100, 60, 80, 120], **terms}
            stream = sessions.create_session(requests.create_session(body), orga).stream
            for who in ("alice", "bob", "carol", "maker"):
                joining = c.JoinSession(participant=who, user=self.actors[who].id)
                participants.join_session(stream, joining, self.actors[who])
            participants.assign_allocations(stream, c.AssignAllocations(), orga)
            if name != "gold-and-silver":
                self.move_prices(queries.session_of(stream))
                self.trade(stream)
            self.now = now_us()
            if name == SESSION:
                told = c.Announce(text="Carol, your group presents first.", participant="carol")
                announcements.announce(stream, told, orga)
            if name == "rehearsal":
                prices.settle_session(stream, orga)
        self.teach()

    def teach(self) -> None:
        """A class at work: forty people, a few trades, one announcement, some who never did anything."""
        from accounts.facade import settle_made_up, uid_made_up
        from common.clock import SECOND, now_us
        from common.ids import Actor
        from markets import queries, requests
        from markets.engine import commands as c
        from markets.handlers import announcements, participants, sessions

        orga, self.now = self.actors["orga"], now_us() - MINUTES * 60 * SECOND
        body = {"session_id": CLASS, "legs": list(LEGS), "q": [400, 240, 320, 480], "duration_minutes": 90}
        stream = sessions.create_session(requests.create_session(body), orga).stream
        handles = [f"{name}.{number:02d}" for number, name in enumerate(_FIRST_NAMES * 4, 1)][:STUDENTS]
        uids = {handle: uid_made_up(orga.id, CLASS, handle) for handle in handles}
        admitted = tuple(c.Admission(participant=who, user=uid, amounts=None) for who, uid in uids.items())
        names = {who: f"{who[:-3].capitalize()} {_LAST_NAMES[n % 7]}" for n, who in enumerate(handles)}
        command = c.AdmitParticipants(participants=admitted, allocations={})
        participants.admit_participants(stream, command, orga, names=names)
        for who, uid in uids.items():
            settle_made_up(uid, CLASS, who)
            self.actors[who] = Actor(uid, organiser=False)
        participants.assign_allocations(stream, c.AssignAllocations(), orga)
        session, now = queries.session_of(stream), dict(self.last or LEGS)
        self.push(session, now)
        for number, (maker, taker) in enumerate(zip(handles[:24], handles[6:30], strict=True)):
            leg, self.now = list(LEGS)[number % 4], self.now + 40 * SECOND
            price = f"{(self.last or LEGS)[leg] * self.chance.uniform(0.99, 1.01):.2f}"
            self.order(stream, maker, leg, "sell", f"{self.chance.uniform(0.2, 2):.2f}", price)
            self.order(stream, taker, leg, "buy", f"{self.chance.uniform(0.2, 2):.2f}", price)
            now = {each: at * (1 + self.chance.gauss(0, 0.002)) for each, at in now.items()}
            self.push(session, now)
        announcements.announce(stream, c.Announce(text="Ten minutes to the break.", participant=""), orga)
        self.now = now_us()

    def push(self, session: "SessionInfo", prices_now: dict[str, float]) -> None:
        """One tick."""
        from markets.handlers import prices

        prices.push_prices(session, {leg: f"{price:.2f}" for leg, price in prices_now.items()})

    def move_prices(self, session: "SessionInfo", steps: int = 180) -> None:
        """Prices over the last minutes, and some trades on the way."""
        from common.clock import SECOND

        step = MINUTES * 60 * SECOND // (steps + 1)
        now: dict[str, float] = dict(LEGS)
        for number in range(steps):
            self.now += step
            now = {leg: price * (1 + self.chance.gauss(0.0002, 0.0025)) for leg, price in now.items()}
            self.push(session, now)
            if number % 7 == 6:
                self.meet(session.stream, number, now)
        self.last = now

    def meet(self, stream: UUID, number: int, prices: dict[str, float]) -> None:
        """One trade near the price of the moment."""
        who, leg = ("alice", "bob", "carol")[number % 3], list(LEGS)[number % 4]
        price, quantity = f"{prices[leg]:.2f}", f"{self.chance.uniform(0.2, 0.9):.2f}"
        side, other = (("sell", "buy"), ("buy", "sell"))[number // 2 % 2]
        self.order(stream, "maker", leg, side, quantity, price)
        self.order(stream, who, leg, other, quantity)

    def trade(self, stream: UUID) -> None:
        from markets.engine import commands as c
        from markets.handlers import rfq

        for leg, price in self.last.items():
            for level in range(1, 11):
                for side, sign in (("sell", 1), ("buy", -1)):
                    at = price * (1 + sign * level * 0.0006)
                    self.order(stream, "maker", leg, side, f"{self.chance.uniform(0.2, 0.9):.2f}", f"{at:.2f}")
        for number in range(8):
            who, leg = ("alice", "bob", "carol")[number % 3], list(LEGS)[number % 4]
            self.order(stream, who, leg, ("buy", "sell")[number // 2 % 2], f"{self.chance.uniform(0.2, 0.9):.2f}")
        self.order(stream, "alice", "AAPL", "buy", "2.5", f"{self.last['AAPL'] * 0.9965:.2f}")
        self.order(stream, "alice", "NVDA", "sell", "3", f"{self.last['NVDA'] * 1.006:.2f}")
        first = self.ask(stream, "alice", "AAPL", "NVDA", "4")
        self.quote(stream, first, "bob", "0.6")
        best = self.quote(stream, first, "maker", "0.62")
        rfq.accept_quote(stream, c.AcceptQuote(quote=best), self.actors["alice"])
        open_one = self.ask(stream, "alice", "ORCL", "META", "8")
        self.quote(stream, open_one, "maker", "0.271")
        self.quote(stream, open_one, "carol", "0.2695")
        self.ask(stream, "bob", "META", "AAPL", "3")

    def order(self, stream: UUID, who: str, leg: str, side: str, quantity: str, price: str = "") -> None:
        from markets import queries, requests
        from markets.handlers import orders

        kind = {"order_type": "limit", "price": price} if price else {"order_type": "market"}
        body = {"participant_id": who, "asset": leg, "side": side, "quantity": quantity, **kind}
        command = requests.place_order(queries.session_of(stream), body)
        orders.place_order(stream, command, self.actors[who])

    def ask(self, stream: UUID, who: str, leg_from: str, leg_to: str, amount: str) -> int:
        from markets import queries, requests
        from markets.handlers import rfq

        body = {"participant_id": who, "leg_from": leg_from, "leg_to": leg_to, "amount_from": amount}
        return rfq.request_quote(
            stream, requests.request_quote(queries.session_of(stream), body), self.actors[who]
        ).first_seq

    def quote(self, stream: UUID, number: int, who: str, rate: str) -> int:
        from markets import requests
        from markets.handlers import rfq

        body = {"participant_id": who, "rate": rate}
        return rfq.provide_quote(stream, requests.provide_quote(number, body), self.actors[who]).first_seq


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sessioncontracts.settings")
    django.setup()
    play(has_past=HAS_EVENTS and "sessions-only" not in sys.argv)
    from ledger.runtime import runtime

    runtime.stop()
