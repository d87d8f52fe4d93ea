"""The backup file: a ZIP of the database's own copy and a manifest that says what is in it.

ZIP, because it holds a checksum of every byte and ends with a directory: a damaged or cut file is known before
anything is restored from it, and `unzip` gets at the copy without us.
"""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, NamedTuple

import msgspec

from common.clock import isoformat, now_us
from ledger import software

FORMAT = "session-contracts/backup/1"
CHUNK = 1 << 20
MANIFEST = "manifest.json"
Tick = Callable[[int], None]
Ask = Callable[[str], list[tuple[object, ...]]]


class BackupError(Exception):
    """A backup cannot be made or restored; the sentence says why, and nothing was changed."""


class Head(msgspec.Struct, frozen=True):
    """Where a stream ended when the backup was made."""

    domain: str
    name: str
    stream: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    seq: int
    head: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself. `size`: bytes of the copy."""

    format: str
    vendor: str
    software: str
    made_at: str
    size: int
    migrations: list[str]
    heads: list[Head]


class Taken(NamedTuple):
    """A consistent copy that is being taken: what the database said at that moment, and the copy's bytes."""

    member: str
    migrations: list[str]
    heads: list[Head]
    size: int
    """About how many bytes will come, for the bar."""
    chunks: Iterable[bytes]


def facts(ask: Ask) -> tuple[list[str], list[Head]]:
    """The migrations and heads of the database that `ask` queries. Stream ids as 32 hex digits."""
    migrations = ask("SELECT app, name FROM django_migrations ORDER BY app, name")
    heads = ask("SELECT domain, name, id, seq, head FROM ledger_stream ORDER BY created_at, id")
    return [f"{app}.{name}" for app, name in migrations], [
        Head(str(domain), str(name), str(stream).replace("-", ""), int(str(seq)), str(head))
        for domain, name, stream, seq, head in heads
    ]


def write(target: Path, vendor: str, taken: Taken, tick: Tick) -> Manifest:
    """Write the archive beside `target`, then put it in its place, whole and on the disk."""
    partial, size = target.with_name(f"{target.name}.partial"), 0
    try:
        with open(partial, "xb", opener=_private) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                with archive.open(taken.member, "w", force_zip64=True) as member:
                    for chunk in taken.chunks:
                        member.write(chunk)
                        size += len(chunk)
                        tick(len(chunk))
                now = isoformat(now_us())
                manifest = Manifest(FORMAT, vendor, software.version(), now, size, taken.migrations, taken.heads)
                archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except FileExistsError:
        raise BackupError(f"{partial} exists: another backup is being written, or was cut short.") from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return manifest


def _private(path: str, flags: int) -> int:
    """Backups hold password hashes: nobody else reads them."""
    return os.open(path, flags, 0o600)


@contextmanager
def read(source: Path, members: Sequence[str]) -> Iterator[tuple[Manifest, IO[bytes]]]:
    """The manifest of a backup and its copy, every byte checked. Raises BackupError."""
    if source.exists() and not (source.is_file() or source.is_dir()):
        raise BackupError(f"{source} is no file.")  # a device has no end to look for
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            member = next((name for name in members if name in names), None)
            if member is None or sorted(names) != sorted([member, MANIFEST]):
                raise BackupError(f"{source} is not a backup of this software.")
            if archive.getinfo(MANIFEST).file_size > 64 * CHUNK:
                raise BackupError(f"{source} has a manifest of unlikely size.")
            manifest = _manifest(archive.read(MANIFEST), source)
            damaged = archive.testzip()
            if damaged or archive.getinfo(member).file_size != manifest.size:
                raise BackupError(f"{source} is damaged: {damaged or member} is not what was written.")
            with archive.open(member) as copy:
                yield manifest, copy
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise BackupError(f"{source} is damaged, or no backup: {error}.") from error
    except OSError as error:
        raise BackupError(f"{source} cannot be read: {error.strerror or error}.") from error


def _manifest(text: bytes, source: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{source} has a manifest that cannot be read: {error}.") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{source} has the format {manifest.format!r}; this software reads {FORMAT!r}.")
    return manifest


def chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    """A file in pieces."""
    while chunk := file.read(CHUNK):
        yield chunk
