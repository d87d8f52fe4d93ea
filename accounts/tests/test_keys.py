"""API keys: shown once, kept as a hash, worth nothing a moment after they are revoked."""

import json
import re
import time

import pytest
from django.core import serializers
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import keys
from accounts.models import Answer, ApiKey, User
from common.clock import now_us
from common.errors import DomainError

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_keys() -> None:
    keys.forget()


@pytest.fixture
def user() -> User:
    return User.objects.create(username="alice")


def refusal(**arguments: object) -> str:
    with pytest.raises(DomainError) as caught:
        keys.issue(**{"name": "bot", "scopes": ["read"], **arguments})  # type: ignore[arg-type]
    return caught.value.code


def test_a_key_looks_as_it_should_and_verifies(user: User) -> None:
    key, secret = keys.issue(user, name="bot", scopes=["trade", "read", "read"])
    assert re.fullmatch(rf"sm_{key.prefix}_[A-Za-z0-9_-]{{43}}", secret)
    assert keys.verify(secret) == keys.KeyInfo(user.uid, user.pk, key.pk, frozenset({"read", "trade"}), None)


def test_no_secret_is_in_the_database(user: User) -> None:
    _, secret = keys.issue(user, name="bot", scopes=["read"], issuer=user, request_id="key:once")
    _, other = keys.issue(user, name="bot", scopes=["read"])
    keys.verify(secret)
    rows = serializers.serialize("json", [*ApiKey.objects.all(), *User.objects.all(), *Answer.objects.all()])
    for text in (secret, other):
        assert text not in rows
        assert text.split("_", 2)[2] not in rows
    assert len(json.loads(rows)) == 3


def test_a_revoked_key_is_worth_nothing_at_once(user: User) -> None:
    key, secret = keys.issue(user, name="bot", scopes=["read"])
    assert keys.verify(secret)
    keys.revoke(key)
    assert keys.verify(secret) is None
    assert keys.keys_of(user) == []


def test_a_key_revoked_by_another_process_is_worth_nothing_within_a_second(user: User) -> None:
    key, secret = keys.issue(user, name="bot", scopes=["read"])
    assert keys.verify(secret)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now_us())
    deadline = time.monotonic() + 1.1
    while keys.verify(secret) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keys.verify(secret) is None


def test_keys_in_use_are_looked_up_together(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [keys.issue(user, name=f"bot {number}", scopes=["read"])[1] for number in range(5)]
    for _ in range(2):
        assert all(keys.verify(secret) for secret in secrets)
    tomorrow = time.monotonic() + 86_400
    monkeypatch.setattr(time, "monotonic", lambda: tomorrow)
    with CaptureQueriesContext(connection) as queries:
        found = [keys.verify(secret) for secret in secrets]
    assert (len(queries), len({info.key_id for info in found if info})) == (1, 5)
    keys.revoke(ApiKey.objects.get(pk=found[0].key_id))  # type: ignore[union-attr]
    assert [bool(keys.verify(secret)) for secret in secrets] == [False, True, True, True, True]


def test_a_blocked_users_and_an_expired_key_are_worth_nothing(user: User) -> None:
    _, secret = keys.issue(user, name="bot", scopes=["read"])
    User.objects.update(is_active=False)
    assert keys.verify(secret) is None
    User.objects.update(is_active=True)
    assert keys.verify(secret)
    ApiKey.objects.update(expires_at=1)
    keys.forget()
    assert keys.verify(secret) is None


@pytest.mark.parametrize(
    "secret", ["", "sm", "sm__", "sm_aaaaaaaa_x", "xx_aaaaaaaa_x", "sm_\0aaaaaaa_x", "é", "_" * 9]
)
def test_nonsense_is_nobodys_key(secret: str) -> None:
    assert keys.verify(secret) is None


def test_the_right_prefix_with_another_secret_is_nobodys_key(user: User) -> None:
    key, _ = keys.issue(user, name="bot", scopes=["read"])
    assert keys.verify(f"sm_{key.prefix}_{'x' * 43}") is None


def test_who_may_issue_what(user: User) -> None:
    other = User.objects.create(username="bob")
    root = User.objects.create(username="root", is_superuser=True)
    assert refusal(user=other, issuer=user) == "not_superuser"
    assert refusal(user=user, issuer=user, scopes=["organise"]) == "scope_not_allowed"
    assert refusal(user=user, issuer=user, scopes=["feed"]) == "scope_not_allowed"
    assert refusal(user=user, scopes=["fly"]) == "invalid_key"
    assert refusal(user=user, scopes=[]) == "invalid_key"
    assert refusal(user=user, name=" ") == "invalid_key"
    assert refusal(user=user, expires_at=1) == "invalid_key"
    assert refusal(user=user, session_id="none") == "not_found"
    assert keys.issue(other, name="feed", scopes=["feed"], issuer=root)[0].issued_by == root


def test_the_same_request_answers_the_same_secret(user: User) -> None:
    first = keys.issue(user, name="bot", scopes=["read"], issuer=user, request_id="key:1")
    again = keys.issue(user, name="bot", scopes=["read"], issuer=user, request_id="key:1")
    assert (again[0].pk, again[1]) == (first[0].pk, first[1])
    assert (first[0].replayed, again[0].replayed) == (False, True)
    assert refusal(user=user, issuer=user, name="other", request_id="key:1") == "idempotency_conflict"
    assert keys.issue(user, name="bot", scopes=["read"], issuer=user, request_id="key:2")[1] != first[1]


def test_there_is_a_limit(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    keys.issue(user, name="bot", scopes=["read"])
    assert refusal(user=user) == "too_many_keys"


def test_use_is_noted_to_the_minute(user: User) -> None:
    key, secret = keys.issue(user, name="bot", scopes=["read"])
    keys.verify(secret)
    key.refresh_from_db()
    assert key.last_used_at > 0
    assert key.last_used_at % 60_000_000 == 0
