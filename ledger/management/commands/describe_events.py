"""manage.py describe_events: print docs/events.md."""

from typing import Any

from django.core.management.base import BaseCommand

from ledger.describe import events_page


class Command(BaseCommand):
    help = "Print the page of all event types; redirect it to docs/events.md."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(events_page(), ending="")
