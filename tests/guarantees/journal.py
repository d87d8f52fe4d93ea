"""What clients wrote down: one Deed for each thing that somebody wanted done."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.guarantees.trader import FAIL, OK, UNKNOWN


@dataclass
class Deed:
    """One thing under one Idempotency-Key, and every attempt's answer."""

    name: str
    who: str
    verb: str
    path: str
    began: float
    body: dict[str, Any] | None
    answers: list[dict[str, Any]] = field(default_factory=list)
    attempts: int = 0

    @property
    def outcome(self) -> str:
        """ok: somebody was told so. fail: nothing reached the server, or it refused the last of all attempts."""
        outcomes = [answer["outcome"] for answer in self.answers]
        if OK in outcomes:
            return OK
        unheard = self.attempts > len(outcomes)  # whoever wrote this was ended amid it
        if unheard or not outcomes or (UNKNOWN in outcomes and not 400 <= self.answers[-1]["status"] < 500):
            return UNKNOWN
        return FAIL

    @property
    def story(self) -> str:
        """Every answer, in order."""
        return ", ".join(f"{a['outcome']} {a['status']} {a['code']}" for a in self.answers)

    @property
    def orders(self) -> set[str]:
        """The ids that were answered; a second one is a lie."""
        return {answer["order"] for answer in self.answers if answer["outcome"] == OK}

    @property
    def is_replayed(self) -> bool:
        return any(answer["replayed"] for answer in self.answers)

    @property
    def ended(self) -> float:
        return float(self.answers[-1]["at"])


def read(folder: Path) -> list[Deed]:
    """All journals of a folder."""
    return [deed for path in sorted(folder.glob("*.jsonl")) for deed in _deeds(_lines(path))]


def acknowledged(folder: Path) -> int:
    """How many requests were done so far."""
    return sum(path.read_bytes().count(b'"outcome": "ok"') for path in folder.glob("*.jsonl"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):  # the last one may be cut off
            yield json.loads(line)


def _deeds(lines: Iterable[dict[str, Any]]) -> list[Deed]:
    found: dict[str, Deed] = {}
    for line in lines:
        name = line["id"]
        if "outcome" in line:
            found[name].answers.append(line)
            continue
        deed = found.setdefault(name, Deed(name, line["who"], line["verb"], line["path"], line["at"], line["body"]))
        deed.attempts += 1
    return list(found.values())
