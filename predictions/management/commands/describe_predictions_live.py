"""manage.py describe_predictions_live: print docs/asyncapi-predictions.yaml."""

from typing import Any

from django.core.management.base import BaseCommand

from predictions.ws import asyncapi


class Command(BaseCommand):
    help = "Print the AsyncAPI description of event markets' live feed, for docs/asyncapi-predictions.yaml."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(asyncapi.text(), ending="")
