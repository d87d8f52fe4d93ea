"""manage.py replay: fold a session's events, compare with the tables, look at the past, write the tables anew."""

import json
from argparse import ArgumentParser
from hashlib import sha256
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from common.db import insert, one_moment
from common.terminal import progress
from ledger import registry, warm
from ledger.models import Stream
from ledger.verify import Folded, drift, fold


class Command(BaseCommand):
    help = "Fold a session's ledger and compare with the tables. Exits 1 where they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", help="the session_id")
        parser.add_argument("--to-seq", type=int, metavar="N", help="show the state after event N instead")
        parser.add_argument("--rebuild", action="store_true", help="write the tables anew from the events")

    def handle(self, *args: Any, **options: Any) -> None:
        row = Stream.objects.filter(name=options["session"], deleted_at=None).first()
        if row is None:
            raise CommandError(f"There is no session {options['session']!r}.")
        if options["to_seq"] is not None:
            self._show(row, options["to_seq"])
            return
        if options["rebuild"]:
            self._rebuild(row, self._folded(row))
        with one_moment(connection):
            row.refresh_from_db()
            folded = self._folded(row)
            differences = list(drift(row, folded))
        for text in differences:
            self.stderr.write(self.style.ERROR(text))
        if differences:
            self.stderr.write(f"{len(differences)} rows differ. --rebuild writes them anew from the events.")
            raise SystemExit(1)
        digest = sha256(warm.dump(folded.warm).encode()).hexdigest()
        count = sum(len(rows) for rows in folded.rows.values())
        self.stdout.write(f"{row.seq} events folded to {count} rows, all equal. State {digest}, head {row.head}.")

    def _folded(self, row: Stream) -> Folded:
        try:
            with progress("replay", row.seq) as tick:
                return fold(row, tick)
        except ValueError as lie:
            raise CommandError(f"The ledger itself is broken: {lie}. Run verify.") from lie

    def _show(self, row: Stream, seq: int) -> None:
        if not 0 <= seq <= row.seq:
            raise CommandError(f"The ledger of {row.name} has events 1 to {row.seq}.")
        state = warm.load(registry.get(row.domain), row.id, upto=seq)
        self.stdout.write(json.dumps(json.loads(warm.dump(state)), indent=2, ensure_ascii=False))

    def _rebuild(self, row: Stream, folded: Folded) -> None:
        """Under the stream's lock, so that no command falls in between."""
        with transaction.atomic():
            locked = Stream.objects.select_for_update().get(id=row.id)
            if locked.seq != folded.warm.seq:
                raise CommandError("The session changed meanwhile. Try again, or halt it first.")
            for table, rows in folded.rows.items():
                table.model._default_manager.filter(stream_id=row.id).delete()
                insert(connection, table, list(rows.values()))
        self.stdout.write(f"{sum(len(rows) for rows in folded.rows.values())} rows written anew.")
