"""The server that is measured: `manage.py serve` in a process of its own, on a free loopback port."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import end_with_parent

_ROOT = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


class ServerFailed(Exception):
    """It did not start, or ended: its log is the text."""


class Serving:
    """One running server."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process, self.port = process, port

    def cpu_seconds(self) -> float:
        """The processor time that it has used so far, its threads included (Linux)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """What of it is in memory now (Linux)."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


@contextmanager
def serving(url: str) -> Iterator[Serving]:
    """`serve` on the database at `url`, whose tables are there. Raises ServerFailed."""
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as folder:
        environment = os.environ | {
            "DATABASE_URL": url,
            "SM_DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        log = Path(folder) / "serve.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, str(_ROOT / "manage.py"), "serve", "--port", "0"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=end_with_parent,
            )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.startswith("Serving on "):
                raise ServerFailed(f"serve said {line!r}: {log.read_text()[-4000:]}")
            yield Serving(process, int(line.rsplit(":", 1)[1]))
            if process.poll() is not None or log.stat().st_size:
                raise ServerFailed(log.read_text()[-4000:])
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
