"""Looking ids up is one indexed query: what it costs depends on the ids, not on how many commands there were."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from common.db import insert
from ledger import store
from ledger.store import Known

pytestmark = pytest.mark.django_db


def test_pairs_of_scope_and_id_are_looked_up_in_one_query_by_the_index() -> None:
    stream = uuid4()
    rows = [(stream, f"s{n % 100}", f"c{n // 2}", "mark", n, n, "", 0) for n in range(20_000)]
    insert(connection, store.COMMANDS, rows[:30])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_command")  # what the planner knows of a stream lags behind what is there
    insert(connection, store.COMMANDS, rows[30:])  # 200 pages of index, or more
    wanted = [(f"s{n % 100}", f"c{n // 2}") for n in range(0, 20_000, 2_000)]
    queries: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        queries.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        found = store.known_commands(stream, [*wanted, ("s1", "nobody's"), ("nobody's", "c1")])
    assert found == {key: Known("mark", n, n, "") for key, n in zip(wanted, range(0, 20_000, 2_000), strict=True)}
    [(sql, params)] = queries
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
            [answer] = cursor.fetchone()
            plan = (answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"]
            assert plan["Shared Hit Blocks"] < 12 * 7, plan
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            steps = [row[-1] for row in cursor.fetchall()]
            assert any("(stream_id=? AND command_id=? AND scope=?)" in step for step in steps), steps
