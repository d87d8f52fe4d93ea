"""Settling by handlers: where the fixing comes from, when it waits, how repeats and corrections are answered."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from common.clock import SECOND, isoformat, now_us
from common.errors import DomainError, InvalidInput
from ledger.models import Event
from ledger.runtime import runtime
from markets import queries
from markets.handlers import prices, sessions
from markets.models import Settlement
from markets.queries import SessionInfo
from markets.tests.floor import OLIVIA, open_session, place, user
from oracle import facade as oracle
from oracle.tests.dial import Dial

pytestmark = pytest.mark.usefixtures("ledger")
ONE = 10_000
PRICES = {"AAPL": 200, "NVDA": "500.00"}


def refusal(session: SessionInfo, **terms: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        prices.settle_session(session.stream, terms.pop("actor", OLIVIA), **terms)
    return caught.value


def status() -> str:
    return queries.session("demo").status


@pytest.fixture
def dial(monkeypatch: pytest.MonkeyPatch) -> Dial:
    """The runtime's clock, turned by hand from now on."""
    dial = Dial(now_us())
    monkeypatch.setattr(runtime, "clock", dial)
    return dial


# Where the prices come from


def test_without_any_price_nothing_is_settled_and_a_sentence_says_why() -> None:
    session = open_session()
    refused = refusal(session)
    assert (refused.code, refused.detail) == ("fixing_unavailable", "No price has been published for this session.")
    assert status() == "active"


def test_pushed_prices_fix_the_session_with_the_ticks_named() -> None:
    session = open_session()
    tick = prices.push_prices(session, PRICES)
    prices.settle_session(session.stream, OLIVIA)
    settled = queries.settlement(session.stream)
    assert settled is not None
    fixing = settled.fixing
    assert (fixing.rule, fixing.tick_count, fixing.first_seq, fixing.last_seq) == ("last", 1, tick.seq, tick.seq)
    assert fixing.ticks == ((tick.seq, tick.published_at, (200 * ONE, 500 * ONE)),)
    assert settled.payouts == {"alice": 25_000 * ONE * ONE, "bob": 25_000 * ONE * ONE}


def test_typed_prices_fix_the_session_and_are_recorded_as_such() -> None:
    session = open_session()
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    settled = queries.settlement(session.stream)
    assert settled is not None
    assert (settled.fixing.rule, settled.fixing.prices) == ("manual", {"AAPL": 200 * ONE, "NVDA": 500 * ONE})
    assert (status(), queries.session("demo").settled_at) == ("settled", settled.at)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({}, "prices.AAPL"),
        ({"AAPL": 200}, "prices.NVDA"),
        ({"AAPL": 200, "NVDA": 0}, "prices.NVDA"),
        ({"AAPL": 200, "NVDA": -1}, "prices.NVDA"),
        ({"AAPL": "NaN", "NVDA": 1}, "prices.AAPL"),
        ({"AAPL": True, "NVDA": 1}, "prices.AAPL"),
        ({"AAPL": "1.00001", "NVDA": 1}, "prices.AAPL"),
        ({"AAPL": "1e400", "NVDA": 1}, "prices.AAPL"),
        ({"AAPL": 1, "NVDA": 1, "META": 1}, "prices.META"),
    ],
)
def test_bad_typed_prices_are_refused_by_naming_the_leg_and_the_session_stays_open(
    typed: dict[str, object], field: str
) -> None:
    session = open_session()
    refused = refusal(session, prices=typed)
    assert isinstance(refused, InvalidInput)
    assert refused.field == field
    assert status() == "active"


def test_typed_prices_close_and_pay_in_one_command_or_change_nothing() -> None:
    session = open_session()
    prices.push_prices(session, {"AAPL": 1, "NVDA": 1})
    number = place(session, "alice", "sell", 5, 150).number
    refused = refusal(session, prices={"AAPL": "900000000000", "NVDA": 1})
    assert (refused.code, status()) == ("too_large", "active")
    assert queries.order(session.stream, number).status == "open"
    outcome = prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    events = [type(item.event).__name__ for item in outcome.events]
    assert events == ["OrderExpired", "SessionClosed", "SessionSettled"]
    assert prices.settle_closed() == []
    settled = queries.settlement(session.stream)
    assert settled is not None
    assert settled.fixing.rule == "manual"


def test_the_command_settles_at_typed_prices_and_takes_none_of_two() -> None:
    open_session()
    with pytest.raises(CommandError, match="two prices for AAPL"):
        call_command("settle", "demo", price=["AAPL=1", "NVDA=2", "AAPL=3"])
    assert status() == "active"
    call_command("settle", "demo", price=["AAPL=1", "NVDA=2"], stdout=StringIO())
    assert status() == "settled"


def test_a_session_with_a_manual_fixing_waits_for_its_organiser() -> None:
    session = open_session(fixing="manual")
    prices.push_prices(session, PRICES)
    assert refusal(session).detail == "The organiser has not typed the fixing yet."
    prices.fix_prices(session.stream, PRICES, OLIVIA)
    prices.settle_session(session.stream, OLIVIA)
    settled = queries.settlement(session.stream)
    assert settled is not None
    assert settled.fixing.rule == "manual"


def test_a_shared_feed_with_fewer_decimals_fixes_exactly() -> None:
    oracle.create_feed(name="shared", mode="push", instruments=("META", "NVDA", "AAPL"), price_decimals=2)
    session = open_session(feed="shared")
    oracle.publish("shared", prices={"META": 1, "NVDA": "500.01", "AAPL": "200.99"})
    prices.settle_session(session.stream, OLIVIA)
    settled = queries.settlement(session.stream)
    assert settled is not None
    assert settled.fixing.prices == {"AAPL": 2_009_900, "NVDA": 5_000_100}
    assert (settled.fixing.feed, settled.fixing.feed_decimals) == ("shared", 2)


def test_a_price_from_before_the_session_never_fixes_it() -> None:
    oracle.create_feed(name="shared", mode="push", instruments=("NVDA", "AAPL"), price_decimals=2)
    oracle.publish("shared", prices=PRICES)
    session = open_session(feed="shared")
    assert refusal(session).code == "fixing_unavailable"
    oracle.publish("shared", prices=PRICES)
    prices.settle_session(session.stream, OLIVIA)


# Who, and when


@pytest.mark.parametrize("typed", [None, PRICES])
def test_nobody_but_the_organiser_settles_whatever_the_status(typed: dict[str, object] | None) -> None:
    session = open_session()
    assert refusal(session, actor=user("alice"), prices=typed).code == "not_organiser"
    sessions.close_session(session.stream, OLIVIA)
    assert refusal(session, actor=user("alice"), prices=typed).code == "not_organiser"
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    assert refusal(session, actor=user("alice"), prices=typed).code == "not_organiser"


@pytest.mark.parametrize("typed", [None, PRICES])
def test_a_session_that_is_not_running_is_refused_with_its_status(typed: dict[str, object] | None) -> None:
    session = open_session(start_mode="manual")
    assert refusal(session, prices=typed).code == "session_created"
    sessions.cancel_session(session.stream, OLIVIA, reason="rain")
    assert refusal(session, prices=typed).code == "session_cancelled"


def test_where_manual_settling_is_forbidden_a_timed_session_is_settled_only_after_its_end(
    settings: Settings, dial: Dial
) -> None:
    settings.ALLOW_MANUAL_SETTLE = False
    session = open_session(duration_minutes=10)
    refused = refusal(session, prices=PRICES)
    assert refused.code == "manual_settle_forbidden"
    assert isoformat(session.t2) in refused.detail
    with pytest.raises(DomainError) as caught:
        sessions.close_session(session.stream, OLIVIA)
    assert caught.value.code == "manual_settle_forbidden"
    assert status() == "active"
    dial.turn(seconds=600)
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    assert (status(), queries.session("demo").closed_at) == ("settled", session.t2)


def test_where_manual_settling_is_forbidden_a_session_without_an_end_is_still_settled_by_hand(
    settings: Settings,
) -> None:
    settings.ALLOW_MANUAL_SETTLE = False
    session = open_session()
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    assert status() == "settled"


def test_a_timed_session_that_nobody_advanced_is_settled_after_t2_with_its_nominal_close(dial: Dial) -> None:
    session = open_session(duration_minutes=10)
    number = place(session, "alice", "sell", 5, 150).number
    dial.turn(seconds=3600)
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    assert queries.session("demo").closed_at == session.t2
    row = queries.order(session.stream, number)
    assert (row.status, row.reason, row.reserved) == ("expired", "session_closed", 0)
    closed = Event.objects.get(stream_id=session.stream, type="SessionClosed")
    assert (closed.actor, closed.at) == ("clock", dial.now)


def test_advancing_writes_what_is_due_once(dial: Dial) -> None:
    session = open_session(start_mode="scheduled", t1=isoformat(dial.now + 5 * SECOND), duration_minutes=1)
    assert len(sessions.advance_session(session.stream).events) == 0
    dial.turn(seconds=5)
    sessions.advance_session(session.stream)
    assert (status(), queries.session("demo").t2) == ("active", dial.now + 60 * SECOND)
    dial.turn(seconds=60)
    sessions.advance_session(session.stream)
    sessions.advance_session(session.stream)
    assert status() == "closed"
    kinds = list(Event.objects.filter(stream_id=session.stream).order_by("seq").values_list("type", flat=True))
    assert kinds[-2:] == ["SessionStarted", "SessionClosed"]


def test_a_clock_that_goes_back_never_takes_the_ledger_s_time_back(dial: Dial) -> None:
    session = open_session()
    place(session, "alice", "sell", 1, 150)
    dial.turn(seconds=-86_400)
    place(session, "alice", "sell", 1, 151)
    times = list(Event.objects.filter(stream_id=session.stream).order_by("seq").values_list("at", flat=True))
    assert times == sorted(times)


def test_closed_sessions_without_a_price_wait_and_say_why_and_the_others_are_settled() -> None:
    waiting, ready = open_session(), open_session(session_id="ready")
    prices.push_prices(ready, PRICES)
    for session in (waiting, ready):
        sessions.close_session(session.stream, OLIVIA)
    assert prices.settle_closed() == [("demo", "No price has been published for this session.")]
    assert queries.session("ready").status == "settled"
    prices.push_prices(waiting, PRICES)
    assert prices.settle_closed() == []
    assert status() == "settled"


# Repeats and corrections


@pytest.mark.parametrize("typed", [None, PRICES])
def test_a_repeated_settlement_under_its_id_is_answered_the_same(typed: dict[str, object] | None) -> None:
    session = open_session()
    prices.push_prices(session, PRICES)
    first = prices.settle_session(session.stream, OLIVIA, prices=typed, command_id="s1")
    again = prices.settle_session(session.stream, OLIVIA, prices=typed, command_id="s1")
    assert (again.first_seq, again.last_seq, again.replayed) == (first.first_seq, first.last_seq, True)
    assert refusal(session, prices=typed, command_id="s2").code == "session_settled"
    assert refusal(session, prices={"AAPL": 1, "NVDA": 1}, command_id="s1").code == "idempotency_conflict"


def test_a_settlement_is_corrected_by_an_event_of_its_own_and_the_newest_holds() -> None:
    session = open_session()
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    wrong = queries.settlement(session.stream)
    prices.correct_settlement(session.stream, {"AAPL": 201, "NVDA": 500}, OLIVIA, reason="typo")
    right = queries.settlement(session.stream)
    assert wrong is not None
    assert right is not None
    assert (right.reason, right.seq > wrong.seq) == ("typo", True)
    assert right.payouts["alice"] - wrong.payouts["alice"] == 50 * ONE * ONE
    assert Settlement.objects.filter(stream_id=session.stream).count() == 2
    with pytest.raises(DomainError) as caught:
        prices.correct_settlement(session.stream, PRICES, user("alice"), reason="mine")
    assert caught.value.code == "not_organiser"


def test_a_repeated_correction_under_its_id_corrects_once() -> None:
    session = open_session()
    prices.settle_session(session.stream, OLIVIA, prices=PRICES)
    for replayed in (False, True):
        outcome = prices.correct_settlement(
            session.stream, {"AAPL": 201, "NVDA": 500}, OLIVIA, reason="typo", command_id="c1"
        )
        assert outcome.replayed is replayed
    assert Settlement.objects.filter(stream_id=session.stream).count() == 2
