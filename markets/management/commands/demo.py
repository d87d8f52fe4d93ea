"""manage.py demo: a market that lives until Ctrl-C; or, with --exit, one whole session and the proof of it."""

import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from rich.console import Console
from session_contracts_client import Client, ClientError

from common.errors import DomainError, Unavailable
from common.ids import OPERATOR
from common.terminal import console
from ledger.models import Stream
from ledger.runtime import runtime
from ledger.verify import drift, verify_stream
from markets.handlers import sessions
from markets.management import cast, children, stay, story
from oracle import facade as oracle

_PRICES = Path(__file__).parents[1] / "demo_prices.csv"


class Command(BaseCommand):
    help = "Serve a market with bots until Ctrl-C. With --exit: play a whole session over HTTP, verify and replay it."
    requires_system_checks = ()  # the tables may not be there yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exit", action="store_true", help="play one whole session, prove it exact, and end")
        parser.add_argument("--csv", type=Path, help="prices to replay: ts,LEG,LEG,...")
        parser.add_argument("--port", type=int, help="where to serve (8000 if it is free, else any free one)")
        parser.add_argument("--no-browser", action="store_true", help="open none")
        parser.add_argument("--reset", action="store_true", help="forget earlier plays for good first")
        parser.add_argument("--database-url", help="play on this database instead of data/market.sqlite3")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["database_url"]
        if url and os.environ.get("DATABASE_URL") != url:
            os.environ["DATABASE_URL"] = url  # settings are read once: begin again with the right ones
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606  ourselves, with our own arguments
        if options["port"] is not None and not 1 <= options["port"] <= 65535:
            raise CommandError("--port goes from 1 to 65535.")
        children.require_free(options["port"])
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell has its background jobs ignore the first
            signal.signal(number, signal.default_int_handler)
        out = console(self.stdout)
        try:
            self._play(out, options)
        except (DomainError, Unavailable) as refusal:
            raise CommandError(refusal.detail) from refusal
        except (ClientError, story.Untold) as error:
            raise CommandError(f"The demo stopped: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {str(error).strip()}") from error
        except KeyboardInterrupt:
            if options["exit"]:
                raise CommandError("The demo was interrupted.", returncode=130) from None
            out.print("\n[bold blue]>[/] Everything is stopped.")
        finally:
            runtime.stop()

    def _play(self, out: Console, options: dict[str, Any]) -> None:
        path = options["csv"] or (_PRICES if options["exit"] else None)
        replay = story.load(path) if path else None
        out.print("[bold blue]>[/] Preparing the database.")
        call_command("migrate", verbosity=0)
        self._clear(out, reset=options["reset"])
        if options["exit"]:
            assert replay is not None
            claims = self._tell(out, replay, port=options["port"])
            self._prove(out, claims)
        else:
            self._stay(out, replay, port=options["port"], browser=not options["no_browser"])

    def _clear(self, out: Console, *, reset: bool) -> None:
        if Stream.objects.filter(domain="session", name=cast.SESSION, deleted_at=None).exists():
            sessions.delete_session(cast.SESSION, OPERATOR, reason="the demo is played again")
            out.print(f"[bold blue]>[/] The session {cast.SESSION!r} of an earlier play is deleted.")
        if reset:
            call_command("purge", stdout=self.stdout)
        runtime.stop()  # from here on the server writes

    def _tell(self, out: Console, replay: oracle.Replay, *, port: int | None) -> list[tuple[str, bool]]:
        with ExitStack() as stack:
            _, clients, url, _ = self._begin(stack, story.ROLES, port=port, with_passwords=False)
            out.print(f"[bold blue]>[/] Serving on {url}.")
            return story.Story(clients, replay, out).play()

    def _stay(self, out: Console, replay: oracle.Replay | None, *, port: int | None, browser: bool) -> None:
        with ExitStack() as stack:
            members, clients, url, server = self._begin(stack, stay.ROLES, port=port, with_passwords=True)
            stage = stay.Stage(url, members, clients, out)
            stage.open(replay)
            connections.close_all()  # hours may pass
            stage.stay(server, logs=settings.DATA_DIR, browser=browser)

    def _begin(self, stack: ExitStack, roles: Sequence[str], *, port: int | None, with_passwords: bool) -> Any:
        """Accounts, a server, and a client for everybody; `stack` ends them all."""
        members = stack.enter_context(cast.enlisted(roles, with_passwords=with_passwords))
        url, server = stack.enter_context(children.server(port=port))
        clients = {role: stack.enter_context(Client(url, member.key)) for role, member in members.items()}
        return members, clients, url, server

    def _prove(self, out: Console, claims: list[tuple[str, bool]]) -> None:
        """The chain verified and the events folded again, beside what the story itself has recomputed."""
        row = Stream.objects.get(domain="session", name=cast.SESSION, deleted_at=None)
        lies = [str(finding) for finding in verify_stream(row)]
        differences = list(drift(row))
        claims = [
            *claims,
            (f"{row.seq} events verify: chain, gaps, invariants, snapshots", not lies),
            ("replaying the events gives the same tables, bit for bit", not differences),
        ]
        for claim, holds in claims:
            out.print(f"[green]✓[/] {claim}" if holds else f"[red]✗ NOT TRUE:[/] {claim}")
        out.print(f"Head hash of the ledger: {row.head}")
        for text in (*lies, *differences):
            self.stderr.write(self.style.ERROR(text))
        if not all(holds for _, holds in claims):
            raise CommandError("The demo is not exact.")
