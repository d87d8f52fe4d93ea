"""manage.py verify: does the database, or a bundle, still say what happened?"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.models import F, QuerySet, Sum

from common.db import one_moment
from common.terminal import progress
from ledger.bundle import BundleError, check, open_bundle
from ledger.models import Event, Stream
from ledger.verify import Finding, verify_all, verify_stream


class _Ended(NamedTuple):
    """A stream, and where it ends."""

    domain: str
    name: str
    seq: int
    head: str


def _holding(anchor: str) -> bool:
    """Whether any event has this hash."""
    return Event.objects.filter(hash=anchor).exists()


def _total(rows: QuerySet[Stream]) -> int:
    """How many events the streams have."""
    return rows.aggregate(total=Sum("seq"))["total"] or 0


class Command(BaseCommand):
    help = "Check hash chain, gaps, invariants, snapshots and table drift. Exits 1 on the first lie of a stream."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "session", nargs="?", default="", help="a session_id, or a bundle: PATH/FILE, *.gz, *.jsonl"
        )
        parser.add_argument("--all", action="store_true", help="every stream (the default without a name)")
        parser.add_argument("--anchor", default="", metavar="HASH", help="a head hash noted earlier, outside")
        parser.add_argument("--json", action="store_true", help="the same for programs, as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        name, anchor = options["session"], options["anchor"]
        if name and options["all"]:
            raise CommandError("Give a session or --all, not both.")
        if "/" in name or name.endswith((".gz", ".jsonl")):
            ended, findings = self._of_file(Path(name), anchor)
        else:
            with one_moment(connection):
                rows, findings = self._of_database(name, anchor)
                columns = rows.order_by("created_at").values_list("domain", "name", "seq", "head")
                ended = [_Ended(*row) for row in columns]
        say = self._say_as_json if options["json"] else self._say
        say(findings, ended)
        if findings:
            raise SystemExit(1)

    def _of_database(self, name: str, anchor: str) -> tuple[QuerySet[Stream], list[Finding]]:
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

    def _of_file(self, path: Path, anchor: str) -> tuple[list[_Ended], list[Finding]]:
        """Without a database."""
        try:
            bundle = open_bundle(path)
            with progress("verify", bundle.header.seq) as tick:
                findings, _ = check(bundle, anchor=anchor, tick=tick)
        except BundleError as error:
            raise CommandError(f"{path}: {error}.") from error
        header = bundle.header
        return [_Ended(header.domain, header.name, header.seq, header.head)], findings

    def _say(self, findings: Sequence[Finding], ended: Sequence[_Ended]) -> None:
        for finding in findings:
            self.stderr.write(self.style.ERROR(str(finding)))
        if not findings:
            for row in ended:
                self.stdout.write(f"{row.domain} {row.name}: {row.seq} events, head {row.head}")
            total = sum(row.seq for row in ended)
            self.stdout.write(self.style.SUCCESS(f"{total} events in {len(ended)} streams verified."))

    def _say_as_json(self, findings: Sequence[Finding], ended: Sequence[_Ended]) -> None:
        streams = [row._asdict() for row in ended]
        said = {"ok": not findings, "findings": [finding._asdict() for finding in findings], "streams": streams}
        self.stdout.write(json.dumps(said))
