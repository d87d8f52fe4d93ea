"""G31: no other site makes a signed-in browser change anything. Every address that takes a POST wants the token."""

import pytest
from django.apps import apps
from django.test import Client

from accounts.models import User
from markets.api.tests.conftest import Caller, Hire
from tests.guarantees.addresses import addresses, filled, world
from tests.guarantees.sizes import ONCE

pytestmark = [ONCE, pytest.mark.usefixtures("ledger"), pytest.mark.timeout(600)]


@pytest.fixture
def ids(hire: Hire, organiser: Caller) -> dict[str, str]:
    return world(organiser, hire("alice"), hire("bob"))


def rows() -> dict[str, int]:
    """How many rows every table has."""
    models = [model for model in apps.get_models() if model._meta.label != "sessions.Session"]
    return {model._meta.label: model._default_manager.count() for model in models}


def test_a_post_without_the_token_is_refused_everywhere_and_changes_nothing(ids: dict[str, str]) -> None:
    User.objects.filter(username="olga").update(is_superuser=True, is_staff=True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="olga"))
    before = rows()
    content = {"data": {}, "content_type": "application/json"}
    taken = [
        f"{method} {route}: {answer.status_code}"
        for route in addresses()
        for method in ("post", "patch", "put", "delete")
        for answer in [getattr(browser, method)(filled(route, ids), **(content if "api/" in route else {}))]
        if answer.status_code not in {403, 404, 405}
    ]
    assert taken == []
    assert rows() == before


def test_with_a_key_the_cookie_counts_for_nothing(ids: dict[str, str], hire: Hire) -> None:
    eve = hire("eve")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(username="alice"))
    asked = browser.get("/api/v1/me", headers={"Authorization": f"Bearer {eve.secret}"})
    assert "eve" in asked.content.decode()
    order = {"asset": "AAPL", "side": "sell", "quantity": 1, "price": 10}
    headers = {"Authorization": f"Bearer {eve.secret}"}
    placed = browser.post("/api/v1/sessions/demo/orders", order, content_type="application/json", headers=headers)
    assert placed.status_code == 404, "eve is no member, whoever's cookie comes along"
