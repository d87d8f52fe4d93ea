"""The processes that the demo starts beside itself, and ends with itself: the server, and the bots."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError

_ROOT = Path(__file__).resolve().parents[2]
CLIENT = _ROOT / "clients" / "python"
_PATIENCE_S = 15
_SERVING = "Serving on "
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def require_free(port: int | None) -> None:
    """Raises CommandError if somebody listens there."""
    if port is not None and not _is_free(port):
        raise CommandError(f"Port {port} is taken. Give another one with --port, or none: then a free one is found.")


@contextlib.contextmanager
def server(*, port: int | None) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `manage.py serve`: its address and its process. Without a port, 8000 if it is free, or any other."""
    chosen = port if port is not None else 8000 if _is_free(8000) else 0
    command = [sys.executable, "-u", str(_ROOT / "manage.py"), "serve", "--port", str(chosen)]
    # What it refuses is for its clients to tell, not for the demo's terminal.
    quiet = {"SM_LOG_LEVEL": os.environ.get("SM_LOG_LEVEL") or "ERROR"}
    process = _spawn(command, stdout=subprocess.PIPE, environment=quiet)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith(_SERVING):
            raise CommandError("The server did not start: its reason is above.")
        yield line.removeprefix(_SERVING).strip(), process
    finally:
        _end(process)


@contextlib.contextmanager
def bot(name: str, *, url: str, key: str, session: str, log: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """A bot of the client package. Its key goes by the environment, for anybody may list arguments."""
    command = [sys.executable, "-m", f"session_contracts_client.{name}", "--url", url, "--session", session]
    process = _spawn(command, stdout=log, environment={"SM_KEY": key, "PYTHONPATH": str(CLIENT)})
    try:
        yield process
    finally:
        _end(process)


def _spawn(command: list[str], *, stdout: IO[str] | int, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  our own programs
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=None if stdout == subprocess.PIPE else subprocess.STDOUT,
        text=True,
        start_new_session=True,  # the terminal's Ctrl-C is for us, who then end them in order
        preexec_fn=_end_with_parent,
    )


def _end_with_parent() -> None:
    """In a child, before its exec: have the kernel end it should we be killed (Linux only)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
