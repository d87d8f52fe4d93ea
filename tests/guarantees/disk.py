"""A small disk of memory that can be filled to its last byte, and emptied again."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import ServiceMissing

_BLOCKS = (2**20, 4096)


class Disk:
    """What is mounted at `folder`, which everybody may enter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    @contextmanager
    def full(self) -> Iterator[None]:
        """For the length of a block there is no room left."""
        try:
            for block in _BLOCKS:
                with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
                    while file.write(bytes(block)) == block:
                        pass
            yield
        finally:
            self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """A disk of its own for the length of a block. Raises ServiceMissing where we may not mount one."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", folder]
        try:
            mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise ServiceMissing(f"No small disk can be mounted here: {error}.") from error
        if mounted.returncode:
            raise ServiceMissing(f"No small disk can be mounted here: {mounted.stderr.strip()}")
        try:
            yield Disk(Path(folder))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=False)
