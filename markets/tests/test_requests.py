"""What comes in as JSON becomes a command in integers, or is refused by naming the field."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.clock import SECOND, parse_time
from common.errors import DomainError, InvalidInput
from markets import requests
from markets.domain import SESSIONS
from markets.engine import commands as c
from markets.engine.events import Bounds
from markets.engine.state import SessionState
from markets.tests.driver import OLIVIA, STREAM, T0


class Scale(NamedTuple):
    legs: tuple[str, ...] = ("AAPL", "NVDA")
    quantity_decimals: int = 4
    price_decimals: int = 2


SCALE = Scale()
SESSION = {"session_id": "demo", "legs": ["AAPL", "NVDA"], "q": [100, 60]}
ORDER = {"participant_id": "alice", "asset": "AAPL", "side": "buy", "quantity": 10, "price": 150}
RFQ = {"participant_id": "alice", "leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 10}
QUOTE = {"participant_id": "bob", "rate": "0.62"}


def refusal(parse: Callable[[], object]) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse()
    assert caught.value.code == "invalid_input"
    assert caught.value.detail.endswith(".")
    return caught.value


# Orders


def test_an_order_of_the_seed_becomes_units_at_the_session_s_scale() -> None:
    text = (
        '{"participant_id": "alice", "asset": "AAPL", "side": "buy", "order_type": "limit", '
        '"quantity": 10, "price": 150.00}'
    )
    body = json.loads(text, parse_float=Decimal)
    assert requests.place_order(SCALE, body) == c.PlaceOrder(
        participant="alice", asset="AAPL", is_buy=True, quantity=100_000, price=15_000
    )


def test_numbers_may_be_text_and_null_counts_as_absent() -> None:
    command = requests.place_order(SCALE, {**ORDER, "quantity": "0.5", "price": "150.5", "client_order_id": None})
    assert (command.quantity, command.price, command.client_order_id) == (5_000, 15_050, "")


def test_every_field_of_an_order_is_taken() -> None:
    command = requests.place_order(
        SCALE,
        {
            **ORDER,
            "side": "sell",
            "quote_asset": "NVDA",
            "time_in_force": "gtd",
            "expires_at": "2030-01-01T00:00:00Z",
            "post_only": True,
            "client_order_id": "mine-1",
        },
    )
    assert command == c.PlaceOrder(
        participant="alice",
        asset="AAPL",
        quote_asset="NVDA",
        is_buy=False,
        quantity=100_000,
        price=15_000,
        time_in_force="gtd",
        expires_at=parse_time("2030-01-01T00:00:00Z", ""),
        post_only=True,
        client_order_id="mine-1",
    )


BAD_NUMBERS: tuple[object, ...] = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    True,
    False,
    1.5,
    "",
    "ten",
    "-1",
    -1,
    0,
    "0",
    [],
    {},
    "١",
)


@pytest.mark.parametrize("value", [*BAD_NUMBERS, "0.00001", "9223372036854775808", None])
def test_a_bad_quantity_is_refused(value: object) -> None:
    assert refusal(lambda: requests.place_order(SCALE, {**ORDER, "quantity": value})).field == "quantity"


@pytest.mark.parametrize("value", [*BAD_NUMBERS, "0.001", "92233720368547758.08"])
def test_a_bad_price_is_refused(value: object) -> None:
    assert refusal(lambda: requests.place_order(SCALE, {**ORDER, "price": value})).field == "price"


def test_five_decimals_where_four_are_allowed_are_refused_in_a_sentence() -> None:
    refused = refusal(lambda: requests.place_order(SCALE, {**ORDER, "quantity": "0.12345"}))
    assert refused.detail == "quantity may have at most 4 decimals."


_ODD = st.sampled_from([None, "", "AAPL", "buy", "sell", "limit", "ioc", "x" * 65, "x" * 2001, "\x00", "\ud800", "é"])
_VALUES = _ODD | st.sampled_from([1, 0, -1, "1.5", "1.23456", True, 1.5, [], {}, "2026-01-31T09:00:00Z"])
_NAMES = [
    "participant_id",
    "asset",
    "side",
    "quantity",
    "quote_asset",
    "order_type",
    "price",
    "time_in_force",
    "expires_at",
    "post_only",
    "client_order_id",
    "surprise",
]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=3))
def test_an_order_read_at_once_is_the_order_read_field_by_field(odd: dict[str, Any]) -> None:
    body = {"participant_id": "a", "asset": "AAPL", "side": "buy", "quantity": "1", "price": "2", **odd}
    assert _outcome(requests.place_order, body) == _outcome(requests._order_by_fields, body)


def _outcome(read: Callable[[Any, object], object], body: object) -> object:
    try:
        return read(SCALE, body)
    except InvalidInput as refusal:
        return (refusal.field, refusal.detail)


def test_a_limit_order_without_a_price_is_refused() -> None:
    for price in ({}, {"price": None}):
        body = {key: value for key, value in ORDER.items() if key != "price"} | price
        refused = refusal(lambda body=body: requests.place_order(SCALE, body))  # type: ignore[misc]
        assert (refused.field, refused.detail) == ("price", "A limit order needs a price.")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("participant_id", None),
        ("participant_id", 5),
        ("participant_id", ["alice"]),
        ("participant_id", "a\x00"),
        ("participant_id", "\ud800"),
        ("asset", None),
        ("asset", {"$ne": 1}),
        ("side", None),
        ("side", "BUY"),
        ("side", "hold"),
        ("order_type", "stop"),
        ("time_in_force", "day"),
        ("expires_at", "soon"),
        ("expires_at", 5),
        ("post_only", "true"),
        ("post_only", 1),
        ("client_order_id", "x" * 65),
        ("client_order_id", "a\nb"),
        ("client_order_id", "a\x00"),
        ("client_order_id", "\ud83d"),
        ("client_order_id", 7),
        ("quote_asset", 7),
        ("stop_price", 7),
        ("seq", 1),
    ],
)
def test_a_malformed_field_of_an_order_is_refused_by_its_name(field: str, value: object) -> None:
    assert refusal(lambda: requests.place_order(SCALE, {**ORDER, field: value})).field == field


def test_a_refused_choice_names_the_ones_there_are() -> None:
    assert "buy, sell" in refusal(lambda: requests.place_order(SCALE, {**ORDER, "side": "BUY"})).detail


@pytest.mark.parametrize("body", [None, [], "order", 5, True])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    parsers: list[Callable[[], object]] = [
        lambda: requests.create_session(body),
        lambda: requests.place_order(SCALE, body),
        lambda: requests.replace_order(SCALE, 1, body),
        lambda: requests.request_quote(SCALE, body),
        lambda: requests.provide_quote(1, body),
        lambda: requests.assign_allocations(SCALE, body),
    ]
    for parse in parsers:
        assert refusal(parse).field == "body"


# Replacing


def test_a_replacement_takes_a_new_total_a_new_price_or_both() -> None:
    assert requests.replace_order(SCALE, 7, {"quantity": "1.5"}) == c.ReplaceOrder(order=7, quantity=15_000)
    assert requests.replace_order(SCALE, 7, {"price": "1.5"}) == c.ReplaceOrder(order=7, price=150)
    assert refusal(lambda: requests.replace_order(SCALE, 7, {})).field == "quantity"


@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_a_replacement_s_bad_numbers_are_refused(value: object) -> None:
    for field in ("quantity", "price"):
        assert refusal(lambda field=field: requests.replace_order(SCALE, 7, {field: value})).field == field  # type: ignore[misc]


def test_a_replacement_changes_nothing_else() -> None:
    assert refusal(lambda: requests.replace_order(SCALE, 7, {"price": 1, "side": "buy"})).field == "side"


# RFQs


def test_an_rfq_and_a_quote_become_units() -> None:
    assert requests.request_quote(SCALE, {**RFQ, "expires_in": 30}) == c.RequestQuote(
        participant="alice", leg_from="AAPL", leg_to="NVDA", amount_from=100_000, expires_in=30
    )
    assert requests.provide_quote(7, {**QUOTE, "firm": True}) == c.ProvideQuote(
        rfq=7, participant="bob", rate=62_000_000, firm=True
    )


@pytest.mark.parametrize("value", [*BAD_NUMBERS, None])
def test_a_bad_amount_or_rate_is_refused(value: object) -> None:
    assert refusal(lambda: requests.request_quote(SCALE, {**RFQ, "amount_from": value})).field == "amount_from"
    assert refusal(lambda: requests.provide_quote(7, {**QUOTE, "rate": value})).field == "rate"


def test_a_rate_has_at_most_eight_decimals() -> None:
    assert requests.provide_quote(7, {**QUOTE, "rate": "0.00000001"}).rate == 1
    refused = refusal(lambda: requests.provide_quote(7, {**QUOTE, "rate": "0.000000001"}))
    assert refused.detail == "rate may have at most 8 decimals."


@pytest.mark.parametrize("value", [0, -1, "1.5", True, "1e400", "9223372036854775807"])
def test_expires_in_is_a_number_of_whole_seconds(value: object) -> None:
    assert refusal(lambda: requests.request_quote(SCALE, {**RFQ, "expires_in": value})).field == "expires_in"
    assert refusal(lambda: requests.provide_quote(7, {**QUOTE, "expires_in": value})).field == "expires_in"


# Sessions


def test_the_seed_s_session_gets_the_defaults() -> None:
    command = requests.create_session({**SESSION, "start_mode": "immediate", "end_mode": "manual"})
    assert command == c.CreateSession(
        session_id="demo",
        legs=("AAPL", "NVDA"),
        q=(1_000_000, 600_000),
        cash_per_participant=100_000 * 10**8,
        fixing_max_age=60 * SECOND,
    )


def test_a_session_ends_at_a_time_if_it_names_one() -> None:
    assert requests.create_session({**SESSION, "duration_minutes": 10}).end_mode == "timed"
    timed = requests.create_session({**SESSION, "t2": "2030-01-01T00:00:00Z"})
    assert (timed.end_mode, timed.t2) == ("timed", parse_time("2030-01-01T00:00:00Z", ""))


def test_a_session_of_no_minutes_is_not_one_without_an_end() -> None:
    with pytest.raises(InvalidInput, match="at least 1"):
        requests.create_session({**SESSION, "duration_minutes": 0})


def test_every_field_of_a_session_is_taken() -> None:
    command = requests.create_session(
        {
            **SESSION,
            "quantity_decimals": 2,
            "price_decimals": 3,
            "cash_per_participant": "10.00001",
            "start_mode": "scheduled",
            "t1": "2030-01-01T00:00:00Z",
            "duration_minutes": 10,
            "feed": "prices",
            "fixing": "twap",
            "fixing_window": 30,
            "fixing_max_age": 5,
            "self_trade_prevention": "cancel_both",
            "bounds": {"min_quantity": "0.5", "max_quantity": 9, "price_band_percent": "12.5", "max_open_orders": 3},
            "leg_lot": "0.1",
            "leg_tick": "0.1",
            "participants": [{"participant_id": "alice", "user": "u1", "allocations": {"AAPL": "1.5"}}],
        }
    )
    assert (command.q, command.cash_per_participant) == ((10_000, 6_000), 1_000_001)
    assert (command.fixing_window, command.fixing_max_age) == (30 * SECOND, 5 * SECOND)
    assert command.bounds == Bounds(50, 900, 1_250, 3)
    assert (command.lot, command.tick, command.duration) == (10, 100, 600 * SECOND)
    assert command.participants == (c.Admission(participant="alice", user="u1", amounts={"AAPL": 150}),)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("session_id", None, "session_id"),
        ("session_id", 5, "session_id"),
        ("legs", None, "legs"),
        ("legs", [], "legs"),
        ("legs", "AAPL", "legs"),
        ("legs", ["AAPL", 5], "legs"),
        ("legs", {"AAPL": 1}, "legs"),
        ("q", "100", "q"),
        ("q", {"AAPL": 1}, "q"),
        ("q", [100, "NaN"], "q.1"),
        ("q", [True, 60], "q.0"),
        ("q", [100, "1e400"], "q.1"),
        ("q", [100, -60], "q.1"),
        ("q", ["1.00001", 60], "q.0"),
        ("q", [None, 60], "q.0"),
        ("quantity_decimals", 7, "quantity_decimals"),
        ("quantity_decimals", "1.5", "quantity_decimals"),
        ("price_decimals", 7, "price_decimals"),
        ("price_decimals", -1, "price_decimals"),
        ("price_decimals", True, "price_decimals"),
        ("cash_per_participant", -1, "cash_per_participant"),
        ("cash_per_participant", "1e400", "cash_per_participant"),
        ("cash_per_participant", "0.000000001", "cash_per_participant"),
        ("start_mode", "soon", "start_mode"),
        ("end_mode", "never", "end_mode"),
        ("t1", 5, "t1"),
        ("t2", "tomorrow", "t2"),
        ("t2", "9999-12-31T23:59:59-01:00", "t2"),
        ("duration_minutes", "1.5", "duration_minutes"),
        ("duration_minutes", -1, "duration_minutes"),
        ("fixing", "best", "fixing"),
        ("fixing_window", -1, "fixing_window"),
        ("self_trade_prevention", "allow", "self_trade_prevention"),
        ("bounds", [], "bounds"),
        ("bounds", {"min_quantity": -1}, "bounds.min_quantity"),
        ("bounds", {"price_band_percent": "0.001"}, "bounds.price_band_percent"),
        ("bounds", {"colour": 1}, "bounds.colour"),
        ("leg_lot", "NaN", "leg_lot"),
        ("participants", {"alice": {}}, "participants"),
        ("participants", ["alice"], "participants.0"),
        ("participants", [{"participant_id": "alice"}], "participants.0.user"),
        ("participants", [{"user": "u"}], "participants.0.participant_id"),
        (
            "participants",
            [{"participant_id": "a", "user": "u", "allocations": {"AAPL": True}}],
            "participants.0.allocations.AAPL",
        ),
        ("participants", [{"participant_id": "a", "user": "u", "allocations": [1]}], "participants.0.allocations"),
        ("participants", [{"participant_id": "a", "user": "u", "allocations": []}], "participants.0.allocations"),
        ("participants", [{"participant_id": "a", "user": "u", "role": "x"}], "participants.0.role"),
        ("colour", "red", "colour"),
    ],
)
def test_a_malformed_field_of_a_session_is_refused_by_its_name(field: str, value: object, named: str) -> None:
    assert refusal(lambda: requests.create_session({**SESSION, field: value})).field == named


def test_a_leg_that_is_there_twice_and_a_q_of_another_length_are_refused_by_the_engine() -> None:
    for body, field in (({"legs": ["AAPL", "AAPL"]}, "legs"), ({"q": [100]}, "q"), ({"q": [100, 0]}, "q")):
        command = requests.create_session({**SESSION, **body})
        with pytest.raises(DomainError) as caught:
            SESSIONS.decide(SessionState(STREAM), command, OLIVIA, T0)
        assert (caught.value.code, caught.value.field) == ("invalid_session", field)


# Allocations


@pytest.mark.parametrize("body", [{}, {"allocations": None}, {"allocations": {}}])
def test_an_empty_body_asks_for_an_equal_split(body: dict[str, Any]) -> None:
    assert requests.assign_allocations(SCALE, body) == c.AssignAllocations()


def test_custom_allocations_become_units() -> None:
    body = {"allocations": {"alice": {"AAPL": "1.5", "NVDA": 0}, "bob": {}}}
    assert requests.assign_allocations(SCALE, body).allocations == {"alice": {"AAPL": 15_000, "NVDA": 0}, "bob": {}}


@pytest.mark.parametrize(
    ("allocations", "named"),
    [
        ([], "allocations"),
        (0, "allocations"),
        (False, "allocations"),
        ("", "allocations"),
        ("alice", "allocations"),
        ({"\ud800": {}}, "allocations"),
        ({"alice": 5}, "allocations.alice"),
        ({"alice": [5]}, "allocations.alice"),
        ({"alice": {"AAPL": None}}, "allocations.alice.AAPL"),
        ({"alice": {"AAPL": True}}, "allocations.alice.AAPL"),
        ({"alice": {"AAPL": "NaN"}}, "allocations.alice.AAPL"),
        ({"alice": {"AAPL": "-1"}}, "allocations.alice.AAPL"),
        ({"alice": {"AAPL": "0.00001"}}, "allocations.alice.AAPL"),
    ],
)
def test_malformed_allocations_are_refused_and_never_taken_for_an_equal_split(
    allocations: object, named: str
) -> None:
    assert refusal(lambda: requests.assign_allocations(SCALE, {"allocations": allocations})).field == named
