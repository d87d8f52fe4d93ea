"""docs/guarantees.md speaks of every guarantee, and every test that it names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/guarantees.md"


@pytest.fixture(scope="module")
def rows() -> dict[str, str]:
    found = re.findall(r"^\| (G\d\d) \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def test_every_guarantee_has_its_row(rows: dict[str, str]) -> None:
    assert sorted(rows) == [f"G{number:02}" for number in range(1, 50)]


def test_every_test_that_is_named_is_there(rows: dict[str, str]) -> None:
    missing = [
        path if not (ROOT / path).exists() else f"{path}::{name}"
        for row in rows.values()
        for path, name in re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", row)
        if not (ROOT / path).exists() or (name and name not in functions(ROOT / path))
    ]
    assert missing == []


def test_every_module_here_has_its_row(rows: dict[str, str]) -> None:
    modules = [path.name for path in Path(__file__).parent.glob("test_g[0-9]*.py")]
    assert [name for name in modules if f"tests/guarantees/{name}" not in rows[name[5:8].upper()]] == []


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
