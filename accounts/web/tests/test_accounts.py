"""Signing in, registering, keys: what works, what is refused, and how guessing is slowed down."""

import re

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from accounts import keys, throttle
from accounts.models import User

PASSWORD = "a rather long password"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _fast_hashes(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password=PASSWORD)


def _sign_in(client: Client, username: str, password: str, **more: str) -> int:
    return client.post("/sign-in", {"username": username, "password": password, **more}).status_code


def test_signing_in_leads_where_one_wanted_to_go_and_never_elsewhere(alice: User) -> None:
    answer = Client().post("/sign-in", {"username": "alice", "password": PASSWORD, "next": "/keys"})
    assert (answer.status_code, answer["Location"]) == (302, "/keys")
    answer = Client().post("/sign-in", {"username": "alice", "password": PASSWORD, "next": "https://elsewhere.test/"})
    assert answer["Location"] == "/"


def test_a_wrong_password_is_422_with_the_form(alice: User) -> None:
    answer = Client().post("/sign-in", {"username": "alice", "password": "wrong"})
    assert answer.status_code == 422
    assert b'value="alice"' in answer.content
    assert b"wrong" not in answer.content


def test_too_many_wrong_passwords_block_the_account_and_no_other(alice: User) -> None:
    User.objects.create_user("bob", password=PASSWORD)
    for _ in range(throttle.PASSWORDS.burst):
        assert _sign_in(Client(), "Alice".lower(), "guess") == 422
    answer = Client().post("/sign-in", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 422
    assert b"Too many wrong passwords" in answer.content
    assert _sign_in(Client(), "bob", PASSWORD) == 302


def test_signing_out_takes_a_post(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code == 302
    assert client.get("/keys").status_code == 302


def _register(**more: str) -> int:
    body = {"username": "carol", "password1": PASSWORD, "password2": PASSWORD, **more}
    return Client().post("/register", body).status_code


def test_who_is_signed_out_is_led_to_the_door_by_a_page_and_told_by_a_part_of_one(db: None) -> None:
    assert Client().get("/keys")["Location"] == "/sign-in?next=/keys"
    htmx = Client(headers={"HX-Request": "true"})
    for part in (htmx.get("/keys"), htmx.post("/sessions/x/orders", {"side": "buy"})):
        assert (part.status_code, part.content) == (401, b"")
    assert htmx.get("/sign-in").status_code == 200
    assert htmx.get("/keys", headers={"HX-History-Restore-Request": "true"}).status_code == 302


def test_registration_open(db: None, settings: LazySettings) -> None:
    settings.REGISTRATION = "open"
    assert _register(password2="another") == 422
    assert _register(username="") == 422
    assert _register(username="a\0b") == 422
    assert _register() == 302
    assert _register() == 422
    user = User.objects.get(username="carol")
    assert (user.is_organiser, user.is_staff, user.is_superuser) == (False, False, False)


def test_nobody_registers_themselves_as_more_than_a_user(db: None, settings: LazySettings) -> None:
    settings.REGISTRATION = "open"
    assert _register(is_organiser="1", is_superuser="on", is_staff="true") == 302
    user = User.objects.get(username="carol")
    assert (user.is_organiser, user.is_staff, user.is_superuser) == (False, False, False)


def test_registration_by_code(db: None, settings: LazySettings) -> None:
    settings.REGISTRATION, settings.REGISTRATION_CODE = "code", "open sesame"
    assert _register() == 422
    assert _register(code="wrong") == 422
    assert _register(code="öpen") == 422
    assert _register(code="open sesame") == 302
    settings.REGISTRATION_CODE = ""
    assert _register(username="dave", code="") == 422


def test_registration_closed(db: None, settings: LazySettings) -> None:
    settings.REGISTRATION = "closed"
    assert Client().get("/register").status_code == 200
    assert _register() == 422
    assert not User.objects.exists()


def test_a_keys_secret_is_shown_once_and_works_until_it_is_revoked(ledger: None, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    answer = client.post("/keys", {"name": "bot", "scopes": ["read", "trade"], "command_id": "a" * 32})
    found = re.search(r"sm_\w{8}_[\w-]{43}", answer.content.decode())
    assert found is not None
    secret = found[0]
    info = keys.verify(secret)
    assert info is not None
    assert info.scopes == {"read", "trade"}
    assert secret not in client.get("/keys").content.decode()
    assert client.post(f"/keys/{info.key_id}/revoke").status_code == 302
    assert keys.verify(secret) is None


def test_nobody_revokes_somebody_elses_key(alice: User) -> None:
    row, secret = keys.issue(alice, name="bot", scopes=["read"])
    bob = Client()
    bob.force_login(User.objects.create_user("bob"))
    bob.post(f"/keys/{row.pk}/revoke")
    assert keys.verify(secret) is not None


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["organise"]},
        {"name": "x", "scopes": ["feed"]},
        {"name": "x", "scopes": ["\0"]},
        {"name": "x" * 81, "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "session_id": "nowhere"},
        {"name": "x", "scopes": ["read"], "expires_at": "2001-01-01T00:00"},
        {"name": "x", "scopes": ["read"], "expires_at": "\0"},
    ],
)
def test_keys_that_cannot_be_are_refused_with_the_form(alice: User, body: dict[str, object]) -> None:
    client = Client()
    client.force_login(alice)
    answer = client.post("/keys", body)
    assert answer.status_code == 422
    assert b'role="alert"' in answer.content
    assert keys.keys_of(alice) == []


def test_where_somebody_wanted_to_go_survives_registering(db: None, settings: LazySettings) -> None:
    settings.REGISTRATION = "open"
    page = Client().get("/sign-in?next=/sessions/room/join").content.decode()
    assert 'href="/register?next=/sessions/room/join"' in page
    assert (
        'name="next" value="/sessions/room/join"'
        in Client().get("/register?next=/sessions/room/join").content.decode()
    )
    new = {"username": "late", "password1": "a long enough one", "password2": "a long enough one"}
    answer = Client().post("/register", new | {"next": "/sessions/room/join"})
    assert (answer.status_code, answer["Location"]) == (302, "/sessions/room/join")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
def test_nobody_is_sent_elsewhere_after_registering(db: None, settings: LazySettings, elsewhere: str) -> None:
    settings.REGISTRATION = "open"
    new = {"username": "late", "password1": "a long enough one", "password2": "a long enough one", "next": elsewhere}
    assert Client().post("/register", new)["Location"] == "/"


def test_a_link_with_a_code_fills_the_form_and_uses_nothing_up(db: None) -> None:
    assert Client().get("/join/ABCDE-23456")["Location"] == "/join#ABCDE-23456"
    assert Client().get("/join/%3Cb%3E%22")["Location"] == "/join#%3Cb%3E%22"
    refused = Client().post("/join", {"code": "<b>ABCDE"})
    assert refused.status_code == 422
    assert "There is no such code, or a newer slip took its place" in refused.content.decode()
    assert "<b>ABCDE" not in refused.content.decode()
