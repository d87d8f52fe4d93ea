"""What a terminal shows: progress of long work (a bar, or plain lines elsewhere), and tables. No Django."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[int], None]
_LINES = 5


def console(stream: Any) -> Console:
    """Where tables go: as wide as the terminal, and wide enough for all columns elsewhere."""
    return Console(file=stream, width=None if sys.stdout.isatty() else 160, highlight=False)


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Yields `advance(n)`: n more of `total` are done. Writes to stderr, so that output stays clean."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(title, total=total)
            yield lambda count: bars.advance(task, count)
    else:
        yield _plain(title, total)


def _plain(title: str, total: int) -> Advance:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        step = max(1, total // _LINES)
        if done // step > before // step or done == total:
            sys.stderr.write(f"{title}: {done} of {total}\n")

    return advance
