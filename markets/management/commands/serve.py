"""manage.py serve: the web, the live feed and the clock in one process."""

import gc
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from common.hosts import is_loopback
from ledger.runtime import runtime
from markets.management.clock import Clock


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


class Command(BaseCommand):
    help = "Serve pages, API and live feed, with the clock. Ctrl-C or SIGTERM stops it, cleanly and within 10 s."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=_port, default=8000, help="the port to listen on (8000; 0: any free one)")
        parser.add_argument("--no-clock", action="store_true", help="leave the clock to somebody else")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.UNFIT_FOR_PUBLIC and not is_loopback(options["host"]):
            raise CommandError(f"Other machines reach {options['host']}. {settings.UNFIT_FOR_PUBLIC}")
        _check_database()
        self.check(tags=[Tags.database], databases=[DEFAULT_DB_ALIAS])  # Django by itself leaves these out
        from markets.ws.server import LiveServer  # installs Twisted's reactor: only when it is to run

        application = import_string(settings.ASGI_APPLICATION)
        clock = None
        if not options["no_clock"]:
            clock = Clock(import_string(settings.CELERY_APP), standby=bool(settings.REDIS_URL))
        server = LiveServer(
            application,
            host=options["host"],
            port=options["port"],
            ready=lambda ready: self._ready(ready, clock),
        )
        try:
            server.run()
        finally:
            if clock is not None:
                clock.stop()
            runtime.stop()
        if server.refused:
            raise CommandError(f"{options['host']}:{options['port']} is not free to listen on: {server.refused}.")

    def _ready(self, server: Any, clock: Clock | None) -> None:
        """All is loaded: what is in memory now stays, and need not be looked at by every collection."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # hardly anything here is a cycle, and a collection stops all requests
        if clock is not None:
            clock.start()
        for host, port in server.listening_addresses:
            shown = f"[{host}]" if ":" in host else host
            self.stdout.write(f"Serving on http://{shown}:{port}")
        sys.stdout.flush()


def _check_database() -> None:
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(f"The database does not answer: {str(error).strip()}") from error
    finally:
        connections.close_all()
    if missing:
        raise CommandError(f"The database lacks {len(missing)} migrations. Run: manage.py migrate")
