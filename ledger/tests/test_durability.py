"""A database that does not wait for the disk is told of at the start."""

import pytest
from django.core.checks import run_checks
from django.db import connection

from ledger import durability

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_switched_off_is_named_by_the_check() -> None:
    """On a connection as the settings make it nothing is missing, and then the check finds what we switch off."""
    name, off, on = {
        "sqlite": ("synchronous", "PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"),
        "postgresql": ("synchronous_commit", "SET synchronous_commit = off", "SET synchronous_commit = on"),
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(on)
        assert name not in durability.careless(connection)
        cursor.execute(off)
        try:
            (warning,) = [found for found in run_checks(databases=["default"]) if found.id == "ledger.W001"]
        finally:
            cursor.execute(on)
    assert name in warning.msg


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the PostgreSQL of the tests does not wait, on purpose")
def test_our_own_settings_wait_for_the_disk() -> None:
    assert durability.careless(connection) == []
