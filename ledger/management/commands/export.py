"""manage.py export: a session as a bundle, which a stranger can check without us."""

import gzip
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from common.terminal import progress
from ledger import registry
from ledger.export import lines
from ledger.models import Stream


class Command(BaseCommand):
    help = (
        "Write a session to FILE as a bundle: one JSON object a line, a header first; gzip if it ends in .gz. "
        "The header tells the seeds of its feed, and with them prices to come: not for who still trades."
    )

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
        with progress("export", row.seq) as tick:
            for number, line in enumerate(lines(row, registry.get(row.domain).sources(row.id))):
                file.write(line)
                tick(1 if number else 0)
