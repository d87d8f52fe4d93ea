"""Whatever is typed into the console: a sentence beside the field, nothing lost, nothing done, never a 5xx."""

import re
from uuid import uuid4

import pytest
from django.test import Client

from accounts.facade import User
from markets import queries
from markets.admin.actions import ACTIONS
from markets.tests.admin.conftest import terms, text_of, url

ROTTEN = ["", "-1", "NaN", "1e400", "true", "1.23456", "x" * 300, "\0", "9" * 40, "²", "<script>", "٣", "0"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"session_id": "no spaces"}, "letters, digits"),
        ({"legs-0-name": "CASH"}, "not CASH"),
        ({"legs-1-name": "AAPL"}, "is there twice"),
        ({"legs-1-q": "-3"}, ">q must be at least 0.0000."),
        ({"legs-1-q": "0"}, "must be above zero"),
        ({"legs-1-q": "1.00001"}, "at most 4 decimals"),
        ({"legs-0-name": "", "legs-0-q": "", "legs-1-name": "", "legs-1-q": ""}, "Name at least one leg."),
        ({"legs-0-name": ""}, "Fill this in, or empty the whole row."),
        (
            {"participants-1-participant_id": "", "participants-1-name": "Bob"},
            "Fill this in, or empty the whole row.",
        ),
        ({"max_quantity": "1", "min_quantity": "2"}, "Largest order is below smallest order."),
        ({"orders_per_second": "9" * 9}, "Orders a second must be at most"),
        ({"t2": "2999-01-01T10:00", "duration_minutes": "5"}, "not both"),
        ({"fixing_max_age": "1.5"}, "Oldest price must be a whole number."),
        ({"simulate": "on", "legs-0-price": "0"}, ">First price must be at least 0.0001."),
        ({"participants-0-allocations": "AAPL=-1"}, ">AAPL must be at least 0.0000."),
        ({"read": "1"}, "Choose a CSV file to read"),
        ({"t2": "yesterday"}, "date and time"),
        ({"t2": "2001-01-01T00:00"}, "in the future"),
        ({"start_mode": "scheduled"}, "Start (t1) goes with a scheduled start"),
        ({"fixing": "twap"}, "Window goes with"),
        ({"cash_per_participant": "NaN"}, "Cash each must be a finite number"),
        ({"quantity_decimals": "9"}, "from 0 to 6"),
        ({"max_quantity": "1,5"}, "Largest order must be a number, with a point for its decimals and no comma."),
        ({"participants-0-user": "nobody"}, "There is no user"),
        ({"participants-0-allocations": "AAPL 3"}, "LEG=quantity"),
        ({"participants-0-allocations": "TSLA=3"}, "none of this session"),
        ({"participants-0-allocations": "AAPL=101"}, "the treasury holds"),
        ({"participants-1-participant_id": "alice"}, "is taken"),
        ({"participants-1-participant_id": "a b"}, "A handle is"),
        ({"participants-1-user": "alice"}, "is in the session as"),
        ({"feed": "gone"}, "not one of the available choices"),
        ({"legs-TOTAL_FORMS": "100000"}, "at most 64"),
    ],
)
def test_a_refused_session_is_told_why_and_keeps_the_form(
    console: Client, changes: dict[str, str], sentence: str
) -> None:
    User.objects.create_user("alice")
    answer = console.post(url("add"), terms(**changes))
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert "Alice A." in text_of(answer)
    assert queries.sessions() == []


@pytest.mark.parametrize(
    ("changes", "cell"),
    [
        ({"participants-1-participant_id": "alice"}, "participants-1-participant_id"),
        ({"participants-1-participant_id": "a b"}, "participants-1-participant_id"),
        ({"participants-1-user": "alice"}, "participants-1-user"),
        ({"participants-0-allocations": "TSLA=3"}, "participants-0-allocations"),
        ({"legs-1-q": "1.00001"}, "legs-1-q"),
    ],
)
def test_what_is_wrong_with_a_row_stands_in_its_cell(console: Client, changes: dict[str, str], cell: str) -> None:
    User.objects.create_user("alice")
    page = text_of(console.post(url("add"), terms(**changes)))
    found = re.search(r'</ul>\s*<input type="text" name="([^"]+)"', page)
    assert found
    assert found[1] == cell


def test_the_form_of_a_session_that_was_made_makes_another(console: Client, session: queries.SessionInfo) -> None:
    first = console.post(url("add"), terms(session_id="monday", command_id="a" * 32))
    assert first.status_code == 302
    gone_back = console.post(url("add"), terms(session_id="tuesday", command_id="a" * 32))
    assert "This form was sent before, with other content. Press the button again" in text_of(gone_back)
    again = re.search(r'name="command_id" value="([0-9a-f]{32})"', text_of(gone_back))
    assert again
    assert console.post(url("add"), terms(session_id="tuesday", command_id=again[1])).status_code == 302


def test_a_name_that_is_there_already_is_told(console: Client, session: queries.SessionInfo) -> None:
    answer = console.post(url("add"), terms())
    assert answer.status_code == 422
    assert "There is a session" in text_of(answer)


@pytest.mark.parametrize("rotten", ROTTEN)
def test_nothing_typed_anywhere_is_a_server_error(console: Client, session: queries.SessionInfo, rotten: str) -> None:
    for action in ACTIONS:
        if action.name == "delete":
            continue
        fields = dict.fromkeys(action.form(session=session).fields, rotten)
        assert console.post(url(action.name, session.stream), fields).status_code in {302, 422}
        assert console.get(url(action.name, session.stream), fields).status_code == 200
    for name in ("settle", "correct", "keys"):
        fields = dict.fromkeys(["price_0", "price_1", "reason", "participants", "scopes", "name"], rotten)
        assert console.post(url(name, session.stream), fields).status_code in {200, 302, 422}
        assert console.get(url(name, session.stream), fields).status_code == 200
    for name in ("orders", "trades", "events"):
        assert console.get(url(name, session.stream), {"before": rotten}).status_code == 200
    for number, field in enumerate(terms()):
        filled = {**terms(session_id=f"other-{number}"), field: rotten}
        assert console.post(url("add"), filled).status_code in {302, 422}, field


def test_what_is_not_there_is_a_404(console: Client, session: queries.SessionInfo) -> None:
    assert console.get(url("change", uuid4())).status_code == 404
    assert console.post(url("start", uuid4())).status_code == 404
    assert console.post(url("revoke", session.stream, 99)).status_code == 302
    assert console.get(url("download", uuid4())).status_code == 404
