"""Order entry at the door: 429 with the time to wait, what is left in the headers, the numbers at an address."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from accounts import throttle
from accounts.facade import User
from common.errors import Throttled
from ledger.runtime import runtime
from markets import limits, queries, verification
from markets.api.limits import ENDPOINTS
from markets.api.tests.conftest import SESSION, Caller, Hire
from markets.engine.events import Bounds

PASSWORD = "a long enough one"
ORDER = {"asset": "AAPL", "side": "sell", "quantity": "1", "price": "10"}


@pytest.fixture
def floor(organiser: Caller, hire: Hire) -> Iterator[tuple[Caller, Any]]:
    """alice in a session of 5 orders at once and one a second, and a clock that stands."""
    terms = {**SESSION, "session_id": "slow", "bounds": {"orders_per_second": 1, "order_burst": 5}}
    assert organiser.post("sessions", terms).status_code == 201
    alice = hire("alice")
    assert alice.post("sessions/slow/participants", {"participant_id": "alice"}).status_code == 201
    assert organiser.post("sessions/slow/allocations").status_code == 200
    clock, now = runtime.clock, [runtime.clock()]
    runtime.clock = lambda: now[0]
    yield alice, now
    runtime.clock = clock


def test_the_sixth_order_at_once_is_429_and_one_more_is_taken_after_the_time_it_names(
    floor: tuple[Caller, list[int]],
) -> None:
    alice, now = floor
    answers = [alice.post("sessions/slow/orders", ORDER) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert [answer["RateLimit"] for answer in answers] == [f'"orders";r={left}' for left in (4, 3, 2, 1, 0, 0)]
    assert answers[0]["RateLimit-Policy"] == '"orders";q=5;w=5'
    assert answers[5]["Retry-After"] == "1"
    assert answers[5].json()["code"] == "throttled"
    now[0] += 999_999
    assert alice.post("sessions/slow/orders", ORDER).status_code == 429
    now[0] += 1
    assert alice.post("sessions/slow/orders", ORDER).status_code == 201
    assert alice.post("sessions/slow/orders", ORDER).status_code == 429


def test_cancels_have_a_bucket_of_their_own(floor: tuple[Caller, list[int]]) -> None:
    alice, _ = floor
    placed = [alice.post("sessions/slow/orders", ORDER).json()["order_id"] for _ in range(5)]
    assert alice.post("sessions/slow/orders", ORDER).status_code == 429
    answers = [alice.delete(f"orders/{order}") for order in placed]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert answers[-1]["RateLimit"] == '"cancels";r=5'


def test_refusals_cost_as_much_and_repeats_nothing(floor: tuple[Caller, list[int]]) -> None:
    alice, _ = floor
    first = alice.post("sessions/slow/orders", ORDER, Idempotency_Key="once")
    again = [alice.post("sessions/slow/orders", ORDER, Idempotency_Key="once") for _ in range(9)]
    assert {answer.json()["order_id"] for answer in again} == {first.json()["order_id"]}
    for _ in range(4):
        assert alice.post("sessions/slow/orders", {**ORDER, "quantity": "1000"}).status_code == 422
    assert alice.post("sessions/slow/orders", ORDER).status_code == 429


def test_a_bulk_is_taken_whole_or_not_at_all(floor: tuple[Caller, list[int]]) -> None:
    alice, now = floor
    assert alice.post("sessions/slow/orders/bulk", {"orders": [ORDER] * 6}).status_code == 422
    assert alice.post("sessions/slow/orders/bulk", {"orders": [ORDER] * 3}).status_code == 200
    refused = alice.post("sessions/slow/orders/bulk", {"orders": [ORDER] * 3}, Idempotency_Key="later")
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert len(alice.get("sessions/slow/orders").json()["results"]) == 3
    now[0] += 1_000_000
    taken = alice.post("sessions/slow/orders/bulk", {"orders": [ORDER] * 3}, Idempotency_Key="later")
    assert [entry["error"] for entry in taken.json()["results"]] == [None] * 3


def test_nobody_empties_anothers_bucket(floor: tuple[Caller, list[int]], hire: Hire) -> None:
    alice, _ = floor
    mallory = hire("mallory")
    assert mallory.post("sessions/slow/participants", {"participant_id": "mallory"}).status_code == 201
    for _ in range(6):
        assert mallory.post("sessions/slow/orders", {**ORDER, "participant_id": "alice"}).status_code in {403, 429}
    assert alice.post("sessions/slow/orders", ORDER).status_code == 201


def test_a_clock_that_goes_back_a_day_stops_nobody_for_a_day(floor: tuple[Caller, list[int]]) -> None:
    alice, now = floor
    for _ in range(5):
        assert alice.post("sessions/slow/orders", ORDER).status_code == 201
    now[0] -= 86_400_000_000
    assert alice.post("sessions/slow/orders", ORDER).status_code == 201


def test_the_limits_have_an_address_that_tells_what_is_left(floor: tuple[Caller, list[int]]) -> None:
    alice, _ = floor
    alice.post("sessions/slow/orders", ORDER)
    here = alice.get("limits?session_id=slow").json()
    assert here["order_entry"]["orders"] == {"per_second": 1, "burst": 5, "left": 4}
    assert here["order_entry"]["cancels"] == {"per_second": 2, "burst": 10, "left": 10}
    anywhere = alice.get("limits").json()
    assert anywhere["order_entry"]["orders"] == {"per_second": 100, "burst": 1000, "left": None}
    assert alice.get("limits?session_id=nowhere").status_code == 404


def test_every_cost_is_published() -> None:
    assert {command for _, _, command in ENDPOINTS} == set(limits.COSTS)


def test_an_installation_may_do_without(settings: Any) -> None:
    settings.ORDERS_PER_SECOND = 0
    assert limits.limits(Bounds()) == {}


def test_verify_is_answered_from_memory_until_something_happens(alice: Caller, monkeypatch: Any) -> None:
    folds, fold = list[UUID](), queries.verify

    def counted(stream: UUID) -> list[str]:
        folds.append(stream)
        return fold(stream)

    monkeypatch.setattr(queries, "verify", counted)
    monkeypatch.setattr(verification, "_KEPT_FOR", 10_000)
    answers = [alice.get("sessions/demo/verify").json() for _ in range(4)]
    assert all(answer == answers[0] for answer in answers)
    assert len(folds) == 1
    alice.post("sessions/demo/orders", ORDER)
    assert alice.get("sessions/demo/verify").json()["seq"] > answers[0]["seq"]
    assert len(folds) == 2


def test_nobody_may_verify_for_ever(alice: Caller, bob: Caller) -> None:
    answers = [alice.get("sessions/demo/verify") for _ in range(verification.VERIFY.burst + 1)]
    assert [answer.status_code for answer in answers] == [200] * verification.VERIFY.burst + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 6
    assert bob.get("sessions/demo/verify").status_code == 200


def test_wrong_passwords_block_pages_and_admin_alike(transactional_db: None) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    User.objects.create_user("other", password=PASSWORD)
    guesses = [
        Client().post("/sign-in", {"username": "root", "password": f"guess {number}"}).status_code
        for number in range(20)
    ]
    assert guesses == [422] * 20
    right = {"username": "root", "password": PASSWORD}
    for door in ("/sign-in", "/admin/login/?next=/admin/"):
        answer = Client().post(door, right)
        assert answer.status_code != 302
        assert b"Too many wrong passwords" in answer.content
    assert Client().post("/sign-in", {"username": "other", "password": PASSWORD}).status_code == 302


def test_an_allowance_comes_back_with_time(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now, rule = [1_000_000_000], throttle.Rule("tries", burst=3, per_minute=60)
    monkeypatch.setattr(throttle, "now_us", lambda: now[0])

    def tries(count: int) -> int:
        taken = 0
        for _ in range(count):
            with suppress(Throttled):
                throttle.take(rule, "ann")
                taken += 1
        return taken

    assert tries(5) == 3
    now[0] += 2_000_000
    assert tries(5) == 2
    now[0] -= 3_600_000_000
    assert tries(5) == 3, "a clock that was set back"
