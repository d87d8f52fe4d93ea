"""`python -m benchmarks NAME`: run one benchmark or all, print its table, write its JSON."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import django
import msgspec
from rich.console import Console

from benchmarks import page

NAMES = ("engine", "runtime", "replay", "growth", "http", "bulk", "ws", "fanout", "memory", "profile")
_ALL = ("all", "report")


def main(arguments: Sequence[str]) -> int:
    """0 when all is well, 1 when a run was wrong or missed a target; a quick run's targets don't count."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.domain != "markets" and options.name != "runtime":
        parser.error("--domain goes with runtime.")
    if options.read and options.name != "report":
        parser.error("--read goes with report.")
    if options.read:
        page.PAGE.write_text(page.text(page.read(options.read)))
        return 0
    console, found, status = _console(), list[bytes](), 0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _set_up(Path(folder))
        from benchmarks.check import WrongRun
        from benchmarks.runtime import BaselineTooSlow
        from benchmarks.serving import ServerFailed
        from benchmarks.worker import WorkerFailed

        for name in NAMES if options.name in _ALL else [options.name]:
            try:
                module = "predictions" if options.domain == "predictions" else name
                report = import_module(f"benchmarks.{module}").run(quick=options.quick)
            except (WrongRun, WorkerFailed, ServerFailed, BaselineTooSlow) as error:
                console.print(f"[bold]WRONG[/bold] {name} has no figures: {error}", highlight=False)
                status = 1
                continue
            report.show(console)
            found.append(report.as_json())
            status = status or int(not report.passed and not options.quick)
    if options.name == "report":
        page.PAGE.write_text(page.text([msgspec.json.decode(one) for one in found]))
    if options.json:
        whole = found[0] if options.name not in _ALL and found else b"[" + b",\n".join(found) + b"]"
        options.json.write_bytes(msgspec.json.format(whole, indent=2) + b"\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/bench", description="Measure, and check that what was measured is right."
    )
    parser.add_argument("name", choices=[*NAMES, *_ALL], help="report: all, written to docs/performance.md")
    parser.add_argument(
        "--read", type=Path, nargs="+", metavar="FILE", help="report: measure nothing, take what --json wrote"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    parser.add_argument("--quick", action="store_true", help="half a minute: whether it works, not how fast it is")
    parser.add_argument(
        "--domain",
        choices=("markets", "predictions"),
        default="markets",
        help="runtime only: predictions compares event markets with session contracts",
    )
    return parser


def _console() -> Console:
    """Wide enough for every table where nobody's terminal says how wide it is."""
    return Console() if sys.stdout.isatty() else Console(width=180)


def _set_up(folder: Path) -> None:
    """This process needs Django for its imports alone: it gets a database that nobody uses."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sessioncontracts.settings",
        "DATABASE_URL": f"sqlite:///{folder / 'unused.sqlite3'}",
        "SM_DATA_DIR": str(folder),
    }
    os.environ.pop("DATABASE_OWNER_URL", None)
    django.setup()


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
