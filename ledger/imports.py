"""A bundle becomes a stream of this installation, to be read and nothing else: all of it in one transaction."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import DatabaseError, connection

from common.db import Row, insert
from common.errors import DomainError
from common.ids import OPERATOR
from ledger import chain, platform
from ledger.bundle import Bundle, BundleError
from ledger.models import Stream
from ledger.store import EVENTS
from ledger.verify import Folded, Tick

_AT_ONCE = 2_000


def refuse(bundle: Bundle) -> None:
    """Raises DomainError where this installation cannot have such a stream."""
    header = bundle.header
    if not bundle.domain.may_be_imported:
        raise DomainError("not_importable", f"A stream of the domain {header.domain} cannot be imported.")
    known = Stream.objects.filter(id=header.stream).first()
    if known is not None:
        what = "has been imported already" if known.imported_at else "is this installation's own"
        what = "was deleted here, and stays so" if known.deleted_at else what
        raise DomainError("imported", f"The {header.domain} {header.name} {what}.")
    if Stream.objects.filter(domain=header.domain, name=header.name, deleted_at=None).exists():
        raise DomainError("name_taken", f"There is another {header.domain} named {header.name} here.")


def take_up(bundle: Bundle, folded: Folded, tick: Tick) -> None:
    """Write a bundle that was checked, with the rows it folded to. Raises DomainError, and nothing is left of it."""
    refuse(bundle)
    header = bundle.header
    command = platform.ImportStream(
        header.stream, header.domain, header.name, header.seq, header.head, header.software
    )

    def write(now: int) -> None:
        try:
            _write(bundle, folded, now, tick)
        except (DatabaseError, BundleError, OverflowError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise DomainError("not_importable", f"The database does not take it: {reason}.") from error

    platform.import_stream(command, write, OPERATOR)


def _write(bundle: Bundle, folded: Folded, now: int, tick: Tick) -> None:
    """Inside the platform's transaction."""
    header = bundle.header
    Stream.objects.create(
        id=header.stream,
        domain=header.domain,
        name=header.name,
        seq=header.seq,
        head=header.head,
        last_at=folded.last_at,
        created_at=folded.first_at,
        imported_at=now,
    )
    events = _once_more(bundle)
    while chunk := list(islice(events, _AT_ONCE)):
        insert(connection, EVENTS, chunk)
        tick(len(chunk))
    for table, rows in folded.rows.items():
        values = iter(rows.values())
        while part := list(islice(values, _AT_ONCE)):
            insert(connection, table, part)


def _once_more(bundle: Bundle) -> Iterator[Row]:
    """The events as rows: those that were checked, should the file have changed since."""
    head, stream = chain.GENESIS, bundle.header.stream
    for event in bundle.events():
        content: tuple[Any, ...] = event[:-1]
        head = chain.link(head, stream, *content)
        if head != event[-1]:
            break
        yield (stream, *event)
    if head != bundle.header.head:
        raise BundleError("the file changed while it was read")
