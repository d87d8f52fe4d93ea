"""Every page, for everybody, in every state of a session: never a 5xx, and what is shown fits the state."""

import html
from collections.abc import Callable

import pytest
from django.test import Client

from ledger.runtime import runtime
from markets.engine import commands as c
from markets.web.tests.conftest import Room

PAGES = (
    "",
    "/live",
    "/chart",
    "/organiser",
    "/portfolio",
    "/leaderboard",
    "/settlement",
    "/settlement?price.AAPL=1.5&price.GOLD+3m=2",
    "/settlement?statement=nobody",
    "/settle",
    "/ledger",
    "/ledger?at=2",
    "/ledger/links",
    "/replay",
    "/replay?at=3&look=1",
    "/replay?t=1&was=0",
    "/join",
    "/delete",
)
STATES = ("created", "active", "halted", "closed", "settled", "cancelled")
ORDER = {"asset": "AAPL", "side": "sell", "quantity": "2", "price": "200"}
HOSTILE = "<b>eve</b>"


def _brought_to(make_room: Callable[..., Room], state: str) -> Room:
    """A session in this state, with an order in its past where there can be one."""
    if state == "created":
        return make_room(start_mode="manual")
    room = make_room(fixing="twap", fixing_window=30)
    orga = room.browser("orga")
    room.browser("alice").post("/sessions/room/orders", ORDER)
    if state == "settled":
        orga.post("/sessions/room/settle", {"price.AAPL": "1", "price.GOLD 3m": "2", "confirm": "1"})
    elif state == "closed":
        runtime.execute(room.stream, c.CloseSession(), room.actor("orga"))
    elif state != "active":
        orga.post(f"/sessions/room/{'halt' if state == 'halted' else 'cancel'}", {"reason": HOSTILE})
    return room


@pytest.mark.parametrize("state", STATES)
def test_no_page_fails_in_any_state_for_anybody(make_room: Callable[..., Room], state: str) -> None:
    room = _brought_to(make_room, state)
    assert room.session.status == state
    for who in ("alice", "orga", "stranger", ""):
        client = room.browser(who) if who else Client()
        client.raise_request_exception = False
        for path in ("/", *(f"/sessions/room{page}" for page in PAGES)):
            for headers in ({}, {"HX-Request": "true"}):
                answer = client.get(path, headers=headers)
                signed_out = {401} if headers and not who else set()
                assert answer.status_code in {200, 302, 404, 422} | signed_out, (who, path)
                assert HOSTILE.encode() not in answer.content, (who, path)
                if who in {"", "stranger"} and "room" in path:
                    assert answer.status_code in {302, 404} | signed_out or path.endswith("/join"), (who, path)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("created", "Not open yet"),
        ("halted", "Trading is halted"),
        ("closed", "waits for its fixing"),
        ("settled", "Everybody was paid x·S"),
        ("cancelled", "Nothing is paid"),
    ],
)
def test_the_terminal_says_what_state_it_is_in_and_takes_no_order(
    make_room: Callable[..., Room], state: str, said: str
) -> None:
    room = _brought_to(make_room, state)
    page = html.unescape(room.browser("alice").get("/sessions/room").content.decode())
    assert said in page
    assert "disabled" in page.split('id="place"')[1].split(">")[0] if 'id="place"' in page else True
    assert room.browser("alice").post("/sessions/room/orders", ORDER).status_code == 422
