"""What the organiser says, and who can read it where."""

from collections.abc import Callable

import pytest
from django.test import Client

from markets.api.tests.conftest import Caller

Person = Callable[[str], Caller]


@pytest.fixture
def said(organiser: Caller, demo: Person) -> list[str]:
    """The ids of what was said to everybody, and to bob alone."""
    bodies = [{"text": "Five minutes left."}, {"text": "Come to the podium", "participant_id": "bob"}]
    return [organiser.post("sessions/demo/announcements", body).json()["announcement_id"] for body in bodies]


def texts(caller: Caller) -> list[str]:
    return [row["text"] for row in caller.get("sessions/demo/announcements").json()["results"]]


def test_everybody_reads_what_was_said_to_all_and_only_its_receiver_what_was_said_to_one(
    organiser: Caller, demo: Person, said: list[str]
) -> None:
    assert texts(organiser) == texts(demo("bob")) == ["Come to the podium", "Five minutes left."]
    assert texts(demo("alice")) == ["Five minutes left."]


def test_the_events_withhold_what_was_said_to_another(demo: Person, said: list[str]) -> None:
    found = {}
    for who in ("alice", "bob"):
        events = demo(who).get("sessions/demo/events?limit=500").json()["results"]
        found[who] = [(row["withheld"], "podium" in (row["payload"] or "")) for row in events[-2:]]
    assert found == {"alice": [(False, False), (True, False)], "bob": [(False, False), (False, True)]}


def test_the_pages_and_the_ledgers_search_withhold_it_too(demo: Person, said: list[str]) -> None:
    for who, sees in (("alice", False), ("bob", True)):
        client = Client()
        client.force_login(demo(who).user)
        for path in ("", "/ledger", "/ledger?q=podium", "/ledger?actor=organiser", "/live"):
            page = client.get(f"/sessions/demo{path}").content.decode()
            for own in ('value="podium"', "q=podium"):  # what we typed ourselves
                page = page.replace(own, "")
            assert ("podium" in page) == sees, path
        assert "Five minutes left." in client.get("/sessions/demo").content.decode()


def test_only_the_organiser_announces_and_a_repeat_says_it_once(organiser: Caller, demo: Person) -> None:
    body = {"text": "Once."}
    assert demo("alice").post("sessions/demo/announcements", body).status_code == 403
    first = organiser.post("sessions/demo/announcements", body, Idempotency_Key="a")
    again = organiser.post("sessions/demo/announcements", body, Idempotency_Key="a")
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert texts(organiser) == ["Once."]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "text"),
        ({"text": ""}, 422, "text"),
        ({"text": "x" * 501}, 422, "text"),
        ({"text": "a\u0000b"}, 400, "text"),
        ({"text": 5}, 400, "text"),
        ({"text": "hello", "participant_id": "zoe"}, 422, "participant_id"),
    ],
)
def test_what_cannot_be_said_is_refused_by_field(
    organiser: Caller, demo: Person, body: dict[str, object], status: int, field: str
) -> None:
    answer = organiser.post("sessions/demo/announcements", body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["field"] == field
    assert texts(organiser) == []


def test_a_page_of_announcements_leads_to_the_next(organiser: Caller, demo: Person) -> None:
    for number in range(3):
        organiser.post("sessions/demo/announcements", {"text": str(number)})
    page = organiser.get("sessions/demo/announcements?limit=2").json()
    assert [row["text"] for row in page["results"]] == ["2", "1"]
    following = organiser.get(page["next"]).json()
    assert ([row["text"] for row in following["results"]], following["next"]) == (["0"], None)
