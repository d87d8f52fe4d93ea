"""Event markets can be deleted: the folder, its templates, and the lines that name it in the composition root.

Here it is looked for who names them; FULL=1 deletes them in a copy and runs tests there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = "predictions"
COMPOSITION = [f"sessioncontracts/{name}.py" for name in ("asgi", "celery", "settings", "urls")]
"""Each of their lines that names the app can be deleted by itself."""
THEIRS = ("benchmarks/predictions.py", "tests/browser/events.py", "tests/browser/test_events.py")
LEFT_BEHIND = {".venv", ".git", "data", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache"}

pytestmark = pytest.mark.skipif(not (ROOT / APP).exists(), reason="they are deleted")


def importing() -> Iterator[str]:
    """The files outside of the app, of tests and of the architecture's own lists that import it."""
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT)
        if name.parts[0] in {APP, *LEFT_BEHIND}:
            continue
        if re.search(rf"^\s*(from|import) {APP}\b", path.read_text(), re.MULTILINE):
            yield str(name)


def test_nobody_else_imports_event_markets() -> None:
    allowed = {*COMPOSITION, *THEIRS}
    assert set(importing()) <= allowed


def without_the_app(copy: Path) -> None:
    """Delete it as docs/predictions.md says."""
    for folder in (APP, f"templates/{APP}", f"static/{APP}"):
        shutil.rmtree(copy / folder, ignore_errors=True)
    for name in THEIRS:
        (copy / name).unlink()
    for name in COMPOSITION:
        lines = (copy / name).read_text().splitlines(keepends=True)
        (copy / name).write_text("".join(line for line in lines if APP not in line))
    contracts = (copy / "pyproject.toml").read_text().split("\n\n")
    kept = "\n\n".join(block for block in contracts if f'containers = ["{APP}"]' not in block)
    for named in (f', "{APP}.models"', f'"{APP}.engine", ', f', "{APP}"', f" | {APP}", f'"{APP}", '):
        kept = kept.replace(named, "")
    (copy / "pyproject.toml").write_text(kept)


@pytest.mark.skipif(os.environ.get("FULL") != "1", reason="two minutes")
def test_without_them_everything_else_is_green(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=lambda _, names: LEFT_BEHIND & set(names))
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    without_the_app(copy)
    own = {**os.environ, "SM_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": f"sqlite:///{tmp_path}/its.sqlite3"}
    own.pop("FULL")
    python = [sys.executable, "manage.py"]
    described = {"openapi.yaml": ["spectacular"], "events.md": ["describe_events"]}
    for page, command in described.items():
        made = subprocess.run([*python, *command], cwd=copy, env=own, capture_output=True, text=True, check=True)
        (copy / "docs" / page).write_text(made.stdout)
    fast = "not postgresql and not redis and not browser"
    for arguments in (["--collect-only"], ["tests/architecture", "markets/api/tests/test_access.py"]):
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", fast, *arguments]
        run = subprocess.run(command, cwd=copy, env=own, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
