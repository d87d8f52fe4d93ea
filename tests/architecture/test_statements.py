"""A batch of orders costs the same number of statements whatever its size, trades and all."""

from collections.abc import Awaitable
from typing import Any

import pytest

from common.errors import DomainError
from ledger.runtime import runtime
from ledger.tests.crowd import in_one_batch
from ledger.tests.statements import noted
from ledger.tickets import Outcome
from markets.engine import commands as c
from markets.handlers import orders
from markets.queries import SessionInfo
from markets.tests.floor import open_session, order, user

pytestmark = pytest.mark.usefixtures("ledger")
SIZES = (1, 10, 100, 250)
BODY: dict[str, Any] = {"cash_per_participant": "100000", "q": [10_000, 10_000]}


def together(session: SessionInfo, side: str, size: int) -> list[str]:
    """The statements of one batch of `size` orders; each new order of the other side meets one of them."""
    command = order(session, "alice" if side == "sell" else "bob", side, 1, 2)

    def calls() -> list[Awaitable[Outcome]]:
        return [runtime.aexecute(session.stream, command, user(command.participant)) for _ in range(size)]

    answers, sent = in_one_batch(runtime, session.stream, c.AdvanceSession(), calls)
    assert all(isinstance(answer, Outcome) for answer in answers), answers
    return sent


def test_a_batch_of_resting_orders_takes_as_many_statements_whatever_its_size() -> None:
    session = open_session(**BODY)
    together(session, "sell", 1)
    counts = {size: len(together(session, "sell", size)) for size in SIZES}
    assert len(set(counts.values())) == 1, counts


def test_a_batch_of_trading_orders_takes_as_many_statements_whatever_its_size(
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = open_session(**BODY)
    together(session, "sell", 1)
    for _ in range(2):
        together(session, "sell", 250)
    together(session, "buy", 1)  # whose buckets are read once, before anything is known of them
    counts = {}
    for size in SIZES:
        sent = together(session, "buy", size)
        counts[size] = len(sent)
        tables = ("ledger_event", "ledger_command", "markets_order", "markets_holding", "markets_trade")
        for table in tables:
            writes = [sql for sql in sent if f'INSERT INTO "{table}"' in sql]
            assert len(writes) == 1, (size, table, writes)
    assert len(set(counts.values())) == 1, counts
    assert counts[1] <= 12, counts
    with capsys.disabled():
        print(f" [{counts[1]} statements a batch]", end="")  # noqa: T201


def test_a_bulk_takes_as_many_statements_whatever_its_size() -> None:
    session = open_session(**BODY)
    together(session, "sell", 1)
    counts = set()
    for size in SIZES:
        with noted() as sent:
            answers = orders.bulk_orders(
                session.stream, [order(session, "alice", "sell", 1, 3)] * size, user("alice")
            )
        assert not [answer for answer in answers if isinstance(answer, DomainError)]
        counts.add(len(sent))
    assert len(counts) == 1, counts
