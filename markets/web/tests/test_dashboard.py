"""The dashboard: cards found by status, name, leg and whose they are, in as many queries however many there are."""

import html

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from markets import queries, requests, valuation
from markets.handlers import prices, sessions
from markets.web.tests.conftest import Room


def _open(room: Room, name: str, **terms: object) -> None:
    body = {"session_id": name, "legs": ["OIL", "GAS"], "q": [10, 20], "end_mode": "manual", **terms}
    stream = sessions.create_session(requests.create_session(body), room.actor("orga")).stream
    prices.push_prices(queries.session_of(stream), {"OIL": "80", "GAS": "3"})


def _shown(client: Client, path: str = "/") -> str:
    return html.unescape(client.get(path).content.decode())


def _names(page: str) -> list[str]:
    found = [part.split("</h2>")[0] for part in page.split("<h2>")[1:]]
    return [text.split("</a>")[0].split(">")[-1] for text in found]


def test_a_card_says_what_the_basket_and_ones_own_are_worth(room: Room) -> None:
    page = _shown(room.browser("alice"))
    prices_now = valuation.current_prices(room.session)
    own = valuation.worth(room.session, queries.allocations(room.stream)["alice"], prices_now)
    assert f'value="{own / 10**8:.8f}"' in page
    assert "129,165.00" in page  # 100 × 152.25 + 60 × 1899
    assert "Mine, as alice" in page
    assert '<dd class="num">2</dd>' in page
    assert "Mine" not in _shown(room.browser("stranger"))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["later", "oil-1", "room"]),
        ("?status=active", ["oil-1", "room"]),
        ("?status=created", ["later"]),
        ("?q=OIL", ["later", "oil-1"]),
        ("?q=gold", ["room"]),
        ("?mine=1", ["room"]),
        ("?mine=1&status=created", []),
        ("?status=nonsense", ["later", "oil-1", "room"]),
        ("?q=%25", []),
        ("?q=%00", ["later", "oil-1", "room"]),
    ],
)
def test_sessions_are_found(room: Room, query: str, names: list[str]) -> None:
    _open(room, "oil-1")
    _open(room, "later", start_mode="manual")
    alice = room.browser("alice")
    assert sorted(_names(_shown(alice, f"/{query}"))) == names
    if not names:
        assert "No session fits" in _shown(alice, f"/{query}")
    part = alice.get(f"/{query}", headers={"HX-Request": "true"}).content.decode()
    assert sorted(_names(part)) == names
    assert "<html" not in part


def test_an_empty_dashboard_says_what_to_do(people: dict[str, object]) -> None:
    organiser, other = Client(), Client()
    organiser.force_login(people["orga"])  # type: ignore[arg-type]  # a user
    other.force_login(people["alice"])  # type: ignore[arg-type]
    assert "Open the first one below" in _shown(organiser)
    assert "Join by code" in _shown(other)
    assert "New session" not in _shown(other)


def test_a_dashboard_takes_as_many_queries_however_many_sessions_there_are(room: Room) -> None:
    alice = room.browser("alice")

    def count() -> int:
        with CaptureQueriesContext(connection) as sent:
            assert alice.get("/").status_code == 200
        return len(sent)

    few = count()
    for number in range(5):
        _open(room, f"oil-{number}")
    assert count() == few


def test_a_link_to_a_session_leads_through_signing_in_to_joining_it(room: Room) -> None:
    answer = Client().get("/sessions/room/join")
    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in?next=/sessions/room/join"
    stranger = room.browser("stranger")
    page = _shown(stranger, "/sessions/room/join")
    assert 'action="/sessions/room/join"' in page
    refused = stranger.post("/sessions/room/join", {"participant_id": "alice"})
    assert refused.status_code == 422
    assert 'role="alert"' in refused.content.decode()
    assert stranger.post("/sessions/room/join", {"participant_id": "eve"})["Location"] == "/sessions/room"
    assert stranger.get("/sessions/room/join")["Location"] == "/sessions/room"


def test_only_who_runs_a_session_is_asked_whether_to_delete_it(room: Room) -> None:
    assert "Type" in _shown(room.browser("orga"), "/sessions/room/delete")
    assert room.browser("alice").get("/sessions/room/delete").status_code == 404
    assert room.browser("alice").post("/sessions/room/delete", {"confirm": "room"}).status_code == 422
