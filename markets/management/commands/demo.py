"""manage.py demo: one whole session, from creation to settlement, and the proof that nothing was lost."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from rich.console import Console

from common.errors import DomainError, Unavailable
from common.ids import OPERATOR
from common.terminal import console
from ledger.models import Stream
from ledger.runtime import runtime
from ledger.verify import drift, verify_stream
from markets import queries
from markets.handlers import sessions
from markets.management.story import SESSION, Story, exact, load

_PRICES = Path(__file__).parents[1] / "demo_prices.csv"


class Command(BaseCommand):
    help = "Play a whole session: RFQ swap, orders, real or demo prices, settlement; then verify and replay it."
    requires_system_checks = ()  # the tables may not be there yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exit", action="store_true", help="end after the story (so far it always does)")
        parser.add_argument("--csv", type=Path, default=_PRICES, help="prices to replay: ts,LEG,LEG,...")
        parser.add_argument("--reset", action="store_true", help="forget earlier plays for good first")
        parser.add_argument("--database-url", help="play on this database instead of data/market.sqlite3")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["database_url"]
        if url and os.environ.get("DATABASE_URL") != url:
            os.environ["DATABASE_URL"] = url  # settings are read once: begin again with the right ones
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  ourselves, with our own arguments
        out = console(self.stdout)
        try:
            self._play(out, options["csv"], reset=options["reset"])
        except (DomainError, Unavailable) as refusal:
            raise CommandError(refusal.detail) from refusal
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {str(error).strip()}") from error
        finally:
            runtime.stop()

    def _play(self, out: Console, csv: Path, *, reset: bool) -> None:
        replay = load(csv)
        out.print("[bold blue]>[/] Preparing the database.")
        call_command("migrate", verbosity=0)
        self._clear(out, reset=reset)
        session = Story(replay, out).play()
        self._prove(out, session)

    def _clear(self, out: Console, *, reset: bool) -> None:
        if Stream.objects.filter(domain="session", name=SESSION, deleted_at=None).exists():
            sessions.delete_session(SESSION, OPERATOR, reason="the demo is played again")
            out.print(f"[bold blue]>[/] The session {SESSION!r} of an earlier play is deleted.")
        if reset:
            call_command("purge", stdout=self.stdout)

    def _prove(self, out: Console, session: queries.SessionInfo) -> None:
        """Exactness recomputed, the chain verified, the events folded again: all must hold."""
        row = Stream.objects.get(id=session.stream)
        claims = exact(session)
        lies = [str(finding) for finding in verify_stream(row)]
        claims.append((f"{row.seq} events verify: chain, gaps, invariants, snapshots", not lies))
        differences = list(drift(row))
        claims.append(("replaying the events gives the same tables, bit for bit", not differences))
        for claim, holds in claims:
            out.print(f"[green]✓[/] {claim}" if holds else f"[red]✗ NOT TRUE:[/] {claim}")
        out.print(f"Head hash of the ledger: {row.head}")
        for text in (*lies, *differences):
            self.stderr.write(self.style.ERROR(text))
        if not all(holds for _, holds in claims):
            raise CommandError("The demo is not exact.")
