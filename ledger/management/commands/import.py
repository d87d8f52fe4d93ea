"""manage.py import: a session of another installation, to be read here."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError, Unavailable
from common.terminal import progress
from ledger import imports
from ledger.bundle import BundleError, check, open_bundle
from ledger.runtime import runtime


class Command(BaseCommand):
    help = "Make a read-only session of the bundle FILE, once it is verified: all of it, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--anchor", default="", metavar="HASH", help="a hash that must be in its chain")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._import(options["file"], options["anchor"])
        except BundleError as error:
            raise CommandError(f"{options['file']}: {error}.") from error
        except (DomainError, Unavailable) as refusal:
            raise CommandError(f"Nothing was imported. {refusal.detail}") from refusal
        finally:
            runtime.stop()

    def _import(self, path: Path, anchor: str) -> None:
        bundle = open_bundle(path)
        header = bundle.header
        imports.refuse(bundle)
        with progress("verify", header.seq) as tick:
            findings, folded = check(bundle, anchor=anchor, tick=tick)
        if findings or folded is None:
            for finding in findings:
                self.stderr.write(self.style.ERROR(str(finding)))
            raise CommandError(f"{path} does not say the truth: nothing was imported.")
        with progress("import", header.seq) as tick:
            imports.take_up(bundle, folded, tick)
        self.stdout.write(f"{header.domain} {header.name}: {header.seq} events, head {header.head}")
        self.stdout.write(self.style.SUCCESS("Imported. It can be read, and nothing else."))
