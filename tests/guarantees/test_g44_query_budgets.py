"""G44: no list asks the database once per row: every address takes as many queries for many rows as for few."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from markets.api.tests.conftest import Caller, Hire
from tests.guarantees.addresses import addresses, filled, is_of_events, world
from tests.guarantees.sizes import ONCE, size

FEW, MANY = 3, size(15, 50, 200)
pytestmark = [ONCE, pytest.mark.usefixtures("ledger"), pytest.mark.timeout(600)]


def queries(browser: Client, ids: dict[str, str]) -> dict[str, int]:
    """How many queries the GET of each address takes, asked a second time."""
    found = {}
    for route in addresses():
        if "logout" in route or "export" in route:
            continue
        address = filled(route, ids)
        if is_of_events(route) and "<" not in route:
            address += f"?exchange={ids['events.name']}"
        browser.get(address)
        with CaptureQueriesContext(connection) as asked:
            answer: Any = browser.get(address)
        if answer.status_code == 200:
            found[route] = len(asked)
    return found


def test_many_rows_take_no_more_queries_than_few(hire: Hire, organiser: Caller, settings: Any) -> None:
    settings.ORDERS_PER_SECOND = 0
    User.objects.filter(username="olga").update(is_superuser=True, is_staff=True)
    browser = Client()
    browser.force_login(User.objects.get(username="olga"))
    alice, bob = hire("alice"), hire("bob")
    few = queries(browser, world(organiser, alice, bob, session="few", size=FEW))
    many = queries(browser, world(organiser, alice, bob, session="many", size=MANY))
    assert len(few) > 40
    assert {route: (few[route], count) for route, count in many.items() if count > few.get(route, 0)} == {}
