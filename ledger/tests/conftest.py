"""The counter domain, its table, and runtimes that are stopped when their test is over."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from common.ids import Actor
from ledger import registry
from ledger.runtime import Runtime
from ledger.tests.counter import ANN, COUNTERS, CounterRow, Open
from ledger.tickets import Opens

MakeRuntime = Callable[..., Runtime]


@pytest.fixture(autouse=True)
def _counter_is_a_domain() -> Iterator[None]:
    """Known during these tests only: no other test shall meet it in the registry."""
    registry.register(COUNTERS)
    yield
    registry._domains.pop(COUNTERS.name)


@pytest.fixture(scope="session")
def _counter_table(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), connection.schema_editor() as editor:
        editor.create_model(CounterRow)


@pytest.fixture
def _counter_rows(_counter_table: None, transactional_db: None) -> Iterator[None]:
    yield
    CounterRow.objects.all().delete()


@pytest.fixture
def counters(_counter_rows: None, ledger: None) -> None:
    """A test that executes commands on counters; ends like every `ledger` test."""


@pytest.fixture
def make_runtime(counters: None) -> Iterator[MakeRuntime]:
    """Makes runtimes of the test's own, each with its own writers and warm states."""
    made: list[Runtime] = []

    def make(**options: Any) -> Runtime:
        made.append(Runtime(**{"writers": 2, **options}))
        return made[-1]

    yield make
    for own in made:
        own.before_commit = None
        own.stop()


@pytest.fixture
def runtime(make_runtime: MakeRuntime) -> Runtime:
    """One runtime of the test's own."""
    return make_runtime()


def open_counter(runtime: Runtime, actor: Actor = ANN) -> UUID:
    """A fresh stream of counters, with one event."""
    stream = uuid4()
    runtime.execute_on(stream, Opens("counter", str(stream)), Open(str(stream)), actor)
    return stream


@pytest.fixture
def stream(runtime: Runtime) -> UUID:
    """A fresh stream of counters, with one event."""
    return open_counter(runtime)
