"""A replay shows at every moment what the terminal showed then, and ends as the settlement."""

import html
import re
from collections.abc import Callable

import pytest
from django.test import Client

from common.ids import public_id
from markets import queries, shapes
from markets.handlers import prices
from markets.web.tests.conftest import Room

SELL = {"asset": "AAPL", "side": "sell", "quantity": "5.1234", "price": "151.07"}
SHOWN = ("book-0-cash", "tape", "rfqs", "orders", "holdings", "prices")
_LIVE_ONLY = re.compile(
    r"<form.*?</form>|<a class=\"button.*?</a>|</?a\b[^>]*>|</?button[^>]*>| (?:hx|data)-[a-z-]+=\"[^\"]*\"|"
    r" ?title=\"[^\"]*\"|nobody (?:sells|buys)|<p class=\"empty\">.*?</p>",
    re.S,
)


def _fragments(page: str) -> dict[str, str]:
    """The live parts of a terminal by id, as words without what can be clicked."""
    found = {}
    for name in SHOWN:
        start = page.find(f'id="{name}"')
        end = min(
            (
                at
                for other in (*SHOWN, "ask", "player-at", "announcements", "ticket")
                if (at := page.find(f'id="{other}"', start + 5)) > 0
            ),
            default=len(page),
        )
        text = re.sub(r"<[^>]*>", " ", _LIVE_ONLY.sub("", page[page.find(">", start) + 1 : page.rfind("<", 0, end)]))
        found[name] = " ".join(html.unescape(text).split())
    return found


def _seen(client: Client, path: str) -> dict[str, str]:
    return _fragments(client.get(path, headers={"HX-Request": "true"}).content.decode())


def _live(client: Client) -> dict[str, str]:
    return _fragments(client.get("/sessions/room/live").content.decode())


def _play(room: Room) -> dict[int, dict[str, str]]:
    """Some trading, and what alice's terminal showed after each step of it, by event."""
    alice, bob = room.browser("alice"), room.browser("bob")
    seen = {}

    def note() -> None:
        seen[queries.head(room.stream)[0]] = _live(alice)

    def last() -> str:
        return public_id(room.stream, queries.head(room.stream)[0])

    alice.post("/sessions/room/orders", SELL)
    note()
    order = last()
    bob.post("/sessions/room/orders", SELL | {"side": "buy", "quantity": "2"})
    note()
    alice.post(f"/sessions/room/orders/{order}/replace", {"price": "152", "quantity": ""})
    note()
    alice.post("/sessions/room/rfq", {"leg_from": "AAPL", "leg_to": "GOLD 3m", "amount_from": "10"})
    note()
    ask = last()
    bob.post(f"/sessions/room/rfq/{ask}/quote", {"rate": "0.08"})
    note()
    alice.post(f"/sessions/room/quotes/{last()}/accept")
    note()
    alice.post(f"/sessions/room/orders/{order}/cancel")
    note()
    return seen


def test_every_moment_is_shown_as_the_terminal_showed_it_then(room: Room) -> None:
    live = _play(room)
    prices.settle_session(room.stream, room.actor("orga"))
    alice = room.browser("alice")
    for seq, then in (*live.items(), *reversed(live.items())):
        again = _seen(alice, f"/sessions/room/replay?at={seq}")
        for name in SHOWN:
            assert again[name] == then[name], (seq, name)


def test_the_end_is_the_settlement_to_the_last_digit(room: Room) -> None:
    _play(room)
    prices.settle_session(room.stream, room.actor("orga"), prices={"AAPL": "200.0123", "GOLD 3m": "500"})
    alice = room.browser("alice")
    told = alice.get("/api/v1/sessions/room/settlement").json()
    page = alice.get("/sessions/room/replay?t=999999").content.decode()
    assert "payouts agree to the last digit" in page
    worth = re.search(r'data-is="worth">.*?value="([0-9.]+)"', page, re.S)
    assert worth is not None
    payout, cash = (int(told[name]["alice"].replace(".", "")) for name in ("payouts", "cash"))
    assert worth[1] == shapes.cash(room.session, payout + cash)
    assert "payouts agree" not in alice.get("/sessions/room/replay?t=0").content.decode()


def test_a_step_brings_its_ticks_and_trades_for_the_chart(room: Room) -> None:
    _play(room)
    prices.settle_session(room.stream, room.actor("orga"))
    page = room.browser("alice").get("/sessions/room/replay?t=9999&was=0", headers={"HX-Request": "true"})
    head = html.unescape(page.content.decode().split('id="head"')[1].split("</span>")[0])
    assert "1522500" in head
    assert "1510700" in head
    assert "The session is settled" in head
    assert "Sold 2 AAPL at 151.0700." in html.unescape(page.content.decode())


def test_nobody_sees_others_orders_in_a_replay(room: Room) -> None:
    _play(room)
    prices.settle_session(room.stream, room.actor("orga"))
    for who in ("bob", "orga"):
        for seq in range(1, queries.head(room.stream)[0] + 1):
            page = room.browser(who).get(f"/sessions/room/replay?at={seq}").content.decode()
            assert "/ 5.1234" not in page


@pytest.mark.parametrize(
    "query", ["at=0", "at=-1", "at=99999", "t=-5", "t=x", "t=1e9", "t=%00", "t=9" * 30, "t=1.2.3", "was=x&t=1"]
)
def test_any_moment_that_there_is_not_is_no_error(room: Room, query: str) -> None:
    prices.settle_session(room.stream, room.actor("orga"))
    for headers in ({}, {"HX-Request": "true"}):
        assert room.browser("alice").get(f"/sessions/room/replay?{query}", headers=headers).status_code == 200


def test_a_session_is_played_again_only_when_it_is_over(make_room: Callable[..., Room]) -> None:
    room = make_room()
    alice, orga = room.browser("alice"), room.browser("orga")
    assert "when it is over" in alice.get("/sessions/room/replay").content.decode()
    assert orga.post("/sessions/room/cancel", {"reason": "fire drill"}).status_code == 302
    page = alice.get("/sessions/room/replay?t=99999").content.decode()
    assert 'id="player"' in page
    assert "called off" in page
    assert "payouts agree" not in page
    assert "<form" not in page.split('id="terminal"')[1].replace('<form class="pick"', "")
