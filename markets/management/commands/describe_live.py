"""manage.py describe_live: print docs/asyncapi.yaml."""

from typing import Any

from django.core.management.base import BaseCommand

from markets.ws import asyncapi


class Command(BaseCommand):
    help = "Print the AsyncAPI description of the live feed, for docs/asyncapi.yaml."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(asyncapi.text(), ending="")
