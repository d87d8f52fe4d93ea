"""What is pushed is what the page shows, and nobody's own fragments hold anybody else's orders or holdings."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from uuid import UUID

from common.ids import public_id
from ledger import registry, store
from markets import queries, requests, valuation
from markets.handlers import orders, sessions
from markets.web import fragments
from markets.web.tests.conftest import Room
from oracle.facade import TickInfo

SELL = {"asset": "AAPL", "side": "sell", "quantity": "1", "price": "151"}


@dataclass
class Change:
    stream: UUID
    seq: int
    events: list[Any] = field(default_factory=list)
    books: frozenset[tuple[str, str]] = frozenset()
    holders: frozenset[str] = frozenset()
    ticks: list[TickInfo] = field(default_factory=list)
    status_changed: bool = False


def _all(room: Room) -> Change:
    events = list(store.read(registry.get("session"), room.stream, 0))
    pair = ("AAPL", "CASH")
    return Change(
        room.stream, len(events), events, frozenset({pair}), frozenset({"alice", "bob"}), [_tick(room)], True
    )


def _tick(room: Room) -> TickInfo:
    found = valuation.latest_tick(room.session)
    assert found is not None
    return found


def _pushed(change: Change, handle: str | None) -> str:
    return fragments.render(change, {handle, None}).get(handle, "")


def _ids(text: str) -> set[str]:
    return set(re.findall(r'id="([a-z0-9-]+)"[^>]* hx-swap-oob="true"', text))


def test_every_pushed_fragment_has_its_place_on_the_terminal(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL)
    room.browser("bob").post("/sessions/room/orders", SELL | {"side": "buy"})
    room.browser("bob").post("/sessions/room/rfq", {"leg_from": "AAPL", "leg_to": "GOLD 3m", "amount_from": "1"})
    change = _all(room)
    page = room.browser("alice").get("/sessions/room").content.decode()
    public, own = _ids(_pushed(change, None)), _ids(_pushed(change, "alice"))
    assert public == {"head", "heartbeat", "status", "banner", "prices", "tape", "rfqs-public"} | {
        "book-0-cash",
        "book-1-cash",
    }
    assert own - public == {"own", "orders", "holdings", "rfqs"}
    for fragment in own - {"book-1-cash"}:  # the book that is not looked at
        assert f'id="{fragment}"' in page, fragment
    assert 'id="rfqs-public"' in room.browser("orga").get("/sessions/room").content.decode()


def test_the_page_shows_what_a_push_would_bring(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL | {"quantity": "1"})
    page = room.browser("alice").get("/sessions/room").content.decode()
    pushed = _pushed(_all(room), None)
    book = re.search(r'<div id="book-0-cash".*?</div>', pushed, re.S)
    assert book is not None
    assert book[0].replace(' hx-swap-oob="true"', "") in page


def test_a_new_status_changes_what_can_be_done_with_orders_quotes_and_books(make_room: Callable[..., Room]) -> None:
    room = make_room(start_mode="manual")
    orga = room.actor("orga")
    assert "The book opens with the session" in room.browser("alice").get("/sessions/room").content.decode()
    sessions.start_session(room.stream, orga)
    pushed = _pushed(Change(room.stream, 0, status_changed=True), "alice")
    assert pushed.count("it makes the first price") == 2
    assert "Place one with the ticket" in pushed
    room.browser("alice").post("/sessions/room/orders", SELL)
    room.browser("bob").post("/sessions/room/rfq", {"leg_from": "AAPL", "leg_to": "GOLD 3m", "amount_from": "1"})
    for act, may in ((sessions.halt_session, False), (sessions.resume_session, True)):
        act(room.stream, orga)
        pushed = _pushed(Change(room.stream, 0, status_changed=True), "alice")
        assert ('id="replace-' in pushed) is may
        assert ('id="quote-on-' in pushed) is may


def test_who_has_many_orders_is_told_how_many(room: Room) -> None:
    alice = room.actor("alice")
    for number in range(32):
        body = {"participant_id": "alice", **SELL, "quantity": "0.1", "price": f"{151 + number}"}
        orders.place_order(room.stream, requests.place_order(room.session, body), alice)
    page = room.browser("alice").get("/sessions/room").content.decode()
    assert "32 open, the newest 30 shown" in page


def test_the_page_knows_a_book_deeper_than_it_shows(room: Room) -> None:
    alice = room.actor("alice")
    for number in range(12):
        body = {"participant_id": "alice", **SELL, "quantity": f"0.1{number:02}", "price": f"{151 + number}"}
        orders.place_order(room.stream, requests.place_order(room.session, body), alice)
    book = _pushed(_all(room), None)
    assert book.count('data-side="ask"') == 10
    assert 'data-asks="1610000:1100 1620000:1110" data-bids="" data-cut=""' in book


def test_an_order_that_takes_several_is_told_in_one_sentence(room: Room) -> None:
    for price in ("151", "152", "153.5"):
        room.browser("alice").post("/sessions/room/orders", SELL | {"price": price})
    room.browser("bob").post("/sessions/room/orders", SELL | {"side": "buy", "quantity": "2.5", "price": "160"})
    pushed = _pushed(_all(room), "bob")
    told, fills = (
        json.loads(unescape(re.findall(f' data-{name}="([^"]*)"', pushed)[-1])) for name in ("told", "fills")
    )
    assert [text for _, _, text in told] == ["Bought 2.5 AAPL at 151.9000 on average, in 3 trades."]
    assert len(fills) == 3


def test_nobodys_orders_or_holdings_go_to_others(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL | {"quantity": "1.2345"})
    change = _all(room)
    mine = re.compile(r'<tr id="order-\d+".*?</tr>', re.S)
    assert "1.2345" in mine.findall(_pushed(change, "alice"))[0]
    assert mine.findall(_pushed(change, "bob")) == []
    assert "48.7655" in _pushed(change, "alice")  # what is still available
    assert "48.7655" not in _pushed(change, "bob")
    assert "alice" not in _pushed(change, None)
    assert "csrf" not in _pushed(change, None)


def test_a_quiet_moment_brings_the_time_only(room: Room) -> None:
    quiet = Change(room.stream, 7)
    assert _ids(_pushed(quiet, None)) == {"head", "heartbeat"}
    assert _ids(_pushed(quiet, "alice")) == {"head", "heartbeat"}


def test_new_prices_are_rendered_once_for_everybody(room: Room) -> None:
    made = fragments.render(Change(room.stream, 7, ticks=[_tick(room)]), {"alice", "bob", None})
    assert made["alice"] == made["bob"] == made[None]
    assert _ids(made[None]) == {"head", "heartbeat", "prices"}
    assert "1522500" in made[None]


def test_somebody_hears_what_happened_to_them_and_nobody_else_does(room: Room) -> None:
    alice, bob = room.browser("alice"), room.browser("bob")
    alice.post("/sessions/room/orders", SELL | {"quantity": "1.5"})
    bob.post("/sessions/room/orders", SELL | {"side": "buy", "quantity": "0.5"})
    bob.post("/sessions/room/rfq", {"leg_from": "AAPL", "leg_to": "GOLD 3m", "amount_from": "2"})
    rfq = public_id(room.stream, queries.head(room.stream)[0])
    alice.post(f"/sessions/room/rfq/{rfq}/quote", {"rate": "0.08"})
    change = _all(room)
    assert "Sold 0.5 AAPL at 151.0000." in _pushed(change, "alice")
    assert "Bought 0.5 AAPL at 151.0000." in _pushed(change, "bob")
    assert "alice quotes 0.08: 0.16 GOLD 3m for your AAPL." in _pushed(change, "bob")
    assert "bob asks for quotes: 2 AAPL for GOLD 3m." in _pushed(change, "alice")
    assert "asks for quotes" not in _pushed(change, "bob")
    for sentence in ("Bought 0.5", "alice quotes"):
        assert sentence not in _pushed(change, "alice")
        assert sentence not in _pushed(change, None)


def test_what_becomes_of_the_session_is_told_to_all(room: Room) -> None:
    room.browser("orga").post("/sessions/room/halt", {"reason": "<lunch>"})
    pushed = _pushed(_all(room), None)
    assert "Trading is halted. &lt;lunch&gt;" in pushed
    assert "<lunch>" not in pushed


def test_a_session_that_is_gone_brings_nothing(room: Room) -> None:
    assert fragments.render(Change(UUID(int=5), 1, status_changed=True), {"alice", None}) == {}
