"""manage.py export: a session's events as JSON lines."""

import gzip
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from common.clock import isoformat, now_us
from common.terminal import progress
from ledger import registry, store
from ledger.models import Stream


class Command(BaseCommand):
    help = "Write a session's events to FILE, one JSON object a line, a header first; gzip if it ends in .gz."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", help="the session_id")
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        row = Stream.objects.filter(name=options["session"], deleted_at=None).first()
        if row is None:
            raise CommandError(f"There is no session {options['session']!r}.")
        target: Path = options["file"]
        partial = target.with_name(target.name + ".partial")
        try:
            with (
                gzip.open(partial, "wt", encoding="utf-8")
                if target.suffix == ".gz"
                else partial.open("w", encoding="utf-8") as file
            ):
                self._write(row, file)
            partial.replace(target)
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{row.seq} events written to {target}. Head {row.head}.")

    def _write(self, row: Stream, file: IO[str]) -> None:
        header = {
            "format": "session-contracts/events/1",
            "domain": row.domain,
            "name": row.name,
            "stream": str(row.id),
            "seq": row.seq,
            "head": row.head,
            "engine_version": registry.get(row.domain).engine_version,
            "exported_at": isoformat(now_us()),
        }
        file.write(json.dumps(header) + "\n")
        names = ("seq", "type", "version", "payload", "actor", "command_id", "at", "hash")
        with progress("export", row.seq) as tick:
            for columns in store.read_raw(row.id):
                if columns[0] > row.seq:
                    break
                file.write(json.dumps(dict(zip(names, columns, strict=True)), ensure_ascii=False) + "\n")
                tick(1)
