"""People in the admin: one by one, and many from a pasted list."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.facade import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(settings: Any) -> Client:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_a_pasted_list_makes_users_whose_passwords_are_shown_once(root: Client) -> None:
    answer = root.post(reverse("admin:accounts_user_many"), {"names": "ann\n ben \n\ncleo", "is_organiser": "on"})
    page = answer.content.decode()
    passwords = re.findall(r'class="secret">([\w-]+)<', page)
    assert len(passwords) == 3
    assert Client().login(username="ben", password=passwords[1])
    assert set(User.objects.filter(is_organiser=True, is_staff=True).values_list("username", flat=True)) == {
        "ann",
        "ben",
        "cleo",
    }
    assert passwords[0] not in root.get(reverse("admin:accounts_user_many")).content.decode()


@pytest.mark.parametrize("names", ["", "a b", "ann\nann", "root", "x" * 151, "\0", "\n".join(map(str, range(200)))])
def test_a_bad_list_makes_nobody_and_is_kept(root: Client, names: str) -> None:
    answer = root.post(reverse("admin:accounts_user_many"), {"names": names})
    assert answer.status_code == 422
    assert User.objects.count() == 1


def test_the_uid_is_shown_and_never_changed(root: Client) -> None:
    user = User.objects.create_user("ann")
    page = reverse("admin:accounts_user_change", args=[user.pk])
    assert user.uid in root.get(page).content.decode()
    root.post(page, {"username": "anna", "uid": "ffffffffffffffff", "is_active": "on", "is_organiser": "on"})
    after = User.objects.get(pk=user.pk)
    assert (after.username, after.uid, after.is_organiser) == ("anna", user.uid, True)


def test_only_who_may_add_users_adds_many(root: Client) -> None:
    clerk = Client()
    clerk.force_login(User.objects.create_user("clerk", is_staff=True, is_organiser=True))
    assert clerk.get(reverse("admin:accounts_user_many")).status_code == 403


def test_every_page_of_people_answers(root: Client) -> None:
    user = User.objects.create_user("ann", password="a long enough one")
    for name, args in (
        ("changelist", []),
        ("add", []),
        ("many", []),
        ("change", [user.pk]),
        ("delete", [user.pk]),
        ("history", [user.pk]),
    ):
        assert root.get(reverse(f"admin:accounts_user_{name}", args=args)).status_code == 200, name
    assert root.get(reverse("admin:auth_user_password_change", args=[user.pk])).status_code == 200


def test_nobody_shuts_themselves_out(root: Client) -> None:
    me, other = User.objects.get(username="root"), User.objects.create_user("clara", is_staff=True)
    for user in (me, other):
        page = reverse("admin:accounts_user_change", args=[user.pk])
        sent = {"username": user.username, "first_name": "New", "is_organiser": "on"}
        assert root.post(page, sent).status_code == 302, user.username
    me.refresh_from_db()
    other.refresh_from_db()
    assert (me.first_name, me.is_active, me.is_staff, me.is_superuser) == ("New", True, True, True)
    assert (other.first_name, other.is_active, other.is_staff) == ("New", False, False)
