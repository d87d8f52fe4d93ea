"""Creating, joining and deleting sessions by handlers; what happens when several do it at once."""

import pytest

from common.errors import DomainError
from ledger.models import Event, Stream
from ledger.tickets import Outcome
from ledger.verify import verify_all
from markets import projections, queries, requests
from markets.engine import commands as c
from markets.handlers import participants, prices, sessions
from markets.models import DisplayName, Participant
from markets.queries import SessionInfo
from markets.tests.floor import OLIVIA, at_once, open_session, place, swap, user
from oracle import facade as oracle

pytestmark = pytest.mark.usefixtures("ledger")
BODY = {"session_id": "demo", "legs": ["AAPL", "NVDA"], "q": [100, 60]}


def create(*, key: str = "", **body: object) -> Outcome:
    return sessions.create_session(requests.create_session({**BODY, **body}), OLIVIA, command_id=key)


def join(session: SessionInfo, handle: str, *, name: str = "") -> Outcome:
    command = c.JoinSession(participant=handle, user=user(handle).id)
    return participants.join_session(session.stream, command, user(handle), name=name)


# Creating


def test_a_session_s_row_has_what_was_asked_for() -> None:
    create(bounds={"max_open_orders": 3}, fixing="manual")
    session = queries.session("demo")
    assert (session.session_id, session.organiser, session.status) == ("demo", "olivia", "active")
    assert (session.legs, session.q) == (("AAPL", "NVDA"), (1_000_000, 600_000))
    assert (session.terms.bounds.max_open_orders, session.terms.fixing_rule) == (3, "manual")
    assert (session.quantity_decimals, session.price_decimals, session.cash_decimals) == (4, 4, 8)
    assert queries.session_of(session.stream) == session


def test_a_second_session_of_the_same_name_is_refused_by_naming_the_field() -> None:
    create()
    with pytest.raises(DomainError) as caught:
        create(q=[1, 1])
    assert (caught.value.code, caught.value.field) == ("session_exists", "session_id")
    assert caught.value.detail == "There is a session 'demo' already."
    assert len(queries.sessions()) == 1


def test_a_repeated_creation_under_its_id_is_answered_again_and_never_done_twice() -> None:
    first, again = create(key="k1"), create(key="k1")
    assert (again.stream, again.first_seq, again.replayed) == (first.stream, first.first_seq, True)
    with pytest.raises(DomainError) as caught:
        create(key="k1", q=[1, 1])
    assert caught.value.code == "idempotency_conflict"
    assert Stream.objects.filter(domain="session").count() == 1


def test_a_refused_creation_leaves_nothing_behind() -> None:
    with pytest.raises(DomainError) as caught:
        create(q=[100])
    assert caught.value.field == "q"
    assert not Stream.objects.filter(domain="session").exists()
    create()


def test_of_many_creations_of_one_name_at_once_exactly_one_succeeds() -> None:
    answers = at_once([create for _ in range(8)])
    assert sum(isinstance(answer, Outcome) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, DomainError)} == {"session_exists"}
    assert len(queries.sessions()) == 1


def test_an_unknown_session_is_not_found_by_name_nor_by_stream() -> None:
    session = open_session()
    sessions.delete_session("demo", OLIVIA)
    with pytest.raises(DomainError) as caught:
        queries.session("demo")
    assert caught.value.code == "not_found"
    with pytest.raises(DomainError) as caught:
        queries.session_of(session.stream)
    assert caught.value.code == "not_found"


def test_a_feed_must_exist_have_the_legs_and_no_more_decimals() -> None:
    with pytest.raises(DomainError) as caught:
        create(feed="nowhere")
    assert caught.value.code == "unknown_feed"
    oracle.create_feed(name="narrow", mode="push", instruments=("AAPL",), price_decimals=2)
    with pytest.raises(DomainError) as caught:
        create(feed="narrow")
    assert (caught.value.code, caught.value.field) == ("feed_mismatch", "feed")
    assert "NVDA" in caught.value.detail
    oracle.create_feed(name="fine", mode="push", instruments=("AAPL", "NVDA", "META"), price_decimals=2)
    with pytest.raises(DomainError) as caught:
        create(feed="fine", price_decimals=1)
    assert caught.value.code == "feed_mismatch"
    create(feed="fine")


# Joining


def test_a_display_name_is_kept_outside_the_ledger_and_may_change() -> None:
    session = open_session(people=())
    join(session, "alice", name="Alice in Wonderland")
    assert DisplayName.objects.get(stream_id=session.stream, handle="alice").name == "Alice in Wonderland"
    assert not Event.objects.filter(payload__contains="Wonderland").exists()


def test_of_many_who_join_under_one_handle_at_once_exactly_one_does() -> None:
    session = open_session(people=())

    def try_join(number: int) -> Outcome:
        who = user(f"u{number}")
        command = c.JoinSession(participant="alice", user=who.id)
        return participants.join_session(session.stream, command, who)

    answers = at_once([lambda number=number: try_join(number) for number in range(8)])  # type: ignore[misc]
    assert sum(isinstance(answer, Outcome) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, DomainError)} == {"handle_taken"}
    assert Participant.objects.count() == 1


# Deleting


def test_a_deleted_session_s_rows_are_gone_its_events_are_not_and_its_name_is_free() -> None:
    session = open_session()
    join(session, "carol", name="Carol")
    swap(session, "alice", "bob", 5, 1)
    place(session, "alice", "sell", 5, 150)
    place(session, "bob", "buy", 5, 150)
    prices.settle_session(session.stream, OLIVIA, prices={"AAPL": 1, "NVDA": 1})
    count = Event.objects.filter(stream_id=session.stream).count()
    sessions.delete_session("demo", OLIVIA, reason="practice")
    for table in projections.TABLES:
        assert not table.model._default_manager.filter(stream_id=session.stream).exists(), table.name
    assert not DisplayName.objects.filter(stream_id=session.stream).exists()
    assert Event.objects.filter(stream_id=session.stream).count() == count
    again = open_session()
    assert again.stream != session.stream
    assert list(verify_all()) == []


def test_a_deleted_session_takes_no_more_commands() -> None:
    session = open_session()
    sessions.delete_session("demo", OLIVIA)
    with pytest.raises(DomainError) as caught:
        place(session, "alice", "sell", 5, 150)
    assert caught.value.code == "deleted"
    with pytest.raises(DomainError) as caught:
        sessions.delete_session("demo", OLIVIA)
    assert caught.value.code == "not_found"


def test_only_its_organiser_deletes_a_session() -> None:
    open_session()
    with pytest.raises(DomainError) as caught:
        sessions.delete_session("demo", user("alice"))
    assert caught.value.code == "not_organiser"
    assert queries.session("demo").status == "active"
