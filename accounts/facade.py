"""What other apps may ask of accounts."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction

from accounts.models import Answer, User, new_uid
from accounts.throttle import Rule, take
from common.errors import DomainError
from common.ids import Actor

__all__ = [
    "Rule",
    "User",
    "account_of_a_program",
    "actor_named",
    "actor_of",
    "may_open_sessions",
    "new_uid",
    "once",
    "settle_made_up",
    "take",
    "uid_made_up",
    "uid_of",
    "user_named",
    "user_of",
]


def actor_of(user: User | AnonymousUser) -> Actor:
    """A signed-in user as the ledger knows them. Superusers organise every session."""
    assert isinstance(user, User)
    return Actor(user.uid, organiser=user.is_superuser)


def actor_named(username: str, *, organiser: bool = False) -> Actor:
    """The actor of the user with this name, made with an unusable password if there is none yet."""
    user, created = User.objects.get_or_create(username=username, defaults={"is_organiser": organiser})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return Actor(user.uid, organiser=user.is_superuser)


def may_open_sessions(user: User | AnonymousUser) -> bool:
    """Organisers and superusers."""
    return isinstance(user, User) and (user.is_organiser or user.is_superuser)


def user_of(user: User | AnonymousUser) -> User:
    """Who is signed in. The caller has checked that somebody is."""
    assert isinstance(user, User)
    return user


def user_named(username: str, *, field: str) -> User:
    """The user with this name. Raises DomainError `unknown_user`."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise DomainError("unknown_user", f"There is no user {username!r}.", field=field)
    return user


def uid_of(username: str, *, field: str) -> str:
    """The opaque id of the user with this name. Raises DomainError `unknown_user`."""
    return user_named(username, field=field).uid


def uid_made_up(organiser: str, session_id: str, handle: str) -> str:
    """The opaque id of somebody an organiser admits without an account: always the same for the same three."""
    return sha256(f"{organiser}/{session_id}/{handle}".encode()).hexdigest()[:16]


def settle_made_up(uid: str, session_id: str, handle: str) -> None:
    """Give such an id an account, `handle.session_id`, that nobody can sign in to until somebody is let in."""
    if User.objects.filter(uid=uid).exists():
        return
    plain = f"{handle}.{session_id}"
    for username in (plain, f"{plain}.{uid}"):
        user = User(uid=uid, username=username)
        user.set_unusable_password()
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:
            continue
        return


def account_of_a_program(uid: str) -> User:
    """The account of a program that acts by its keys alone, made if there is none: nobody can sign in to it."""
    user, created = User.objects.get_or_create(uid=uid, defaults={"username": f"program.{uid}"})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def once(
    user: User | AnonymousUser, request_id: str, asked: object, act: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """(answer, replayed) of a request that writes no ledger event. A `request_id` makes it happen once.

    The answer is stored in the transaction of what it answers. Raises DomainError `idempotency_conflict`.
    """
    if not request_id:
        return act(), False
    assert isinstance(user, User)
    mark = sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    try:
        with transaction.atomic():
            row = Answer.objects.create(user=user, request_id=request_id, fingerprint=mark, body="{}")
            body = act()
            row.body = json.dumps(body)
            row.save(update_fields=["body"])
    except IntegrityError:
        row = Answer.objects.get(user=user, request_id=request_id)
        if row.fingerprint != mark:
            detail = "This id was used before for a request with other content."
            raise DomainError("idempotency_conflict", detail) from None
        stored: dict[str, Any] = json.loads(row.body)
        return stored, True
    return body, False
