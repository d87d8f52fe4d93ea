"""The seeds' story by handlers: create, admit, allocate, swap, trade, refuse, settle."""

import pytest

from common.errors import DomainError
from ledger.models import Event, Stream
from ledger.tickets import Outcome
from ledger.verify import verify_all
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import orders, participants, prices, rfq, sessions
from markets.models import Quote, Trade
from markets.tests.floor import OLIVIA, at_once, open_session, order, place, swap, totals, user

pytestmark = pytest.mark.usefixtures("ledger")
ONE = 10_000
CASH = 100_000 * ONE * ONE
PEOPLE = ("alice", "bob", "carol")
FOUR = ["AAPL", "NVDA", "META", "ORCL"]


def test_the_demo_of_the_seeds_from_creation_to_settlement() -> None:
    session = open_session(people=PEOPLE, legs=FOUR, q=[100, 60, 80, 120], start_mode="immediate", end_mode="manual")
    assert (session.status, session.cash_issued) == ("active", 3 * CASH)
    for leg, units in zip(session.legs, session.q, strict=True):
        assert sum(totals(session, leg).values()) == units
    swap(session, "alice", "bob", 10, "0.62")
    sold = place(session, "bob", "sell", 10, "150.00")
    bought = place(session, "carol", "buy", "12.5", "151")
    assert [(fill.quantity, fill.price) for fill in bought.fills] == [(10 * ONE, 150 * ONE)]
    assert (bought.status, bought.filled, sold.status) == ("partially_filled", 10 * ONE, "open")
    for leg, units in zip(session.legs, session.q, strict=True):
        assert sum(totals(session, leg).values()) == units
    assert sum(totals(session, "CASH").values()) == 3 * CASH

    with pytest.raises(DomainError) as caught:
        prices.settle_session(session.stream, OLIVIA)
    assert caught.value.code == "fixing_unavailable"
    assert caught.value.detail == "No price has been published for this session."
    assert queries.session("demo").status == "active"

    prices.push_prices(session, {"AAPL": "190.1", "NVDA": "480.2", "META": "350", "ORCL": "104.3"})
    prices.settle_session(session.stream, OLIVIA)
    settled = queries.settlement(session.stream)
    assert settled is not None
    worth = sum(units * settled.fixing.prices[leg] for leg, units in zip(session.legs, session.q, strict=True))
    assert sum(settled.payouts.values()) + settled.treasury_payout == worth
    assert sum(settled.cash.values()) + settled.treasury_cash == 3 * CASH
    assert set(settled.payouts) == set(PEOPLE)
    assert queries.order(session.stream, bought.number).status == "expired"
    assert list(verify_all()) == []


def test_every_event_of_the_seeds_is_in_the_ledger_under_its_name() -> None:
    session = open_session()
    swap(session, "alice", "bob", 10, "0.62")
    prices.settle_session(session.stream, OLIVIA, prices={"AAPL": 200, "NVDA": 500})
    kinds = set(Event.objects.filter(stream_id=session.stream).values_list("type", flat=True))
    assert kinds >= {
        "SessionCreated",
        "ParticipantJoined",
        "InitialAllocationAssigned",
        "RFQRequested",
        "QuoteProvided",
        "TradeExecuted",
        "SessionSettled",
    }


def test_two_participants_get_50_and_30_each_and_25000_at_prices_of_200_and_500() -> None:
    session = open_session()
    assert totals(session, "AAPL") == {"treasury": 0, "alice": 50 * ONE, "bob": 50 * ONE}
    assert totals(session, "NVDA") == {"treasury": 0, "alice": 30 * ONE, "bob": 30 * ONE}
    prices.settle_session(session.stream, OLIVIA, prices={"AAPL": 200, "NVDA": 500})
    settled = queries.settlement(session.stream)
    assert settled is not None
    assert settled.payouts == {"alice": 25_000 * ONE * ONE, "bob": 25_000 * ONE * ONE}
    assert settled.cash == {"alice": CASH, "bob": CASH}


def test_ten_aapl_at_062_leave_40_and_362_against_60_and_238() -> None:
    session = open_session()
    swap(session, "alice", "bob", 10, "0.62")
    assert totals(session, "AAPL") == {"treasury": 0, "alice": 40 * ONE, "bob": 60 * ONE}
    assert totals(session, "NVDA") == {"treasury": 0, "alice": 36_2000, "bob": 23_8000}


def test_three_participants_share_100_60_and_80_exactly() -> None:
    session = open_session(people=PEOPLE, legs=["AAPL", "NVDA", "META"], q=[100, 60, 80])
    assert sum(totals(session, "AAPL").values()) == 100 * ONE
    assert totals(session, "META") == {"treasury": 0, "alice": 266_667, "bob": 266_667, "carol": 266_666}


def test_a_participant_with_five_aapl_cannot_have_a_quote_on_ten_accepted() -> None:
    session = open_session(split=False)
    body = {"allocations": {"alice": {"AAPL": 5}, "bob": {"NVDA": 50}}}
    participants.assign_allocations(session.stream, requests.assign_allocations(session, body), OLIVIA)
    with pytest.raises(DomainError) as caught:
        swap(session, "alice", "bob", 10, "0.62")
    assert caught.value.code == "insufficient_units"
    assert totals(session, "AAPL") == {"treasury": 95 * ONE, "alice": 5 * ONE}


def test_of_two_acceptances_at_once_one_trades_and_the_other_is_refused() -> None:
    session = open_session(people=PEOPLE)
    asked = {"participant_id": "alice", "leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 10}
    asking = rfq.request_quote(session.stream, requests.request_quote(session, asked), user("alice")).first_seq
    offers = [
        rfq.provide_quote(
            session.stream,
            requests.provide_quote(asking, {"participant_id": maker, "rate": 1, "firm": True}),
            user(maker),
        ).first_seq
        for maker in ("bob", "carol")
    ]
    answers = at_once(
        [
            lambda quote=quote: rfq.accept_quote(session.stream, c.AcceptQuote(quote=quote), user("alice"))  # type: ignore[misc]
            for quote in offers * 4
        ]
    )
    assert sum(isinstance(answer, Outcome) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, DomainError)} == {"quote_not_open"}
    statuses = Quote.objects.filter(stream_id=session.stream).values_list("status", flat=True)
    assert sorted(statuses) == ["accepted", "rejected"]
    assert [row.rfq for row in Trade.objects.filter(stream_id=session.stream)] == [asking]


def test_a_refused_command_leaves_no_event_and_the_next_one_is_decided_anew() -> None:
    session = open_session()
    before = Stream.objects.get(id=session.stream).seq
    command = order(session, "alice", "sell", "50.0001", 150)
    for _ in range(2):
        with pytest.raises(DomainError) as caught:
            orders.place_order(session.stream, command, user("alice"), command_id="again")
        assert caught.value.detail == "This needs 50.0001 AAPL; 50.0000 are available."
    with pytest.raises(DomainError) as caught:
        place(session, "alice", "buy", 1, "100000.0001")
    assert caught.value.code == "insufficient_cash"
    with pytest.raises(DomainError) as caught:
        orders.place_order(session.stream, order(session, "alice", "buy", 1, 1), user("bob"))
    assert (caught.value.code, caught.value.field) == ("not_yours", "participant_id")
    assert Stream.objects.get(id=session.stream).seq == before


def test_the_book_s_rows_are_the_resting_orders_by_level() -> None:
    session = open_session(people=PEOPLE)
    place(session, "alice", "sell", 5, "150.5")
    place(session, "bob", "sell", 3, "150.5")
    place(session, "bob", "sell", 1, 151)
    place(session, "carol", "buy", 2, 149)
    place(session, "carol", "buy", 1, "150.5")
    book = queries.book(session.stream, "AAPL")
    assert [(level.price, level.quantity, level.orders) for level in book.asks] == [
        (150_5000, 7 * ONE, 2),
        (151 * ONE, ONE, 1),
    ]
    assert [(level.price, level.quantity, level.orders) for level in book.bids] == [(149 * ONE, 2 * ONE, 1)]
    assert len(queries.book(session.stream, "AAPL", depth=1).asks) == 1
    assert queries.book(session.stream, "NVDA").asks == ()


def test_a_removed_participant_s_row_stays_and_their_claims_are_the_treasury_s() -> None:
    session = open_session()
    place(session, "alice", "sell", 5, 150)
    participants.remove_participant(session.stream, c.RemoveParticipant(participant="alice"), OLIVIA)
    assert queries.participants(session.stream) == ["bob"]
    assert totals(session, "AAPL") == {"treasury": 50 * ONE, "bob": 50 * ONE}
    assert totals(session, "CASH") == {"treasury": CASH, "bob": CASH}


def test_a_busted_trade_is_undone_from_its_row_once() -> None:
    session = open_session()
    place(session, "alice", "sell", 5, 150)
    bought = place(session, "bob", "buy", 5, 150)
    trade = bought.fills[0].trade
    rfq.bust_trade(session.stream, trade, OLIVIA, reason="fat finger")
    assert queries.is_busted(session.stream, trade)
    assert totals(session, "AAPL") == {"treasury": 0, "alice": 50 * ONE, "bob": 50 * ONE}
    with pytest.raises(DomainError) as caught:
        rfq.bust_trade(session.stream, trade, OLIVIA, reason="again")
    assert caught.value.code == "already_busted"
    with pytest.raises(DomainError) as caught:
        rfq.bust_trade(session.stream, bought.number, OLIVIA, reason="no trade")
    assert caught.value.code == "not_found"


def test_the_life_of_a_session_is_in_its_row() -> None:
    session = open_session(start_mode="manual")
    assert session.status == "created"
    for act, status in (
        (sessions.start_session, "active"),
        (sessions.halt_session, "halted"),
        (sessions.resume_session, "active"),
        (sessions.close_session, "closed"),
    ):
        act(session.stream, OLIVIA)
        assert queries.session("demo").status == status
    sessions.cancel_session(session.stream, OLIVIA, reason="rain")
    assert queries.session("demo").status == "cancelled"
    assert [found.session_id for found in queries.sessions(status=("cancelled",))] == ["demo"]
    assert queries.sessions(status=("active",)) == []
