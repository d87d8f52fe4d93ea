"""What is true of the code as a whole: who imports whom, how long files are, which fields and numbers there are."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "common", "ledger", "markets", "matching", "oracle", "predictions", "sessioncontracts")
OPTIONAL = [app for app in ("predictions",) if (ROOT / app).exists()]
"""Apps that can be deleted with their lines in the settings, and all else goes on."""
LONGEST = 400
LONGER_WITH_A_REASON = {
    "markets/engine/evolve.py": "one step per event type, and the table that lists them",
    "ledger/runtime.py": "the law of the ledger, in one place",
    "markets/admin/tables.py": "one function per table of the console",
    "markets/exports/tables.py": "one function per table that is exported",
    "markets/api/components.py": "one schema per shape of the API",
    "markets/queries.py": "one function per read of a session's rows",
    "markets/shapes.py": "one function per shape that goes out",
}
PURE = [folder for folder in ("markets/engine", "predictions/engine", "matching") if (ROOT / folder).exists()]
PURE_IMPORTS = {
    "bisect", "collections", "dataclasses", "functools", "itertools", "math", "operator", "re", "sortedcontainers",
    "typing", "uuid", "msgspec", "common", "matching", "markets.engine", "predictions.engine",
}  # fmt: skip


def code_of(*folders: str) -> Iterator[Path]:
    """The Python files that the application runs: no tests, no migrations."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts):
                yield path


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_everybody_imports_only_whom_they_may() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_file_is_longer_than_it_can_be_read() -> None:
    too_long = {name_of(path) for path in code_of(*APPS) if len(path.read_text().splitlines()) > LONGEST}
    assert too_long == set(LONGER_WITH_A_REASON)


def test_every_file_says_first_what_may_live_there() -> None:
    silent = [
        name_of(path)
        for path in code_of(*APPS)
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_packages_say_nothing_by_themselves() -> None:
    registering = {
        "markets/admin/__init__.py",
        "predictions/admin/__init__.py",
    }  # Django looks for registrations in the package itself
    talking = [
        name_of(path)
        for folder in (*APPS, "tests", "benchmarks")
        for path in (ROOT / folder).rglob("__init__.py")
        if path.stat().st_size and path.parent.name != "models"
    ]
    assert set(talking) <= registering


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("folder", PURE)
def test_the_engines_import_nothing_that_could_make_them_impure(folder: str) -> None:
    """No Django, ledger or oracle, and neither clock nor chance, files, threads or logging."""
    strangers = {
        f"{name_of(path)}: {name}"
        for path in code_of(folder)
        for name in imports(path)
        if not any(name == pure or name.startswith(f"{pure}.") for pure in PURE_IMPORTS)
    }
    assert strangers == set()


@pytest.mark.parametrize("folder", [*PURE, "ledger"])
def test_no_float_comes_near_an_amount(folder: str) -> None:
    """Neither a literal, nor float(), nor a division that makes one. Seconds of patience are no amounts."""
    patience = {"runtime.py"}
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in code_of(folder)
        if path.name not in patience
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in {"float", "Decimal"})
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not is_path(node))
    ]
    assert found == []


def is_path(node: ast.BinOp) -> bool:
    """Whether a slash joins parts of a path: one of its sides is a text or ends a chain of them."""
    return any(
        (isinstance(side, ast.Constant) and isinstance(side.value, str))
        or (isinstance(side, ast.Name) and side.id in {"name", "_SQL"})
        or (isinstance(side, ast.BinOp) and is_path(side))
        for side in (node.left, node.right)
    )


@pytest.mark.parametrize("app", ["ledger", "markets", "oracle", *OPTIONAL])
def test_amounts_and_times_are_integers_in_every_table(app: str) -> None:
    inexact = (models.FloatField, models.DecimalField, models.DateTimeField, models.DateField, models.DurationField)
    found = [
        str(field)
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if isinstance(field, inexact)
    ]
    assert found == []


def test_no_foreign_key_leaves_the_ledger_or_the_markets() -> None:
    found = [
        str(field)
        for app in ("ledger", "markets", *OPTIONAL)
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if field.is_relation
    ]
    assert found == []


def test_stream_leads_every_index_of_the_hot_tables() -> None:
    """So that the tables can be distributed by it. People are looked up by user, what is due by its time."""
    exceptions = {"markets_participant_user", "markets_order_due", "markets_rfq_due", "markets_quote_due"}
    exceptions |= {"predictions_agent_owner", "predictions_market_due", "predictions_order_due"}
    found = []
    for app in ("ledger", "markets", *OPTIONAL):
        for model in apps.get_app_config(app).get_models():
            if model.__name__ in {"Stream", "MarketSession", "DisplayName", "ClockNote", "Countdown", "Exchange"}:
                continue
            keys = [("primary key", model._meta.pk.columns)] if hasattr(model._meta.pk, "columns") else []
            keys += [(index.name, tuple(index.fields)) for index in model._meta.indexes]
            found += [(model.__name__, name) for name, fields in keys if fields[0] != "stream_id"]
    assert {name for _, name in found} <= exceptions
