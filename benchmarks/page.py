"""docs/performance.md: what the benchmarks found, targets and ratios first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.report import shown

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
_FIRST = ("database", "what", "how", "clients", "callers", "connections", "batch", "ratio")
_HEAD = """# Performance

Made by `bin/bench report`; do not edit. [benchmarks.md](benchmarks.md) says what is measured and how to read it.
Ratios are within one run, in alternation, and are what counts; what is absolute says as much about this machine and
its neighbours. `load_cpu` is the load generator's share of a core: it runs on the same machine. A run that was wrong
has no figures.
"""


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The reports in these files; of two with the same name the later one."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        whole = msgspec.json.decode(path.read_bytes())
        for report in whole if isinstance(whole, list) else [whole]:
            found[report["benchmark"]] = report
    return list(found.values())


def text(reports: Sequence[Mapping[str, Any]]) -> str:
    """The page."""
    parts = [_HEAD, "## Targets\n" + _targets(reports)]
    parts += [_section(report) for report in reports]
    return "\n".join(parts)


def _targets(reports: Sequence[Mapping[str, Any]]) -> str:
    lines = ["", "| benchmark | target | |", "|---|---|---|"]
    for report in reports:
        for verdict in report["verdicts"]:
            met = "met" if verdict["passed"] else "**missed**"
            lines.append(f"| {report['benchmark']} | {verdict['target']} | {met} |")
    return "\n".join(lines) + "\n"


def _section(report: Mapping[str, Any]) -> str:
    rows: Sequence[Mapping[str, Any]] = report["rows"]
    names = [
        name for name in dict.fromkeys(name for row in rows for name in row) if not name.endswith(("_min", "_max"))
    ]
    names.sort(key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    lines = [f"## {report['benchmark']}", "", _machine(report["machine"]), "", f"| {' | '.join(names)} |"]
    lines.append("|" + "---|" * len(names))
    lines += [f"| {' | '.join(_cell(row, name) for name in names)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], name: str) -> str:
    low, high = row.get(f"{name}_min"), row.get(f"{name}_max")
    edges = "" if low is None or low == high else f" ({shown(low)}-{shown(high)})"
    return shown(row.get(name)) + edges


def _machine(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "django", "psycopg", "sqlite"))
    memory = f", {machine['memory_gb']} GB" if "memory_gb" in machine else ""
    return (
        f"On {machine['cores']} cores ({machine['processor']}){memory}, {machine['system']}; {versions}; "
        f"load average when it ended: {machine['load_average']:.1f}."
    )
