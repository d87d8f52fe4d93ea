"""The tiers of bin/test: how each is run, and the summary that is always printed last."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import quote
from xml.etree import ElementTree

from tests.services import ServiceMissing, chromium, end_with_parent, postgresql, redis_server

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 10
NO_TESTS_COLLECTED = 5  # pytest's exit status


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one call of bin/test asks of its tiers."""

    folder: Path
    full: bool
    pytest_arguments: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one tier; `note` is a reason, `missing` says that it never ran."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    missing: bool = False
    note: str = ""

    def line(self, *, tier: str, seconds: float) -> str:
        if self.missing:
            return f"tier {tier}: MISSING, its tests did not run: {self.note}"
        counts = [f"{self.passed} passed"]
        counts += [f"{self.failed} failed"] if self.failed else []
        counts += [f"{self.skipped} skipped"] if self.skipped else []
        note = f" ({self.note})" if self.note else ""
        return f"tier {tier}: {', '.join(counts)} in {seconds:.0f} s{note}"


def main(arguments: Sequence[str]) -> int:
    """Run the tiers that were asked for, print the summary, and answer the exit status."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:split])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    outcomes: list[Outcome] = []
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="session-contracts-", ignore_cleanup_errors=True) as folder:
        run = Run(folder=Path(folder), full=options.full, pytest_arguments=arguments[split + 1 :])
        for tier, runner in TIERS.items():
            if tier in (options.tier or TIERS):
                _say(f"==== tier {tier}")
                start = time.monotonic()
                outcomes.append(runner(run))
                lines.append(outcomes[-1].line(tier=tier, seconds=time.monotonic() - start))
    required = os.environ.get("REQUIRE_SERVICES") == "1"
    failed = sum(outcome.failed + (outcome.missing and required) for outcome in outcomes)
    _say("", "==== summary", *lines, f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/test",
        usage="%(prog)s [--full] [--tier TIER]... [-- PYTEST ARGUMENTS]",
        description="Run the static checks, then the tests on SQLite and on PostgreSQL.",
        epilog="REQUIRE_SERVICES=1: a missing service is a failure. TEST_DATABASE_URL: a PostgreSQL to use.",
    )
    parser.add_argument("--full", action="store_true", help="longer runs of the same tests (FULL=1)")
    parser.add_argument("--tier", action="append", choices=list(TIERS), help="only this one; repeatable")
    return parser


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn the first such signal into SystemExit, so that every service is stopped on the way out."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _lint(_run: Run) -> Outcome:
    """Counts as one check; bin/lint itself names the steps that failed."""
    if _wait(["bin/lint"], os.environ) == 0:
        return Outcome(passed=1)
    return Outcome(failed=1, note="bin/lint names the steps")


def _sqlite(run: Run) -> Outcome:
    url = f"sqlite:///{quote(str(run.folder / 'market.sqlite3'))}"
    return _pytest(run, "sqlite", url, "-m", "not (postgresql or redis or browser)")


def _redis(run: Run) -> Outcome:
    return _with_program(run, "redis", redis_server)


def _browser(run: Run) -> Outcome:
    return _with_program(run, "browser", chromium)


def _with_program(run: Run, tier: str, find: Callable[[], str]) -> Outcome:
    """The tests marked with the tier's name, which find the program themselves once it is there."""
    try:
        find()
    except ServiceMissing as missing:
        return Outcome(missing=True, note=str(missing))
    url = f"sqlite:///{quote(str(run.folder / f'{tier}.sqlite3'))}"
    return _pytest(run, tier, url, "-m", tier)


def _postgresql(run: Run) -> Outcome:
    try:
        with postgresql() as url:
            return _pytest(run, "postgresql", url, "-m", "not (redis or browser)")
    except ServiceMissing as missing:
        sentence, _, log = str(missing).partition("\n")
        _say(log)
        return Outcome(missing=True, note=sentence)


TIERS: dict[str, Callable[[Run], Outcome]] = {
    "lint": _lint,
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "redis": _redis,
    "browser": _browser,
}


def _pytest(run: Run, tier: str, database_url: str, *selection: str) -> Outcome:
    data = run.folder / tier
    data.mkdir()
    environment = os.environ | {"DATABASE_URL": database_url, "SM_DATA_DIR": str(data)}
    environment.pop("DATABASE_OWNER_URL", None)
    if run.full:
        environment["FULL"] = "1"
    report = data / "report.xml"
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *selection, *run.pytest_arguments]
    status = _wait(command, environment)
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


def _wait(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end; if we are interrupted first, let it tidy up before we go."""
    child = subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=end_with_parent)
    try:
        return child.wait()
    except KeyboardInterrupt:  # the terminal has told the child as well
        _end(child, 0, signal.SIGTERM, signal.SIGKILL)
        raise
    except SystemExit:
        _end(child, signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        raise


def _end(child: subprocess.Popen[bytes], *signals: int) -> None:
    for number in signals:
        child.send_signal(number)
        try:
            child.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue
        return


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    sys.exit(status)
