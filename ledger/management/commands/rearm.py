"""manage.py rearm: put the append-only triggers back where they got lost."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from ledger import append_only


class Command(BaseCommand):
    help = "Create the triggers that keep ledger events as they were written, if any is missing."
    requires_system_checks = ()  # it mends what the check complains of

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections["owner" if "owner" in settings.DATABASES else "default"]
        lost = append_only.missing(connection)
        if lost:
            append_only.disarm(connection)
            append_only.arm(connection)
        self.stdout.write(f"Rearmed: {', '.join(sorted(lost))}." if lost else "All triggers stand.")
