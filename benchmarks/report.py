"""What a benchmark found: rows, verdicts and the machine, as a table for people and as JSON for programs."""

import os
import platform
import sqlite3
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


@dataclass
class Report:
    """The rows of one benchmark, as dicts that share most keys, and (passed, sentence) for each target."""

    benchmark: str
    rows: list[Row] = field(default_factory=list)
    verdicts: list[tuple[bool, str]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return all(passed for passed, _ in self.verdicts)

    def judge(self, sentence: str, *, passed: bool) -> None:
        """Add a target that was reached or missed."""
        self.verdicts.append((passed, sentence))

    def as_json(self) -> bytes:
        """{"benchmark", "machine", "rows", "verdicts"}, indented."""
        verdicts = [{"passed": passed, "target": sentence} for passed, sentence in self.verdicts]
        whole = {"benchmark": self.benchmark, "machine": machine(), "rows": self.rows, "verdicts": verdicts}
        return msgspec.json.format(msgspec.json.encode(whole), indent=2)

    def show(self, console: Console) -> None:
        """Print a table, then a line for each verdict. What varies is shown as `median [smallest-largest]`."""
        names = [name for name in dict.fromkeys(name for row in self.rows for name in row) if not _is_edge(name)]
        table = Table(title=self.benchmark, title_justify="left")
        for name in names:
            is_text = any(isinstance(row.get(name), str) for row in self.rows)
            table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*[_cell(row, name) for name in names])
        console.print(table)
        for passed, sentence in self.verdicts:
            console.print(f"[bold]{'PASS' if passed else 'FAIL'}[/bold] {sentence}", highlight=False, soft_wrap=True)


def _is_edge(name: str) -> bool:
    return name.endswith(("_min", "_max"))


def _cell(row: Row, name: str) -> str:
    low, high = row.get(f"{name}_min"), row.get(f"{name}_max")
    edges = "" if low is None or low == high else f" \\[{shown(low)}-{shown(high)}]"
    return shown(row.get(name)) + edges


def shown(value: Any) -> str:
    """A figure as people read it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def spread(name: str, values: list[float]) -> Row:
    """The median of several rounds under `name`, and the smallest and largest beside it."""
    return {name: median(values), f"{name}_min": min(values), f"{name}_max": max(values)}


def machine() -> Row:
    """What ran it: processor, cores, versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "load_average": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "django": version("django"),
        "psycopg": version("psycopg"),
        "sqlite": sqlite3.sqlite_version,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
