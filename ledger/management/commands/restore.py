"""manage.py restore: a backup becomes the database, whole or not at all."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ledger.backup import archive, vendors
from ledger.backup.archive import BackupError, Manifest


class Command(BaseCommand):
    help = (
        "Make the backup FILE the database of DATABASE_URL, then verify it. Stop the server first. "
        "Refuses a database that holds anything, unless --replace is given."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="what is in the database now goes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = self._restore(options["file"], replace=options["replace"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        call_command("migrate", database=vendors.alias(), verbosity=0, interactive=False)
        if "owner" in settings.DATABASES:
            call_command("app_role", stdout=self.stdout)
        if vendors.heads() != manifest.heads:
            raise CommandError("The database does not end where the backup says. Run verify.")
        call_command("verify", stdout=self.stdout, stderr=self.stderr)
        self.stdout.write(self.style.SUCCESS(f"Restored as of {manifest.made_at}."))

    def _restore(self, source: Path, *, replace: bool) -> Manifest:
        name, vendor, database = vendors.current()
        with archive.read(source, vendors.MEMBERS) as (manifest, copy):
            vendors.check_fits(manifest, name)
            held = vendor.contents(database)
            if held and not replace:
                raise BackupError(f"The database holds {held}. Give --replace if they are to go.")
            self.stderr.write(f"Restoring {manifest.size} bytes, made at {manifest.made_at}.")
            vendor.put(database, copy, manifest.heads)
        return manifest
