"""manage.py app_role: let the application's role use the tables, without owning them."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from psycopg import sql

_GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER ON ledger_event FROM {role}",
)


class Command(BaseCommand):
    help = (
        "PostgreSQL: create the role that DATABASE_URL names, with its password, if it isn't there, and grant it "
        "what the application needs. Runs under DATABASE_OWNER_URL, after migrate; again does no harm."
    )
    requires_system_checks = ()  # they ask the database as the role that may not be there yet

    def handle(self, *args: Any, **options: Any) -> None:
        if "owner" not in settings.DATABASES:
            raise CommandError("Set DATABASE_OWNER_URL to the role that owns the tables.")
        owner, name = connections["owner"], str(settings.DATABASES["default"]["USER"])
        if owner.vendor != "postgresql" or connections["default"].vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles.")
        if not name or name == owner.settings_dict["USER"]:
            raise CommandError("DATABASE_URL must name another role than DATABASE_OWNER_URL.")
        if "ledger_event" not in owner.introspection.table_names():
            raise CommandError("There are no tables yet: run migrate --database owner first.")
        role = sql.Identifier(name)
        with owner.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
            if cursor.fetchone() is None:
                password = sql.Literal(settings.DATABASES["default"]["PASSWORD"])
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
            for grant in _GRANTS:
                cursor.execute(sql.SQL(grant).format(role=role))
        self.stdout.write(f"The role {name} may trade, and owns nothing.")
