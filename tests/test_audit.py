"""Whatever is changed in the admin, or about keys and feeds anywhere: an act on record, with who, what and whence."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.facade import User
from ledger.models import Event
from ledger.platform import STREAM
from ledger.verify import verify_all
from sessioncontracts.audit import Audited

SAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "accounts.user": (
        {
            "username": "new",
            "usable_password": "true",
            "password1": "a long enough one",
            "password2": "a long enough one",
        },
        {"username": "renamed", "is_staff": "on", "is_active": "on"},
    ),
    "auth.group": ({"name": "helpers"}, {"name": "assistants"}),
    "django_celery_beat.periodictask": (
        {
            "name": "poke",
            "regtask": "",
            "task": "a.task",
            "enabled": "on",
            "interval": "{interval}",
            "args": "[]",
            "kwargs": "{}",
            "headers": "{}",
            "start_time_0": "",
            "start_time_1": "",
            "expires_0": "",
            "expires_1": "",
        },
        {
            "name": "poke twice",
            "regtask": "",
            "task": "a.task",
            "interval": "{interval}",
            "args": "[]",
            "kwargs": "{}",
            "headers": "{}",
            "start_time_0": "",
            "start_time_1": "",
            "expires_0": "",
            "expires_1": "",
        },
    ),
}
"""By model: what is typed to add a row, and to change it."""


@pytest.fixture
def root(ledger: None, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_superuser("root", password="a long enough one")


@pytest.fixture
def browser(root: User) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.force_login(root)
    return client


class Trail:
    """The acts put on record since it was last asked."""

    def __init__(self) -> None:
        self.seq = 0

    def new(self) -> list[dict[str, Any]]:
        rows = list(Event.objects.filter(stream_id=STREAM, seq__gt=self.seq).order_by("seq"))
        self.seq = rows[-1].seq if rows else self.seq
        return [{**json.loads(row.payload), "actor": row.actor} for row in rows]

    def only(self) -> dict[str, Any]:
        found = self.new()
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def trail(ledger: None) -> Trail:
    return Trail()


def changeable(user: User) -> Iterator[tuple[type[Model], Any]]:
    """What a superuser can add, change or delete with Django's own forms."""
    request = RequestFactory().get("/")
    request.user = user
    for model, model_admin in admin.site._registry.items():
        if model_admin.has_change_permission(request) or model_admin.has_delete_permission(request):
            yield model, model_admin


def test_everything_that_is_registered_is_audited_and_tried_here(root: User) -> None:
    assert all(isinstance(model_admin, Audited) for model_admin in admin.site._registry.values())
    assert {model._meta.label_lower for model, _ in changeable(root)} == set(SAMPLES)


@pytest.mark.parametrize("label", SAMPLES)
def test_adding_changing_and_deleting_leave_one_act_each(
    browser: Client, root: User, trail: Trail, label: str
) -> None:
    model = next(model for model, _ in changeable(root) if model._meta.label_lower == label)
    typed = [_filled(sample) for sample in SAMPLES[label]]
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    before = set(model._default_manager.values_list("pk", flat=True))
    answer = browser.post(reverse(f"{name}_add"), typed[0])
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    (key,) = set(model._default_manager.values_list("pk", flat=True)) - before
    added = trail.only()
    answer = browser.post(reverse(f"{name}_change", args=[key]), typed[1])
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    changed = trail.only()
    browser.post(reverse(f"{name}_delete", args=[key]), {"post": "yes"})
    deleted = trail.only()
    assert [one["act"].split()[-1] for one in (added, changed, deleted)] == ["added", "changed", "deleted"]
    for one in (added, changed, deleted):
        assert (one["actor"], one["facts"]["from"]) == (root.uid, "203.0.113.7")
        assert one["subject"] == added["subject"] != ""
        assert len(one["facts"]) > 1
    assert list(verify_all()) == []


def _filled(sample: dict[str, Any]) -> dict[str, Any]:
    if "{interval}" not in sample.values():
        return sample
    from django_celery_beat.models import IntervalSchedule

    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    return {**sample, "interval": str(every.pk)}


def test_a_persons_change_says_before_and_after_but_no_name(browser: Client, trail: Trail) -> None:
    user = User.objects.create_user("zelda", first_name="Zelda")
    group = Group.objects.create(name="helpers")
    typed = {"username": "zaida", "is_staff": "on", "is_active": "on", "groups": [str(group.pk)]}
    browser.post(reverse("admin:accounts_user_change", args=[user.pk]), typed)
    told = trail.only()
    assert told["subject"] == user.uid
    assert told["facts"]["is_staff"] == "False → True"
    assert told["facts"]["groups"] == " → helpers"
    assert told["facts"]["username"] == told["facts"]["first_name"] == "changed"
    assert "zelda" not in json.dumps(told).lower()
    assert "zaida" not in json.dumps(told).lower()


def test_passwords_many_users_and_actions_of_lists_are_on_record(browser: Client, root: User, trail: Trail) -> None:
    user = User.objects.create_user("zelda")
    new = {"usable_password": "true", "password1": "another long one", "password2": "another long one"}
    browser.post(reverse("admin:auth_user_password_change", args=[user.pk]), new)
    assert trail.only()["facts"]["password"] == "changed"
    browser.post(reverse("admin:accounts_user_many"), {"names": "ann\nben"})
    assert [one["act"] for one in trail.new()] == ["user added", "user added"]
    chosen = {"action": "delete_selected", ACTION_CHECKBOX_NAME: [str(user.pk)], "post": "yes"}
    browser.post(reverse("admin:accounts_user_changelist"), chosen)
    assert (told := trail.only())["act"] == "user deleted"
    assert told["subject"] == user.uid
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="hours")
    task = PeriodicTask.objects.create(name="poke", task="a.task", interval=every)
    chosen = {"action": "disable_tasks", ACTION_CHECKBOX_NAME: [str(task.pk)]}
    browser.post(reverse("admin:django_celery_beat_periodictask_changelist"), chosen)
    assert trail.only()["facts"]["enabled"] == "True → False"
    own = {
        "old_password": "a long enough one",
        "new_password1": "another long one",
        "new_password2": "another long one",
    }
    browser.post(reverse("admin:password_change"), own)
    assert trail.only()["subject"] == root.uid


def test_what_was_refused_is_not_on_record(browser: Client, trail: Trail) -> None:
    assert browser.post(reverse("admin:auth_group_add"), {"name": ""}).status_code == 200
    assert trail.new() == []


def test_keys_and_feeds_are_on_record_through_every_door(browser: Client, root: User, trail: Trail) -> None:
    made = browser.post("/api/v1/keys", {"name": "bot", "scopes": ["read"]}, content_type="application/json")
    assert made.status_code == 201, made.content
    issued = trail.only()
    assert (issued["act"], issued["subject"]) == ("key issued", root.uid)
    assert issued["facts"] == {"key": issued["facts"]["key"], "scopes": "read", "from": "203.0.113.7"}
    browser.delete(f"/api/v1/keys/{issued['facts']['key']}")
    assert trail.only()["act"] == "key revoked"
    browser.post("/keys", {"name": "mine", "scopes": ["read"]})
    number = trail.only()["facts"]["key"]
    browser.post(f"/keys/{number}/revoke")
    assert trail.only()["act"] == "key revoked"
    feed = {"name": "floor", "mode": "push", "instruments": ["AAPL"]}
    answer = browser.post("/api/v1/feeds", feed, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert trail.only()["act"] == "feed made"
    for act, said in (("start", "feed running"), ("stop", "feed stopped")):
        browser.post(f"/api/v1/feeds/floor/{act}", {}, content_type="application/json")
        assert trail.only()["act"] == said
