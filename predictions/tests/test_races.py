"""The races R1 to R7 of the specification on PostgreSQL: several processes call the API at one moment."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F, Sum

from ledger.verify import verify_all
from predictions.api.tests.conftest import Caller, World, everything_adds_up
from predictions.api.tests.conftest import world as world  # the fixture
from predictions.models import Agent, Order, Position, Trade
from tests.concurrency.processes import ROOT, environment, url

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(120)]
PROCESSES = 3
Call = tuple[Caller, str, dict[str, Any]]


class Racers:
    """Processes that are there for all tests of this file, for starting one takes longer than any race."""

    def __init__(self, folder: Path) -> None:
        command, own, pipe = (
            [sys.executable, "-m", "predictions.tests.racer"],
            environment(url(), folder),
            subprocess.PIPE,
        )
        self._racers = [
            subprocess.Popen(command, cwd=ROOT, env=own, stdin=pipe, stdout=pipe, text=True) for _ in range(PROCESSES)
        ]

    def at_once(self, calls: list[Call]) -> Counter[tuple[int, str]]:
        """How often each (status, code) was the answer to these calls, made together by several processes."""
        racers = self._racers[: len(calls)]
        plans: list[list[dict[str, Any]]] = [[] for _ in racers]
        for number, (caller, path, body) in enumerate(calls):
            plans[number % len(plans)].append({"secret": caller.secret, "path": path, "body": body})
        for racer, plan in zip(racers, plans, strict=True):
            _tell(racer, json.dumps(plan))
        assert [_hear(racer) for racer in racers] == ["ready\n"] * len(racers)
        for racer in racers:
            _tell(racer, "go")
        told = [json.loads(_hear(racer)) for racer in racers]
        everything_adds_up()
        assert list(verify_all()) == []
        return Counter((status, code) for answers in told for status, code in answers)

    def end(self) -> None:
        for racer in self._racers:
            racer.kill()
            racer.communicate()


@pytest.fixture(scope="module")
def racers(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Racers]:
    folder = tmp_path_factory.mktemp("racers")
    started = Racers(folder)
    yield started
    started.end()


def _tell(racer: "subprocess.Popen[str]", line: str) -> None:
    assert racer.stdin
    racer.stdin.write(f"{line}\n")
    racer.stdin.flush()


def _hear(racer: "subprocess.Popen[str]") -> str:
    assert racer.stdout
    return racer.stdout.readline()


@pytest.mark.parametrize(("fee", "accepted"), [(1, 4), (0, 5)])
def test_r1_ten_orders_of_200_are_accepted_as_far_as_1000_reach(
    world: World, racers: Racers, fee: int, accepted: int
) -> None:
    world.root.post("exchanges", {"name": "race", "trading_fee": fee})
    made = world.nobody.post("agents", {"name": "alice", "exchange": "race"})
    alice, market = Caller(made["api_key"], made["id"]), world.market(exchange="race")
    body = alice.order(market, "YES", 400, 0.50)
    told = racers.at_once([(alice, "orders", body)] * 10)
    assert told == {(200, ""): accepted, (422, "insufficient_cash"): 10 - accepted}
    assert alice.me["locked_balance"] == 200 * accepted
    assert alice.me["locked_fees"] == 2 * fee * accepted


def test_r2_five_transfers_of_everything_create_nothing(world: World, racers: Racers) -> None:
    alice, others = world["alice"], [world[name] for name in ("bob", "carol", "dave", "erin", "finn")]
    path = f"agents/{alice.id}/transfer"
    told = racers.at_once([(alice, path, {"to_agent_id": other.id, "amount": 1000}) for other in others])
    assert told == {(200, ""): 1, (422, "insufficient_cash"): 4}
    assert sum(other.me["balance"] for other in (alice, *others)) == 6000


def test_r2_five_draws_give_no_more_than_the_faucet_holds(world: World, racers: Racers) -> None:
    world.root.post("exchanges", {"name": "practice", "faucet_limit": 300})
    made = world.nobody.post("agents", {"name": "alice", "exchange": "practice"})
    alice = Caller(made["api_key"], made["id"])
    told = racers.at_once([(alice, f"agents/{alice.id}/faucet", {"amount": 100})] * 5)
    assert told == {(200, ""): 3, (422, "faucet_empty"): 2}
    rows = alice.get(f"agents/{alice.id}/statement?kind=faucet")["results"]
    assert (len(rows), alice.me["balance"]) == (3, 1300)


def test_r3_four_approvals_place_one_order(world: World, racers: Racers) -> None:
    market = world.market()
    made = world.root.post("agents", {"name": "careful"})
    agent = Caller(made["api_key"], made["id"])
    agent.call("patch", f"agents/{agent.id}", {"trading_mode": "manual"})
    world["bob"].place(market, "NO", 1000, 0.50)
    waiting = agent.place(market, "YES", 100, 0.50)["id"]
    told = racers.at_once([(world.root, f"orders/{waiting}/approve", {})] * 4)
    refused = {key: count for key, count in told.items() if key[0] != 200}
    assert told[200, ""] == 1
    assert sum(refused.values()) == 3
    assert {code for _, code in refused} <= {"order_not_open", "not_waiting"}
    assert agent.holds(market) == (100, 0)
    assert Trade.objects.aggregate(Sum("size"))["size__sum"] == 100


def test_r5_no_order_stays_on_a_market_that_is_resolved_meanwhile(world: World, racers: Racers) -> None:
    market = world.market()
    people = [world[name] for name in ("alice", "bob", "carol", "dave")]
    orders: list[Call] = [(one, "orders", one.order(market, "YES", 10, 0.50)) for one in people]
    resolution = {"outcome": "YES", "evidence": "It was seen.", "early": True}
    told = racers.at_once([*orders, (world.root, f"markets/{market}/resolve", resolution), *orders])
    assert set(told) <= {(200, ""), (409, "market_resolved")}
    assert not Order.objects.filter(status__in=("open", "partially_filled")).exists()
    assert [one.me["available"] for one in people] == [1000] * 4


def test_r6_three_resolutions_pay_once(world: World, racers: Racers) -> None:
    market = world.market()
    world["alice"].place(market, "YES", 100, 0.60)
    world["bob"].place(market, "NO", 100, 0.40)
    calls: list[Call] = [
        (world.root, f"markets/{market}/resolve", {"outcome": outcome, "evidence": "Seen.", "early": True})
        for outcome in ("YES", "NO", "YES")
    ]
    assert racers.at_once(calls) == {(200, ""): 1, (409, "market_resolved"): 2}
    paid = sum(
        row["amount"]
        for name in ("alice", "bob")
        for row in world[name].get(f"agents/{world[name].id}/statement?kind=payout")["results"]
    )
    assert paid in {Decimal("99.20"), Decimal("98.80")}


def test_r7_first_fills_at_one_moment_make_one_position(world: World, racers: Racers) -> None:
    market = world.market()
    alice = world["alice"]
    world["bob"].place(market, "NO", 100, 0.50)
    told = racers.at_once([(alice, "orders", alice.order(market, "YES", 10, 0.50))] * 6)
    assert told == {(200, ""): 6}
    held = Position.objects.filter(agent=int(alice.id.rpartition("-")[2]))
    assert [row.yes for row in held] == [60]
    assert not Agent.objects.filter(balance__lt=F("locked") + F("fees_locked")).exists()
