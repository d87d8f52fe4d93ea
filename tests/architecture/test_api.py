"""The API's registry of codes is complete, and its description is the one that is committed."""

import ast
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client, RequestFactory

from common.errors import DomainError, Unavailable
from markets.engine.decide.access import LEGAL
from sessioncontracts import api_errors

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "common", "ledger", "markets", "matching", "oracle", "predictions", "sessioncontracts")


def raised() -> Iterator[tuple[str, str]]:
    """(code, where) of every DomainError and Unavailable in the project whose code stands there as text."""
    for app in APPS:
        for file in (ROOT / app).rglob("*.py"):
            if "tests" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                    first = node.args[0]
                    if node.func.id in {"DomainError", "Unavailable"} and isinstance(first, ast.Constant):
                        yield str(first.value), f"{file.relative_to(ROOT)}:{node.lineno}"


def test_every_code_that_is_raised_has_a_status() -> None:
    found = list(raised())
    assert len(found) > 80
    assert [pair for pair in found if pair[0] not in api_errors.STATUS] == []


def test_the_codes_made_of_a_status_or_chosen_at_run_time_have_one_too() -> None:
    statuses = {status for allowed in LEGAL.values() for status in allowed} | {"settled", "cancelled"}
    assert {f"session_{status}" for status in statuses} <= api_errors.STATUS.keys()
    assert {"insufficient_cash", "insufficient_units"} <= api_errors.STATUS.keys()
    markets = {"market_open", "market_closed", "market_proposed", "market_challenged", "market_resolved"}
    assert markets <= api_errors.STATUS.keys()


def test_every_code_becomes_a_problem_with_its_status() -> None:
    for code, status in api_errors.STATUS.items():
        error = Unavailable(code, "Later.") if status == 503 else DomainError(code, "No.")
        answer = api_errors.problem(error, {})
        assert answer.status_code == status == answer.data["status"]
        assert ("Retry-After" in answer.headers) == (status == 503)


def test_an_unforeseen_error_says_nothing_of_itself() -> None:
    answer = api_errors.problem(RuntimeError("secret"), {})
    assert answer.status_code == 500
    assert "secret" not in str(answer.data)


@pytest.mark.parametrize(
    ("method", "code"), [("GET", "unavailable"), ("POST", "outcome_unknown"), ("DELETE", "outcome_unknown")]
)
def test_a_database_that_went_away_amid_a_view_never_says_that_nothing_was_changed(method: str, code: str) -> None:
    """The command may have been committed before; only a read is sure to have done nothing."""
    answer = api_errors.problem(OperationalError("gone"), {"request": RequestFactory().generic(method, "/")})
    assert (answer.status_code, answer.data["code"]) == (503, code)
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("method", "said", "comes_back"),
    [("get", "The database does not answer.", True), ("post", "Look whether what you sent was done", False)],
)
def test_a_page_without_its_database_says_so_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, method: str, said: str, comes_back: bool
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("accounts.web.views.render", gone)
    monkeypatch.setattr("accounts.web.views.throttle.take", gone)
    answer = getattr(Client(raise_request_exception=False), method)("/join")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    page = answer.content.decode()
    assert said in page
    assert ('http-equiv="refresh"' in page) is comes_back


def test_the_committed_description_is_what_the_code_says() -> None:
    made = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=made)
    assert (ROOT / "docs" / "openapi.yaml").read_text() == made.getvalue()
