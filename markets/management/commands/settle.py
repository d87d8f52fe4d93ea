"""manage.py settle: close a session, fix its prices, pay everybody."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from common.errors import DomainError, Unavailable
from common.ids import OPERATOR
from common.terminal import console
from markets import queries
from markets.handlers import prices
from markets.management import tables


class Command(BaseCommand):
    help = "Settle a session at its fixing: it is closed first if it is open. Without a fixing nothing changes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", help="the session_id")
        parser.add_argument(
            "--price", action="append", default=[], metavar="LEG=PRICE", help="a typed price instead of the feed's"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        typed = dict(entry.partition("=")[::2] for entry in options["price"])
        try:
            session = queries.session(options["session"])
            prices.settle_session(session.stream, OPERATOR, prices=typed or None)
            session, settlement = queries.session(options["session"]), queries.settlement(session.stream)
        except (DomainError, Unavailable) as refusal:
            raise CommandError(refusal.detail) from refusal
        assert settlement is not None
        out: Console = console(self.stdout)
        out.print(tables.fixing(session, settlement.fixing))
        out.print(tables.payouts(session, settlement))
