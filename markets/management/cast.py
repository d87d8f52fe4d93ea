"""Who plays in the demo: accounts with keys, and the session that they play in."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from session_contracts_client import Client
from session_contracts_client.shapes import Session

from accounts import keys
from accounts.facade import actor_named, user_named

SESSION = "demo"
ORGANISER = "organiser"
TRADERS = ("alice", "bob", "carol")
MAKER, NOISE = "maker", "noise"
_KEY_NAME = "demo"
_QUANTITIES = (100, 60, 80, 120)
_CASH = 100_000
_CASH_DECIMALS = 8


@dataclass(frozen=True)
class Member:
    """A role, the account behind it, and a key of the account's. Without a password nobody signs in as them."""

    role: str
    username: str
    password: str
    key: str


@contextmanager
def enlisted(roles: Sequence[str], *, with_passwords: bool) -> Iterator[Mapping[str, Member]]:
    """An account `demo-<role>` each. Keys of earlier plays are revoked now, these when it is over."""
    try:
        yield {role: _member(role, with_password=with_passwords) for role in roles}
    finally:
        for role in roles:
            _revoke(f"demo-{role}")


def _member(role: str, *, with_password: bool) -> Member:
    username = f"demo-{role}"
    actor_named(username, organiser=role == ORGANISER)
    user = user_named(username, field="user")
    password = secrets.token_urlsafe(9) if with_password else ""
    if password:
        user.set_password(password)
        user.save(update_fields=["password"])
    _revoke(username)
    scopes = ("read", "trade", "organise") if role == ORGANISER else ("read", "trade")
    return Member(role, username, password, keys.issue(user, name=_KEY_NAME, scopes=scopes)[1])


def _revoke(username: str) -> None:
    for key in keys.keys_of(user_named(username, field="user")):
        if key.name == _KEY_NAME:
            keys.revoke(key)


def open_session(
    clients: Mapping[str, Client], legs: Sequence[str], first_prices: Sequence[Decimal], *, price_decimals: int
) -> Session:
    """The organiser opens the session, everybody else joins, and the basket is shared out equally."""
    organiser = clients[ORGANISER]
    session = organiser.create_session(
        SESSION,
        legs,
        [_QUANTITIES[index % len(_QUANTITIES)] for index in range(len(legs))],
        start_mode="immediate",
        end_mode="manual",
        price_decimals=price_decimals,
        quantity_decimals=_CASH_DECIMALS - price_decimals,
        cash_per_participant=max(_CASH, (int(max(first_prices)) + 1) * 50),  # cash must buy something
    )
    for role, client in clients.items():
        if role != ORGANISER:
            client.join(SESSION, role, name=role.title())
    organiser.allocate(SESSION)
    return session
