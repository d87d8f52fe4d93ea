"""Organisers, administrators, and a spy that tells when the console writes what only commands may write."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from accounts.facade import User
from markets import queries

Page = Callable[..., str]
_WRITES = re.compile(
    r'\b(INSERT INTO|UPDATE|DELETE FROM|REPLACE INTO)\s+"?(ledger_\w+|markets_(?!countdown|displayname|presence)\w+)',
    re.IGNORECASE,
)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def direct_writes(transactional_db: None) -> Iterator[list[str]]:
    """Statements on the ledger's and the sessions' tables by the request's own connection: commands have others."""
    seen: list[str] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if _WRITES.search(sql):
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield seen


@pytest.fixture
def organiser(ledger: None) -> User:
    return User.objects.create_user("olga", password="a long enough one", is_organiser=True, is_staff=True)


@pytest.fixture
def console(organiser: User) -> Client:
    """The organiser, signed in. An exception in a view fails the test."""
    return signed_in(organiser)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(name: str, stream: UUID | None = None, *more: object) -> str:
    return reverse(f"admin:markets_marketsession_{name}", args=[stream, *more] if stream else [])


def terms(**changes: str) -> dict[str, str]:
    """The page of a new session, filled in: AAPL and NVDA, alice with all of it, bob with nothing but cash."""
    filled = {
        "session_id": "class-1",
        "start_mode": "manual",
        "cash_per_participant": "1000",
        "feed": "",
        "fixing": "last",
        "fixing_max_age": "60",
        "quantity_decimals": "4",
        "price_decimals": "4",
        "self_trade_prevention": "cancel_newest",
        "legs-TOTAL_FORMS": "3",
        "legs-INITIAL_FORMS": "0",
        "legs-0-name": "AAPL",
        "legs-0-q": "100",
        "legs-1-name": "NVDA",
        "legs-1-q": "60",
        "participants-TOTAL_FORMS": "3",
        "participants-INITIAL_FORMS": "0",
        "participants-0-participant_id": "alice",
        "participants-0-name": "Alice A.",
        "participants-0-user": "alice",
        "participants-0-allocations": "AAPL=100, NVDA=60",
        "participants-1-participant_id": "bob",
    }
    return {**filled, **changes}


@pytest.fixture
def session(console: Client) -> queries.SessionInfo:
    """A session made in the console, not started."""
    User.objects.create_user("alice")
    answer = console.post(url("add"), terms())
    assert answer.status_code == 302, text_of(answer)
    return queries.session("class-1")


def text_of(answer: HttpResponseBase) -> str:
    return answer.content.decode() if hasattr(answer, "content") else ""


def press(client: Client, name: str, stream: UUID, /, **fields: Any) -> HttpResponseBase:
    """Fill in a form of the console and send it."""
    return client.post(url(name, stream), fields)
