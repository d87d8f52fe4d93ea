"""Puts the faults that SABOTAGE names, separated by commas, into the process that starts."""

import os

from django.apps import AppConfig


class Broken(AppConfig):
    name = "tests.guarantees.broken"

    def ready(self) -> None:
        from tests.guarantees.broken.sabotage import FAULTS

        for name in os.environ["SABOTAGE"].split(","):
            FAULTS[name]()
