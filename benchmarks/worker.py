"""A child process with a database of its own choice: it sets up Django there and does what it is told.

Settings are read once per process, so each database that a benchmark compares has its own process.
"""

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import django
from django.core.management import call_command

P = ParamSpec("P")
T = TypeVar("T")


class WorkerFailed(Exception):
    """What was asked of a worker raised: its traceback is the text."""


class Worker:
    """One child process. Functions and arguments travel by pickle, so a function is named by its module."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self._connection, theirs = Pipe()
        environment = os.environ | {"DATABASE_URL": url, "SM_DATA_DIR": str(data)}
        environment.pop("DATABASE_OWNER_URL", None)
        command = [sys.executable, "-m", "benchmarks.worker", str(theirs.fileno())]
        self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self.finish()  # it says when it is ready

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` over there and wait. Raises WorkerFailed."""
        self.start(function, *args, **kwargs)
        answer: T = self.finish()
        return answer

    def start(self, function: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run `function` over there; `finish` answers. For workers that are to run at the same time."""
        self._connection.send((function, args, kwargs))

    def finish(self) -> Any:
        """What the function that was started answers."""
        try:
            good, answer = self._connection.recv()
        except EOFError:
            raise WorkerFailed("the worker ended before it answered") from None
        if not good:
            raise WorkerFailed(answer)
        return answer

    def stop(self) -> None:
        """Let it close its connections and end."""
        self._connection.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def worker(url: str) -> Iterator[Worker]:
    """A worker on this database, its tables made if need be."""
    with tempfile.TemporaryDirectory(prefix="bench-data-") as data:
        child = Worker(url, Path(data))
        try:
            yield child
        finally:
            child.stop()


def _serve(connection: Connection) -> None:
    from ledger.runtime import runtime

    connection.send((True, None))
    while True:
        try:
            function, args, kwargs = connection.recv()
        except (EOFError, KeyboardInterrupt):
            break
        try:
            answer = (True, function(*args, **kwargs))
        except Exception:
            answer = (False, traceback.format_exc())
        connection.send(answer)
    runtime.stop()


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    _serve(Connection(int(sys.argv[1])))
