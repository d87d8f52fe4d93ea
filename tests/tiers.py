"""The tiers of bin/test: how each is run, and the summary that is always printed last.

Three run at a time; what each says goes to a file of its own and is shown in order, as it comes. The two long tiers
run as two each: tests/, which mostly waits for servers, and everything else.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import quote
from xml.etree import ElementTree

from tests.services import ServiceMissing, chromium, end_with_parent, postgresql, redis_server

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 10
AT_A_TIME = 3
NO_TESTS_COLLECTED = 5  # pytest's exit status


@dataclass(frozen=True)
class Run:
    """What one call of bin/test asks of a tier, or of a part of it."""

    tier: str
    folder: Path
    full: bool
    soak: bool
    pytest_arguments: Sequence[str]
    part: str = ""

    @property
    def name(self) -> str:
        return f"{self.tier}-{self.part}" if self.part else self.tier

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / f"{self.name}.log"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one tier; `note` is a reason, `missing` says that it never ran."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    missing: bool = False
    note: str = ""
    seconds: float = 0

    def line(self, tier: str) -> str:
        if self.missing:
            return f"tier {tier}: MISSING, its tests did not run: {self.note}"
        counts = [f"{self.passed} passed"]
        counts += [f"{self.failed} failed"] if self.failed else []
        counts += [f"{self.skipped} skipped"] if self.skipped else []
        note = f" ({self.note})" if self.note else ""
        return f"tier {tier}: {', '.join(counts)} in {self.seconds:.0f} s{note}"


def main(arguments: Sequence[str]) -> int:
    """Run the tiers that were asked for, print the summary, and answer the exit status."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:split])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    asked = [tier for tier in TIERS if tier in (options.tier or TIERS)]
    with tempfile.TemporaryDirectory(prefix="session-contracts-", ignore_cleanup_errors=True) as folder:
        whole = [Run(tier, Path(folder), options.full, options.soak, arguments[split + 1 :]) for tier in asked]
        runs = sorted((part for run in whole for part in _parts(run)), key=_when)
        outcomes = _run_all(runs)
    lines = [outcome.line(run.name) for run, outcome in zip(runs, outcomes, strict=True)]
    required = os.environ.get("REQUIRE_SERVICES") == "1"
    failed = sum(outcome.failed + (outcome.missing and required) for outcome in outcomes)
    _say("", "==== summary", *lines, f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/test",
        usage="%(prog)s [--full | --soak] [--tier TIER]... [-- PYTEST ARGUMENTS]",
        description="Run the static checks, then the tests on SQLite and on PostgreSQL.",
        epilog="REQUIRE_SERVICES=1: a missing service is a failure. TEST_DATABASE_URL: a PostgreSQL to use.",
    )
    parser.add_argument("--full", action="store_true", help="longer runs of the same tests (FULL=1)")
    parser.add_argument("--soak", action="store_true", help="the longest runs of the guarantees (SOAK=1)")
    parser.add_argument("--tier", action="append", choices=list(TIERS), help="only this one; repeatable")
    return parser


def _parts(run: Run) -> list[Run]:
    """The run as it is, or as two that go on beside each other."""
    if run.tier not in _HALVED or run.pytest_arguments or "TEST_DATABASE_URL" in os.environ:
        return [run]
    return [
        replace(run, part="servers", pytest_arguments=["tests"]),
        replace(run, part="others", pytest_arguments=["--deselect=tests/"]),
    ]


def _when(run: Run) -> int:
    """The long ones before the short ones, so that all end at about the same time; the static checks first."""
    return _ORDER.index(run.name) if run.name in _ORDER else 0


def _run_all(runs: Sequence[Run]) -> list[Outcome]:
    """Every tier's outcome, in order. If we are interrupted first, the children tidy up before we go."""
    with ThreadPoolExecutor(AT_A_TIME) as lanes:
        running = [lanes.submit(_timed, run) for run in runs]
        try:
            return [_shown(run, outcome) for run, outcome in zip(runs, running, strict=True)]
        except BaseException:
            for outcome in running:
                outcome.cancel()
            _end_children()
            raise


def _timed(run: Run) -> Outcome:
    start = time.monotonic()
    outcome = TIERS[run.tier](run)
    return replace(outcome, seconds=time.monotonic() - start)


def _shown(run: Run, outcome: "Future[Outcome]") -> Outcome:
    """Print what the tier says until it has ended."""
    _say(f"==== tier {run.name}")
    run.log.touch()
    with run.log.open(errors="replace") as log:
        while not outcome.done():
            sys.stdout.write(log.read())
            sys.stdout.flush()
            time.sleep(0.2)
        sys.stdout.write(log.read())
    return outcome.result()


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn the first such signal into SystemExit, so that every service is stopped on the way out."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _lint(run: Run) -> Outcome:
    """Counts as one check; bin/lint itself names the steps that failed."""
    if _wait(run, ["bin/lint"], os.environ) == 0:
        return Outcome(passed=1)
    return Outcome(failed=1, note="bin/lint names the steps")


def _sqlite(run: Run) -> Outcome:
    return _pytest(run, _file(run), "-m", "not (postgresql or redis or browser)")


def _redis(run: Run) -> Outcome:
    return _with_program(run, redis_server)


def _browser(run: Run) -> Outcome:
    return _with_program(run, chromium)


def _with_program(run: Run, find: Callable[[], str]) -> Outcome:
    """The tests marked with the tier's name, which find the program themselves once it is there."""
    try:
        find()
    except ServiceMissing as missing:
        return Outcome(missing=True, note=str(missing))
    return _pytest(run, _file(run), "-m", run.tier)


def _file(run: Run) -> str:
    return f"sqlite:///{quote(str(run.folder / f'{run.name}.sqlite3'))}"


def _postgresql(run: Run) -> Outcome:
    try:
        with postgresql() as url:
            return _pytest(run, url, "-m", "not (redis or browser)")
    except ServiceMissing as missing:
        sentence, _, log = str(missing).partition("\n")
        run.log.write_text(f"{log}\n")
        return Outcome(missing=True, note=sentence)


TIERS: dict[str, Callable[[Run], Outcome]] = {
    "lint": _lint,
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "redis": _redis,
    "browser": _browser,
}
_HALVED = {"sqlite", "postgresql"}
_ORDER = (
    "lint",
    "sqlite-servers",
    "postgresql-servers",
    "sqlite-others",
    "browser",
    "postgresql-others",
    "redis",
)


def _pytest(run: Run, database_url: str, *selection: str) -> Outcome:
    data = run.folder / run.name
    data.mkdir()
    environment = os.environ | {"DATABASE_URL": database_url, "SM_DATA_DIR": str(data)}
    environment.pop("DATABASE_OWNER_URL", None)
    if run.full:
        environment["FULL"] = "1"
    if run.soak:
        environment["SOAK"] = "1"
    report = data / "report.xml"
    own = (f"--junitxml={report}", f"--basetemp={data / 'tmp'}")
    command = [sys.executable, "-m", "pytest", *own, *selection, *run.pytest_arguments]
    status = _wait(run, command, environment)
    counts = _counts(report)
    if counts.failed or (counts.passed and status == 0):
        return counts
    note = "no test ran" if status in (0, NO_TESTS_COLLECTED) else f"pytest's exit status is {status}"
    return Outcome(passed=counts.passed, failed=1, skipped=counts.skipped, note=note)


def _counts(report: Path) -> Outcome:
    """Read pytest's own report, which is absent if pytest could not even begin."""
    if not report.exists():
        return Outcome()
    suite = ElementTree.parse(report).getroot()[0]
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    skipped = int(suite.attrib["skipped"])
    return Outcome(passed=int(suite.attrib["tests"]) - failed - skipped, failed=failed, skipped=skipped)


def _wait(run: Run, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end; what it says goes to the tier's log."""
    with run.log.open("a") as log, _starting:
        if _ending.is_set():
            raise SystemExit(1)
        child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, preexec_fn=end_with_parent
        )
        _children.add(child)
    status = child.wait()
    _children.discard(child)
    return status


_children: set[subprocess.Popen[bytes]] = set()
_starting, _ending = threading.Lock(), threading.Event()


def _end_children() -> None:
    """Ask twice, then end them. From here on none is started."""
    with _starting:
        _ending.set()
        children = list(_children)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for child in children:
            child.send_signal(number)
        deadline = time.monotonic() + PATIENCE_S
        while any(child.poll() is None for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    sys.exit(status)
