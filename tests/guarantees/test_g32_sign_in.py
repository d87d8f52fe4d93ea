"""G32: whoever guesses passwords is slowed down, and a class behind one address is not locked out."""

import time

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "a rather long password"


@pytest.fixture(autouse=True)
def _fast_hashes(settings: LazySettings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def sign_in(name: str, password: str, address: str = "/sign-in") -> int:
    return Client().post(address, {"username": name, "password": password}).status_code


def test_forty_students_on_one_address_register_and_sign_in_within_a_minute() -> None:
    began = time.monotonic()
    for number in range(40):
        name = f"student{number}"
        form = {"username": name, "password1": PASSWORD, "password2": PASSWORD}
        assert Client().post("/register", form).status_code == 302, name
        assert sign_in(name, "a slip of the finger") == 422
        assert sign_in(name, PASSWORD) == 302
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("address", ["/sign-in", "/admin/login/"])
def test_twenty_wrong_passwords_block_the_account_on_both_doors_and_nobody_else(address: str) -> None:
    for name in ("victim", "neighbour"):
        User.objects.create_superuser(name, password=PASSWORD)
    refused = 422 if address == "/sign-in" else 200
    assert [sign_in("victim", f"guess {number}", address) for number in range(20)] == [refused] * 20
    for door in ("/sign-in", "/admin/login/"):
        assert sign_in("victim", PASSWORD, door) != 302
        assert sign_in("neighbour", PASSWORD, door) == 302
