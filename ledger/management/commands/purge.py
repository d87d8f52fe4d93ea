"""manage.py purge: remove the events of deleted sessions, as the owner of the tables."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, ProgrammingError, transaction

from common.clock import now_us
from common.terminal import progress
from ledger import platform
from ledger.models import Bucket, Event, Snapshot, Stream
from ledger.models import Command as CommandRow


class Command(BaseCommand):
    help = (
        "Remove the events of deleted sessions for good. Runs under DATABASE_OWNER_URL where that is set; "
        "the triggers let no other role through, and no stream that has no tombstone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        using = "owner" if "owner" in settings.DATABASES else "default"
        rows = list(Stream.objects.using(using).filter(deleted_at__isnull=False, purged_at=None))
        for row in rows:
            if platform.tombstone(row.id) is None:
                raise CommandError(f"{row} is marked as deleted, but has no tombstone. Run verify.")
        if options["dry_run"]:
            for row in rows:
                self.stdout.write(f"{row.domain} {row.name} ({row.id}): {row.seq} events would go")
        else:
            with progress("purge", len(rows)) as tick:
                for row in rows:
                    _purge(row, using)
                    tick(1)
        count = sum(row.seq for row in rows)
        self.stdout.write(
            f"{count} events of {len(rows)} deleted streams{' found' if options['dry_run'] else ' purged'}."
        )


def _purge(row: Stream, using: str) -> None:
    try:
        with transaction.atomic(using=using):
            for model in (Event, CommandRow, Snapshot, Bucket):
                model._default_manager.using(using).filter(stream_id=row.id).delete()
            Stream.objects.using(using).filter(id=row.id).update(purged_at=now_us())
    except (IntegrityError, ProgrammingError) as refused:  # the trigger, or the missing grant
        raise CommandError("On PostgreSQL only the owner of the tables may: set DATABASE_OWNER_URL.") from refused
