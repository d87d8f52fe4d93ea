"""manage.py settle: close a session, fix its prices, pay everybody."""

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from common.clock import isoformat
from common.errors import DomainError, Unavailable
from common.ids import OPERATOR
from common.money import format_units
from common.terminal import console
from markets import queries
from markets.engine.state import TREASURY
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
        typed: dict[str, str] = {}
        for entry in options["price"]:
            leg, _, price = entry.partition("=")
            if leg in typed:
                raise CommandError(f"There are two prices for {leg}.")
            typed[leg] = price
        try:
            session = queries.session(options["session"])
            prices.settle_session(session.stream, OPERATOR, prices=typed or None)
            session, settlement = queries.session(options["session"]), queries.settlement(session.stream)
        except (DomainError, Unavailable) as refusal:
            raise CommandError(refusal.detail) from refusal
        assert settlement is not None
        _show(console(self.stdout), session, settlement)


def _show(out: Console, session: queries.SessionInfo, settlement: queries.SettlementInfo) -> None:
    fixing = settlement.fixing
    title = tables.source(
        fixing.rule, tick_count=fixing.tick_count, last_tick=fixing.last_seq if fixing.feed else None
    )
    q = _decimals(dict(zip(session.legs, session.q, strict=True)), session.quantity_decimals)
    fixed = _decimals(fixing.prices, session.price_decimals)
    out.print(tables.fixing(q, fixed, title=title, at=isoformat(fixing.at)))
    paid = {**settlement.payouts, TREASURY: settlement.treasury_payout}
    cash = {**settlement.cash, TREASURY: settlement.treasury_cash}
    out.print(tables.payouts(_decimals(paid, session.cash_decimals), _decimals(cash, session.cash_decimals)))


def _decimals(amounts: dict[str, int], decimals: int) -> dict[str, Decimal]:
    return {name: Decimal(format_units(units, decimals)) for name, units in amounts.items()}
