"""The demo that stays: a session with a running oracle, bots that trade over the public API, and how to get in."""

import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

from django.core.management.base import CommandError
from rich.console import Console
from rich.table import Table
from session_contracts_client import Client

from markets.management import children
from markets.management.cast import MAKER, NOISE, ORGANISER, SESSION, TRADERS, Member, open_session
from markets.management.paste import curl_calls
from markets.management.story import csv_texts
from oracle import facade as oracle

ROLES = (ORGANISER, *TRADERS, MAKER, NOISE)
_START = {"AAPL": "190.10", "NVDA": "480.20", "META": "350.00", "ORCL": "104.30"}


class Stage:
    """One demo, from its opening to Ctrl-C."""

    def __init__(self, url: str, cast: Mapping[str, Member], clients: Mapping[str, Client], out: Console) -> None:
        self._url, self._cast, self._clients, self._out = url, cast, clients, out

    def open(self, replay: oracle.Replay | None) -> None:
        """The session, and its prices: simulated, or a CSV's rows again and again."""
        if replay is None:
            legs: tuple[str, ...] = tuple(_START)
            source: dict[str, object]
            mode, source = "sim", {"settings": {"start": _START, "tick_ms": 1000, "seed": time.time_ns() % 10**9}}
            first, decimals = [Decimal(price) for price in _START.values()], 4
        else:
            legs, decimals = replay.instruments, replay.price_decimals
            text, _ = next(csv_texts(replay))
            mode, source = "replay", {"csv": text, "settings": {"tick_ms": 1000, "loop": True}}
            first = [Decimal(units).scaleb(-decimals) for units in replay.rows[0].prices]
        self._session = open_session(self._clients, legs, first, price_decimals=decimals)
        self._clients[ORGANISER].create_feed(mode, session_id=SESSION, **source)

    def stay(self, server: subprocess.Popen[str], *, logs: Path, browser: bool) -> None:
        """Run the bots and say how to get in; returns when Ctrl-C comes. Raises CommandError if the server ends."""
        with ExitStack() as stack:
            bots = {}
            for role in (MAKER, NOISE):
                log = stack.enter_context((logs / f"demo-{role}.log").open("w"))
                key = self._cast[role].key
                bots[role] = stack.enter_context(children.bot(role, url=self._url, key=key, session=SESSION, log=log))
            self._invite(logs)
            if browser and _has_browser():
                webbrowser.open(f"{self._url}/sessions/{SESSION}")
            while server.poll() is None:
                time.sleep(0.5)
                for role in [role for role, process in bots.items() if process.poll() is not None]:
                    self._out.print(f"[yellow]The bot {role!r} has ended; {logs}/demo-{role}.log says why.[/]")
                    del bots[role]
            raise CommandError("The server has ended; its reason is above.")

    def _invite(self, logs: Path) -> None:
        table = Table(title=f"The market is open: {self._url}/sessions/{SESSION}", title_justify="left")
        for name in ("sign in as", "password", "who", "API key"):
            table.add_column(name, no_wrap=True)
        for role in (ORGANISER, *TRADERS):
            member = self._cast[role]
            table.add_row(member.username, member.password, role, member.key)
        self._out.print(table)
        self._out.print(f"Address: {self._url}   API: {self._url}/docs   Bots' logs: {logs}", soft_wrap=True)
        self._out.print("\nTo paste into a shell:\n")
        legs, q = self._session.legs, [int(quantity) for quantity in self._session.q]
        key = self._cast[ORGANISER].key
        calls = curl_calls(url=self._url, key=key, legs=legs, q=q, session=SESSION)
        self._out.print(calls, soft_wrap=True, markup=False)
        self._out.print("\nCtrl-C stops everything.")


def _has_browser() -> bool:
    """Whether there is a screen to open one on."""
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
