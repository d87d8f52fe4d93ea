"""G28: private data never reaches others. Every order bears its owner's name, and nobody sees another's."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees.harness import PEOPLE, House, crowd, listening
from tests.guarantees.sizes import chance, size

REQUESTS = size(80, 2000, 20_000)
READS = (
    "", "/orders", "/trades", "/events", "/rfq", "/participants", "/allocations", "/announcements", "/prices",
    "/portfolio", "/leaderboard", "/orderbook/AAPL", "/verify",
)  # fmt: skip
pytestmark = pytest.mark.timeout(240 + REQUESTS // 10)


def test_nobody_ever_sees_the_ids_of_anybody_elses_orders(
    market: House, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed, _ = chance()
    market.open_session("g28")
    with (
        listening(market, "g28", PEOPLE) as ears,
        crowd(market, "g28", tmp_path, seed=seed, round="secret") as clients,
    ):
        clients.wait_for(REQUESTS, within=60 + REQUESTS / 10)
        deeds = clients.end()
        seen = {who: [json.dumps(message) for _, message in ear.heard] for who, ear in zip(PEOPLE, ears, strict=True)}
    others = {deed.name: order for deed in deeds for order in deed.orders if deed.who == "p0"}
    for who in PEOPLE:
        with market.wires(who, 1) as (wire,):
            seen[who] += [json.dumps(wire.ask("GET", f"/sessions/g28{path}?limit=500").body) for path in READS[1:9]]
            seen[who] += [json.dumps(wire.ask("GET", f"/sessions/g28{path}").body) for path in (READS[0], *READS[9:])]
            if who != "p0":
                assert {wire.ask("GET", f"/orders/{order}").status for order in list(others.values())[:3]} == {404}
                assert wire.ask("GET", "/sessions/g28/portfolio?participant_id=p0").status in {403, 404}
                assert wire.ask("GET", "/sessions/g28/export").status == 403
    total = 0
    for who, texts in seen.items():
        names = [name for text in texts for name in re.findall(r"secret-(p\d+)-", text)]
        total += len(names)
        assert set(names) == {who}, f"{who} saw ids of {set(names) - {who}}"
    tell(f"{len(deeds)} requests, {sum(map(len, seen.values()))} messages and answers, {total} own ids, seed {seed}")
