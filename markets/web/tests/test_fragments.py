"""What is pushed is what the page shows, and nobody's own fragments hold anybody else's orders or holdings."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ledger import registry, store
from markets.web import fragments
from markets.web.tests.conftest import Room

SELL = {"asset": "AAPL", "side": "sell", "quantity": "1", "price": "151"}


@dataclass
class Change:
    stream: UUID
    seq: int
    events: list[Any] = field(default_factory=list)
    books: frozenset[tuple[str, str]] = frozenset()
    holders: frozenset[str] = frozenset()
    ticks: list[object] = field(default_factory=list)
    status_changed: bool = False


def _all(room: Room) -> Change:
    events = list(store.read(registry.get("session"), room.stream, 0))
    pair = ("AAPL", "CASH")
    return Change(room.stream, len(events), events, frozenset({pair}), frozenset({"alice", "bob"}), [1], True)


def _ids(text: str) -> set[str]:
    return set(re.findall(r'id="([a-z0-9-]+)"[^>]* hx-swap-oob="true"', text))


def test_every_pushed_fragment_has_its_place_on_the_terminal(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL)
    room.browser("bob").post("/sessions/room/orders", SELL | {"side": "buy"})
    room.browser("bob").post("/sessions/room/rfq", {"leg_from": "AAPL", "leg_to": "GOLD 3m", "amount_from": "1"})
    change = _all(room)
    page = room.browser("alice").get("/sessions/room").content.decode()
    public, own = _ids(fragments.render_public(change)), _ids(fragments.render_own(change, "alice"))
    assert public == {"head", "heartbeat", "status", "prices", "book-0-cash", "tape", "rfqs-public"}
    assert own == {"orders", "holdings", "rfqs"}
    for fragment in (public | own) - {"rfqs-public"}:
        assert f'id="{fragment}"' in page, fragment
    assert 'id="rfqs-public"' in room.browser("orga").get("/sessions/room").content.decode()


def test_the_page_shows_what_a_push_would_bring(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL | {"quantity": "1"})
    page = room.browser("alice").get("/sessions/room").content.decode()
    pushed = fragments.render_public(_all(room))
    book = re.search(r'<div id="book-0-cash".*?</div>', pushed, re.S)
    assert book is not None
    assert book[0].replace(' hx-swap-oob="true"', "") in page


def test_nobodys_orders_or_holdings_go_to_others(room: Room) -> None:
    room.browser("alice").post("/sessions/room/orders", SELL | {"quantity": "1.2345"})
    change = _all(room)
    assert "1.2345" in fragments.render_own(change, "alice")
    assert "1.2345" not in fragments.render_own(change, "bob")
    assert "alice" not in fragments.render_public(change)
    assert "csrf" not in fragments.render_public(change)


def test_a_quiet_moment_brings_the_time_only(room: Room) -> None:
    quiet = Change(room.stream, 7)
    assert _ids(fragments.render_public(quiet)) == {"head", "heartbeat"}
    assert fragments.render_own(quiet, "alice") == ""


def test_a_session_that_is_gone_brings_nothing(room: Room) -> None:
    gone = Change(UUID(int=5), 1, status_changed=True)
    assert fragments.render_public(gone) == ""
    assert fragments.render_own(gone, "alice") == ""
