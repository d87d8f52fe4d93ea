"""Which database there is, and who knows how to copy it."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from ledger.backup import postgresql, sqlite
from ledger.backup.archive import BackupError, Head, Manifest, facts

Vendor = Any
"""One of the two modules."""
VENDORS = {"sqlite": sqlite, "postgresql": postgresql}
MEMBERS = [vendor.MEMBER for vendor in VENDORS.values()]


def alias() -> str:
    """The owner's connection where there is one: it may read and make everything."""
    return "owner" if "owner" in settings.DATABASES else "default"


def current() -> tuple[str, Vendor, dict[str, Any]]:
    """(name, module, settings) of the database in use. No connection of Django's is open afterwards."""
    connections.close_all()
    connection = connections[alias()]
    if connection.vendor not in VENDORS:
        raise ImproperlyConfigured(f"Nobody here knows how to copy {connection.vendor}.")
    for each in connections.all():
        if hasattr(each, "close_pool"):
            each.close_pool()
    return connection.vendor, VENDORS[connection.vendor], connection.settings_dict


def check_fits(manifest: Manifest, name: str) -> None:
    """Raises BackupError where this software, on this database, cannot use such a backup."""
    if manifest.vendor != name:
        text = "Sessions travel from one to the other as bundles: export and import."
        raise BackupError(f"This is a backup of {manifest.vendor}, the database here is {name}. {text}")
    known = {f"{app}.{migration}" for app, migration in MigrationLoader(None).disk_migrations or {}}
    unknown = sorted(set(manifest.migrations) - known)
    if unknown:
        text = f"It was made by version {manifest.software} and has migrations that are not here: {unknown[0]}"
        raise BackupError(f"{text}{f' and {len(unknown) - 1} more' if unknown[1:] else ''}.")


def heads() -> list[Head]:
    """Where the streams end now."""

    def ask(query: str) -> list[tuple[object, ...]]:
        with connections[alias()].cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    return facts(ask)[1]
