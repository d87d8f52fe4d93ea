"""manage.py verify: does the database still say what happened?"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.models import F, QuerySet, Sum

from common.db import one_moment
from common.terminal import progress
from ledger.models import Event, Stream
from ledger.verify import Finding, verify_all, verify_stream


def _holding(anchor: str) -> bool:
    """Whether any event has this hash."""
    return Event.objects.filter(hash=anchor).exists()


def _total(rows: QuerySet[Stream]) -> int:
    return rows.aggregate(total=Sum("seq"))["total"] or 0


class Command(BaseCommand):
    help = "Check hash chain, gaps, invariants, snapshots and table drift. Exits 1 on the first lie of a stream."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("session", nargs="?", default="", help="the name of one stream, a session_id")
        parser.add_argument("--all", action="store_true", help="every stream (the default without a name)")
        parser.add_argument("--anchor", default="", metavar="HASH", help="a head hash noted earlier, outside")
        parser.add_argument("--json", action="store_true", help="the same for programs, as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["session"] and options["all"]:
            raise CommandError("Give a session or --all, not both.")
        with one_moment(connection):
            rows, findings = self._verify(options["session"], options["anchor"])
            say = self._say_as_json if options["json"] else self._say
            say(findings, rows.order_by("created_at"))
        if findings:
            raise SystemExit(1)

    def _verify(self, name: str, anchor: str) -> tuple[QuerySet[Stream], list[Finding]]:
        rows = Stream.objects.filter(name=name) if name else Stream.objects.all()
        if name and not rows:
            raise CommandError(f"There is no session {name!r}.")
        with progress("verify", _total(rows)) as tick:
            if name:
                newest = rows.order_by(F("deleted_at").asc(nulls_first=True), "-created_at").first()
                assert newest is not None
                return rows, list(verify_stream(newest, anchor=anchor, tick=tick))[:1]
            findings = list(verify_all(tick))
        if anchor and not _holding(anchor):
            findings.append(Finding("-", 0, f"no event anywhere has the anchor's hash {anchor}"))
        return rows, findings

    def _say(self, findings: Sequence[Finding], rows: QuerySet[Stream]) -> None:
        for finding in findings:
            self.stderr.write(self.style.ERROR(str(finding)))
        if not findings:
            for row in rows:
                self.stdout.write(f"{row.domain} {row.name}: {row.seq} events, head {row.head}")
            self.stdout.write(self.style.SUCCESS(f"{_total(rows)} events in {len(rows)} streams verified."))

    def _say_as_json(self, findings: Sequence[Finding], rows: QuerySet[Stream]) -> None:
        streams = list(rows.values("domain", "name", "seq", "head"))
        said = {"ok": not findings, "findings": [finding._asdict() for finding in findings], "streams": streams}
        self.stdout.write(json.dumps(said))
