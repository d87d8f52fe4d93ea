"""G27: nothing is published before its commit. Every third commit fails, and nobody hears of what is not there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees import checker
from tests.guarantees.harness import PEOPLE, House, crowd, listening
from tests.guarantees.journal import Deed
from tests.guarantees.sizes import ONCE, chance, size

COMMITS = size(60, 1000, 10_000)
TERMS = ("participant_id", "asset", "side", "quantity", "price", "client_order_id", "created_at")
pytestmark = pytest.mark.timeout(240 + COMMITS)


def phantoms(market: House, session: str, folder: Path, *faults: str, seed: int) -> tuple[list[str], int, list[Deed]]:
    """(what was heard and is not there, how much was heard, the clients' journals) with these faults."""
    people = PEOPLE[:4]
    with (
        market.broken("commits_fail", *faults),
        listening(market, session, people) as ears,
        crowd(market, session, folder, seed=seed) as clients,
    ):
        clients.wait_for(COMMITS, within=60 + COMMITS)
        deeds = clients.end()
        orders = [said for ear in ears for said in ear.told("order")]
        trades = [said for ear in ears for said in ear.told("trade")]
    known = {order["order_id"]: order for order in checker.pages(market.organiser, f"/sessions/{session}/orders")}
    done = {trade["trade_id"]: trade for trade in checker.pages(market.organiser, f"/sessions/{session}/trades")}
    found = [
        f"order {said['order_id']} is not there, or another one"
        for said in orders
        if any(said[term] != known.get(said["order_id"], {}).get(term) for term in TERMS)
    ]
    found += [f"trade {said['trade_id']} is not there" for said in trades if done.get(said["trade_id"]) != said]
    return found, len(orders) + len(trades), deeds


def test_nobody_hears_of_what_was_not_committed(market: House, tmp_path: Path, tell: Callable[[str], None]) -> None:
    seed, _ = chance()
    market.open_session("g27")
    found, heard, deeds = phantoms(market, "g27", tmp_path, seed=seed)
    failed = sum(answer["status"] == 500 for deed in deeds for answer in deed.answers)
    tell(f"{failed} failed commits, {heard} orders and trades heard, seed {seed}")
    assert found == []
    assert heard
    assert failed >= COMMITS // 20
    assert [lie for lie in market.lies("g27", deeds) if "answered 500" not in lie] == []


@ONCE
def test_a_server_that_publishes_before_it_commits_is_found_out(market: House, tmp_path: Path) -> None:
    seed, _ = chance()
    market.open_session("g27-broken")
    found, _, _ = phantoms(market, "g27-broken", tmp_path, "publish_before_commit", seed=seed)
    assert found, f"seed {seed}"
