"""manage.py backup: the whole database in one file, while trading goes on."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.terminal import progress
from ledger.backup import archive, vendors
from ledger.backup.archive import BackupError


class Command(BaseCommand):
    help = "Write the whole database to FILE, as it is at one moment, while the server runs. `restore` reads it."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"]
        name, vendor, settings = vendors.current()
        try:
            with vendor.taken(settings, target.absolute().parent) as taken, progress("backup", taken.size) as tick:
                manifest = archive.write(target, name, taken, tick)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror or error}.") from error
        for head in manifest.heads:
            self.stdout.write(f"{head.domain} {head.name}: {head.seq} events, head {head.head}")
        self.stdout.write(self.style.SUCCESS(f"{len(manifest.heads)} streams written to {target}."))
