"""What a session may be created with: every bad input is refused by naming its field."""

from typing import Any

import pytest

from common.clock import SECOND
from common.errors import DomainError
from common.money import LIMIT
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine.events import Bounds
from markets.engine.state import SessionState
from markets.tests.driver import MINUTE, OLIVIA, STREAM, T0, Market, names, user


def refusal(**terms: Any) -> DomainError:
    plain = {"session_id": "demo", "legs": ("AAPL", "NVDA"), "q": (100, 60)}
    with pytest.raises(DomainError) as caught:
        SESSIONS.decide(SessionState(STREAM), c.CreateSession(**{**plain, **terms}), OLIVIA, T0)
    return caught.value


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "a/b", "ä", "a\n", "a\x00", "demo\n", ".", ".."])
def test_a_session_id_that_is_no_plain_name_is_refused(name: str) -> None:
    assert (refusal(session_id=name).code, refusal(session_id=name).field) == ("invalid_session", "session_id")


@pytest.mark.parametrize(
    "legs",
    [
        (),
        ("A" * 33,),
        ("",),
        (" GOLD",),
        ("GOLD ",),
        ("A/B",),
        ("A\n",),
        ("ÄÖ",),
        ("CASH",),
        ("cash",),
        (".",),
        ("..",),
        ("Treasury",),
        tuple(f"L{number}" for number in range(65)),
    ],
)
def test_legs_that_are_no_names_are_refused(legs: tuple[str, ...]) -> None:
    refused = refusal(legs=legs, q=())
    assert (refused.code, refused.field) == ("invalid_session", "legs")


def test_the_same_leg_twice_is_refused_by_its_name() -> None:
    refused = refusal(legs=("AAPL", "NVDA", "AAPL"), q=(1, 2, 3))
    assert (refused.field, "'AAPL'" in refused.detail) == ("legs", True)


def test_a_leg_may_have_spaces_dots_and_dashes_inside() -> None:
    market = Market(legs=("GOLD 3m", "BRK.B", "a-b_c", "9" * 32), q=(1, 2, 3, 4), people=(), split=False)
    assert market.treasury() == (1, 2, 3, 4, 0)


@pytest.mark.parametrize("q", [(100,), (100, 60, 80), (100, 0), (0, 60), (-1, 60), (100, -60), (100, LIMIT)])
def test_a_basket_of_another_length_or_with_quantities_that_are_not_positive_is_refused(q: tuple[int, ...]) -> None:
    refused = refusal(q=q)
    assert (refused.code, refused.field) == ("invalid_session", "q")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"start_mode": "soon"}, "start_mode"),
        ({"end_mode": "never"}, "end_mode"),
        ({"start_mode": "scheduled"}, "t1"),
        ({"start_mode": "manual", "t1": T0 + MINUTE}, "t1"),
        ({"t1": T0 + MINUTE}, "t1"),
        ({"duration": MINUTE}, "end_mode"),
        ({"t2": T0 + MINUTE}, "end_mode"),
        ({"end_mode": "timed"}, "t2"),
        ({"end_mode": "timed", "t2": T0 + MINUTE, "duration": MINUTE}, "t2"),
        ({"end_mode": "timed", "t2": T0}, "t2"),
        ({"end_mode": "timed", "t2": T0 - 1}, "t2"),
        ({"end_mode": "timed", "t2": -1}, "t2"),
        ({"end_mode": "timed", "duration": -1}, "duration_minutes"),
        ({"end_mode": "timed", "duration": LIMIT}, "duration_minutes"),
        ({"end_mode": "timed", "duration": 10_000 * 366 * 24 * 60 * MINUTE}, "duration_minutes"),
        ({"end_mode": "timed", "start_mode": "scheduled", "t1": T0 + 9, "t2": T0 + 9}, "t2"),
        ({"end_mode": "timed", "start_mode": "scheduled", "t1": T0 - 9, "duration": MINUTE}, "t1"),
        ({"start_mode": "scheduled", "t1": T0}, "t1"),
        ({"quantity_decimals": -1}, "quantity_decimals"),
        ({"quantity_decimals": 7}, "quantity_decimals"),
        ({"price_decimals": 7}, "price_decimals"),
        ({"price_decimals": -1}, "price_decimals"),
        ({"cash_per_participant": -1}, "cash_per_participant"),
        ({"cash_per_participant": LIMIT}, "cash_per_participant"),
        ({"fixing": "best"}, "fixing"),
        ({"fixing": "twap"}, "fixing_window"),
        ({"fixing": "median"}, "fixing_window"),
        ({"fixing": "last", "fixing_window": SECOND}, "fixing_window"),
        ({"fixing": "twap", "fixing_window": -SECOND}, "fixing_window"),
        ({"fixing": "last", "fixing_window": -SECOND}, "fixing_window"),
        ({"fixing": "twap", "fixing_window": LIMIT}, "fixing_window"),
        ({"fixing_max_age": 0}, "fixing_max_age"),
        ({"fixing_max_age": LIMIT}, "fixing_max_age"),
        ({"self_trade_prevention": "allow"}, "self_trade_prevention"),
        ({"bounds": Bounds(min_quantity=-1)}, "bounds"),
        ({"bounds": Bounds(min_quantity=5, max_quantity=4)}, "bounds.max_quantity"),
        ({"bounds": Bounds(price_band=-1)}, "bounds"),
        ({"bounds": Bounds(max_open_orders=-1)}, "bounds"),
        ({"lot": -1}, "leg_lot"),
        ({"lot": LIMIT, "tick": 1}, "leg_lot"),
        ({"lot": 10, "tick": 100}, "leg_lot"),
        ({"lot": 10}, "leg_lot"),
    ],
)
def test_terms_that_make_no_sense_are_refused_by_naming_the_field(terms: dict[str, Any], field: str) -> None:
    refused = refusal(**terms)
    assert (refused.code, refused.field) == ("invalid_session", field)


def test_the_treasury_holds_the_whole_basket_from_the_first_event_on() -> None:
    market = Market(people=(), split=False)
    assert names([event for _, event in market.log]) == ["SessionCreated", "SessionStarted"]
    assert market.treasury() == (120, 60, 0)
    assert market.state.facts.status == "active"


def test_participants_named_at_creation_join_in_order_with_their_cash_and_allocations() -> None:
    alice = c.Admission(participant="alice", user="user-alice", amounts={"AAPL": 70, "NVDA": 10})
    bob = c.Admission(participant="bob", user="user-bob", amounts={"NVDA": 20})
    carol = c.Admission(participant="carol", user="user-carol")
    market = Market(participants=(alice, bob, carol), split=False)
    assert [person.handle for person in market.state.members()] == ["alice", "bob", "carol"]
    assert market.owns("alice") == (70, 10, 100_000)
    assert market.owns("bob") == (0, 20, 100_000)
    assert market.owns("carol") == (0, 0, 100_000)
    assert market.treasury() == (50, 30, 0)
    assert market.state.facts.cash_issued == 300_000


def test_one_bad_admission_refuses_the_whole_creation() -> None:
    alice = c.Admission(participant="alice", user="user-alice", amounts={"AAPL": 101})
    assert refusal(participants=(alice,)).code == "treasury_short"
    twice = tuple(c.Admission(participant=handle, user="user-alice") for handle in ("alice", "alicia"))
    assert refusal(participants=twice).code == "already_joined"


def test_a_session_is_created_only_once() -> None:
    market = Market()
    again = c.CreateSession(session_id="demo", legs=("AAPL",), q=(1,))
    assert market.refuse(again).code == "session_exists"


def test_nothing_can_be_done_before_the_creation() -> None:
    with pytest.raises(DomainError) as caught:
        SESSIONS.decide(SessionState(STREAM), c.StartSession(), OLIVIA, T0)
    assert caught.value.code == "not_found"


def test_six_decimals_of_both_still_give_exact_cash() -> None:
    market = Market(
        people=("alice", "bob"),
        q=(2_000_000, 2_000_000),
        quantity_decimals=6,
        price_decimals=6,
        cash_per_participant=10**15,
    )
    market.place("alice", "sell", 1, 1)
    market.place("bob", "buy", 1, 1)
    assert market.owns("bob") == (1_000_001, 1_000_000, 10**15 - 1)


def test_the_default_grid_of_leg_books_multiplies_to_a_whole_unit() -> None:
    for quantity_decimals in range(7):
        for price_decimals in range(7):
            market = Market(people=(), quantity_decimals=quantity_decimals, price_decimals=price_decimals)
            facts = market.state.facts
            assert facts.lot * facts.tick % 10**price_decimals == 0
            assert facts.lot <= 10**quantity_decimals


def test_a_user_s_opaque_id_must_fit_its_column() -> None:
    long = c.Admission(participant="alice", user="u" * 65)
    assert refusal(participants=(long,)).code == "invalid_user"
    assert refusal(participants=(c.Admission(participant="alice", user=""),)).code == "invalid_user"
    assert Market().refuse(c.JoinSession(participant="dave", user="u" * 65)).code == "invalid_user"


def test_only_what_was_said_about_start_and_end_is_kept() -> None:
    market = Market(start_mode="manual", end_mode="timed", duration=5 * MINUTE)
    assert (market.state.facts.status, market.state.facts.t2) == ("created", 0)
    market.do(c.StartSession(), OLIVIA)
    assert (market.state.facts.t1, market.state.facts.t2) == (T0, T0 + 5 * MINUTE)
    assert market.refuse(c.StartSession(), user("alice")).code == "session_active"
