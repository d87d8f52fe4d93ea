"""What the tests of the guarantees share: one market of real processes, and how they say what was run."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from markets.api.tests.conftest import _fresh_keys, hire, organiser  # noqa: F401  fixtures
from tests.guarantees.harness import House, house
from tests.guarantees.sizes import size


@pytest.fixture(scope="package")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two servers on one PostgreSQL, or one with SQLite, for all whom that is enough."""
    webs = 1 if connection.vendor == "sqlite" else size(2, 4, 4)
    with house(tmp_path_factory.mktemp("market"), webs=webs) as running:
        yield running


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """All processes of production, two servers among them, for whom a server alone is not enough."""
    with house(tmp_path_factory.mktemp("whole"), webs=2, is_whole=True) as running:
        yield running


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print what was really run, seed included."""
    vendor = "postgresql" if "whole" in request.fixturenames else connection.vendor

    def line(text: str) -> None:
        with capsys.disabled():
            print(f" [{vendor}: {text}]", end="", flush=True)  # noqa: T201

    return line
