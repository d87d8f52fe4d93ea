"""What the tests of the guarantees share: one market of real processes, and how they say what was run."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from tests.guarantees.harness import House, house


@pytest.fixture(scope="package")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server on a database of its own, for all whom it is enough."""
    with house(tmp_path_factory.mktemp("market")) as running:
        yield running


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print what was really run, seed included."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(f" [{connection.vendor}: {text}]", end="", flush=True)  # noqa: T201

    return line
