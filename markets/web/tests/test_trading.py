"""Everything a participant does in the browser works as a plain form, as an HTMX swap, and is refused with 422."""

import random
import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client

from common.ids import public_id
from ledger.models import Event
from markets import queries
from markets.web.tests.conftest import Room

ORDER = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": "5", "price": "151.5"}
ASK = {"leg_from": "AAPL", "leg_to": "GOLD 3m", "amount_from": "10"}
HTMX = {"HX-Request": "true"}


def _post(client: Client, path: str, body: dict[str, str], *, htmx: bool = False) -> tuple[int, str]:
    answer = client.post(f"/sessions/room/{path}", body, headers=HTMX if htmx else {})
    return answer.status_code, answer.content.decode()


def _number_of_events(room: Room) -> int:
    return queries.head(room.stream)[0]


def _outside(room: Room) -> str:
    """The outside id of what the last event made."""
    return public_id(room.stream, _number_of_events(room))


def test_an_order_is_placed_replaced_and_cancelled_by_plain_forms(room: Room) -> None:
    alice = room.browser("alice")
    assert _post(alice, "orders", ORDER)[0] == 302
    order = _outside(room)
    assert "151.5000" in alice.get("/sessions/room").content.decode()
    assert "Replace" in alice.get(f"/sessions/room?replace={order}").content.decode()
    assert _post(alice, f"orders/{order}/replace", {"quantity": "4", "price": ""})[0] == 302
    assert queries.recent_orders(room.stream, "alice")[0].quantity == 40_000
    assert _post(alice, f"orders/{order}/cancel", {})[0] == 302
    assert queries.recent_orders(room.stream, "alice")[0].status == "cancelled"


def test_with_htmx_the_answer_is_what_changed(room: Room) -> None:
    alice = room.browser("alice")
    status, text = _post(alice, "orders", ORDER, htmx=True)
    assert status == 200
    assert "<html" not in text
    for fragment in ("orders", "holdings", "book-0-cash", "ticket", "flash"):
        assert f'id="{fragment}"' in text, fragment
    assert text.count("hx-swap-oob") >= 8
    assert "151.5000" in text


def test_two_traders_meet_and_the_tape_shows_it(room: Room) -> None:
    alice, bob = room.browser("alice"), room.browser("bob")
    _post(alice, "orders", ORDER)
    buy = {"asset": "AAPL", "side": "buy", "order_type": "market", "quantity": "2"}
    status, text = _post(bob, "orders", buy, htmx=True)
    assert status == 200
    assert "filled, 2 filled" in text
    assert re.search(r'<tr class="buy" data-number="\d+">', text)
    assert queries.allocations(room.stream)["bob"]["AAPL"].total == 520_000


def test_all_open_orders_are_cancelled_at_once(room: Room) -> None:
    alice = room.browser("alice")
    for price in ("160", "161"):
        _post(alice, "orders", ORDER | {"price": price})
    assert _post(alice, "orders/cancel", {})[0] == 302
    assert {row.status for row in queries.recent_orders(room.stream, "alice")} == {"cancelled"}


@pytest.mark.parametrize("htmx", [False, True])
def test_a_quote_is_asked_for_given_and_accepted(room: Room, htmx: bool) -> None:
    alice, bob = room.browser("alice"), room.browser("bob")
    done = 200 if htmx else 302
    assert _post(alice, "rfq", ASK, htmx=htmx)[0] == done
    rfq = _outside(room)
    assert 'id="quote-rate"' in bob.get(f"/sessions/room?quote_on={rfq}").content.decode()
    assert 'id="quote-rate"' not in alice.get(f"/sessions/room?quote_on={rfq}").content.decode()
    assert _post(bob, f"rfq/{rfq}/quote", {"rate": "0.5", "firm": "1"}, htmx=htmx)[0] == done
    first = _outside(room)
    assert _post(bob, f"quotes/{first}/withdraw", {}, htmx=htmx)[0] == done
    assert _post(bob, f"rfq/{rfq}/quote", {"rate": "0.62"}, htmx=htmx)[0] == done
    quote = _outside(room)
    page = alice.get("/sessions/room").content.decode()
    assert f"/quotes/{quote}/accept" in page
    assert f"/quotes/{quote}/accept" not in bob.get("/sessions/room").content.decode()
    assert _post(alice, f"quotes/{quote}/accept", {}, htmx=htmx)[0] == done
    assert queries.allocations(room.stream)["alice"]["GOLD 3m"].total == 362_000
    assert _post(alice, "rfq", ASK, htmx=htmx)[0] == done
    assert _post(alice, f"rfq/{_outside(room)}/cancel", {}, htmx=htmx)[0] == done


REFUSED = [
    ("orders", ORDER | {"quantity": "1000"}, "available"),
    ("orders", ORDER | {"quantity": "-1"}, "quantity must be"),
    ("orders", ORDER | {"quantity": "NaN"}, "quantity must be a finite number"),
    ("orders", ORDER | {"quantity": "1e400"}, "quantity"),
    ("orders", ORDER | {"quantity": ""}, "quantity is required"),
    ("orders", ORDER | {"quantity": "1.23456"}, "at most 4 decimals"),
    ("orders", ORDER | {"price": ""}, "needs a price"),
    ("orders", ORDER | {"order_type": "market"}, "takes no price"),
    ("orders", ORDER | {"side": "buy", "quantity": "5000"}, "available"),
    ("orders", ORDER | {"asset": "TSLA"}, "none of this session&#x27;s legs"),
    ("orders", ORDER | {"time_in_force": "gtd", "expires_at": "yesterday"}, "The time of expiry must be"),
    ("rfq", ASK | {"leg_to": "AAPL"}, "two different legs"),
    ("rfq", ASK | {"amount_from": "0"}, "The amount to give must be"),
    ("rfq", ASK | {"expires_in": "soon"}, "The time to expiry must be"),
    ("halt", {}, "Only the session&#x27;s organiser"),
    ("remove", {"participant_id": "bob"}, "Only the session&#x27;s organiser"),
    ("admit", {"participant_id": "eve", "username": "stranger"}, "Only the organiser"),
    ("settle", {"confirm": "1"}, "Only the session&#x27;s organiser"),
]


@pytest.mark.parametrize("htmx", [False, True])
def test_what_the_rules_refuse_comes_back_as_422_with_a_sentence(room: Room, htmx: bool) -> None:
    alice, before = room.browser("alice"), _number_of_events(room)
    for path, body, sentence in REFUSED:
        status, text = _post(alice, path, body, htmx=htmx)
        assert (status, sentence in text) == (422, True), (path, body, text[-1500:])
    assert _number_of_events(room) == before


def test_what_was_typed_is_still_there_after_a_refusal(room: Room) -> None:
    _, text = _post(room.browser("alice"), "orders", ORDER | {"quantity": "1000"})
    assert 'value="1000"' in text
    assert 'value="151.5"' in text
    assert "<html" in text


def test_a_form_that_is_sent_twice_happens_once(room: Room) -> None:
    alice, body = room.browser("alice"), ORDER | {"command_id": uuid4().hex}
    assert _post(alice, "orders", body)[0] == 302
    after = _number_of_events(room)
    assert _post(alice, "orders", body)[0] == 302
    assert _number_of_events(room) == after
    assert _post(alice, "orders", body | {"quantity": "6"})[0] == 422


def test_every_form_has_a_token_and_an_id_of_its_own(room: Room) -> None:
    _post(room.browser("alice"), "orders", ORDER)
    for path in ("/sessions/room", "/sessions/room/portfolio"):
        page = room.browser("orga" if "portfolio" in path else "alice").get(path).content.decode()
        forms = [form for form in re.findall(r"<form.*?</form>", page, re.S) if 'method="post"' in form]
        forms = [form for form in forms if not re.search('action="/(sign-out|theme)"', form)]
        assert forms
        ids = [re.findall(r'name="command_id" value="([0-9a-f]{32})"', form) for form in forms]
        assert all(len(found) == 1 for found in ids)
        assert len({found[0] for found in ids}) == len(ids)
        assert all("csrfmiddlewaretoken" in form for form in forms)


def test_without_the_token_nothing_happens(room: Room) -> None:
    before = _number_of_events(room)
    answer = room.browser("alice", checks=True).post("/sessions/room/orders", ORDER)
    assert answer.status_code == 403
    assert b"form has expired" in answer.content
    assert _number_of_events(room) == before


def test_nobody_reaches_into_a_session_that_is_not_theirs(room: Room) -> None:
    _post(room.browser("alice"), "orders", ORDER)
    order, before = _outside(room), _number_of_events(room)
    stranger, bob = room.browser("stranger"), room.browser("bob")
    paths = (
        "orders",
        "orders/cancel",
        f"orders/{order}/cancel",
        "rfq",
        "halt",
        "settle",
        "allocate",
        "ledger/verify",
    )
    for path in paths:
        assert _post(stranger, path, ORDER)[0] == 404, path
    assert _post(bob, f"orders/{order}/cancel", {})[0] == 422
    assert _post(bob, f"orders/{order}/replace", {"quantity": "1"})[0] == 422
    assert _post(bob, f"orders/{public_id(uuid4(), 3)}/cancel", {})[0] == 404
    assert _post(bob, "orders/x/cancel", {})[0] == 404
    assert _number_of_events(room) == before


NASTY = ["", " ", "\0", "é" * 300, "1e400", "-0", "٣", "0x10", "<script>", "true", "[]", "9" * 70]
NASTY += ["1.5.2", "%00", "Infinity", "1_000", "2026-13-45T99:99"]


@pytest.mark.parametrize("htmx", [False, True])
def test_garbage_in_any_form_is_never_a_5xx(room: Room, htmx: bool) -> None:
    chance, alice, orga = random.Random(5), room.browser("alice"), room.browser("orga")
    alice.raise_request_exception = orga.raise_request_exception = False
    _post(alice, "rfq", ASK)
    rfq = _outside(room)
    forms = {
        "orders": [*ORDER, "quote_asset", "time_in_force", "expires_at", "post_only"],
        "orders/cancel": ["asset"],
        f"orders/{rfq}/replace": ["quantity", "price"],
        f"orders/{rfq}/cancel": ["asset"],
        "rfq": [*ASK, "expires_in"],
        f"rfq/{rfq}/quote": ["rate", "firm", "expires_in"],
        f"quotes/{rfq}/accept": ["asset"],
        "halt": ["reason"],
        "cancel": [],
        "admit": ["participant_id", "username"],
        "remove": ["participant_id", "reason"],
        "settle": ["price.AAPL", "price.GOLD 3m", "confirm"],
        "join": ["participant_id", "name"],
        "delete": ["confirm", "reason"],
    }
    for round_number in range(8):
        for path, names in forms.items():
            body = {name: chance.choice(NASTY) for name in [*names, "command_id"]}
            client = (alice, orga)[round_number % 2]
            status, text = _post(client, path, body, htmx=htmx)
            assert status < 500, (path, body, text[:300])
    body = {name: chance.choice(NASTY[:-4]) for name in ("session_id", "t1", "t2", "fixing", "duration_minutes")}
    assert orga.post("/sessions", body | {"leg": ["a", "b"], "q": ["x"]}).status_code == 422


def test_a_session_is_opened_and_joined_by_forms(make_room: Callable[..., Room]) -> None:
    room = make_room()
    orga, stranger = room.browser("orga"), room.browser("stranger")
    terms = {"session_id": "second", "leg": ["AAPL", "NVDA", ""], "q": ["10", "20.5", ""], "duration_minutes": "30"}
    answer = orga.post("/sessions", terms)
    assert (answer.status_code, answer["Location"]) == (302, "/sessions/second")
    assert queries.session("second").q == (100_000, 205_000)
    assert stranger.post("/sessions", terms).status_code == 422
    assert orga.post("/sessions", terms).status_code == 422  # there is one of that name
    listed = stranger.get("/").content.decode()
    assert "second" in listed
    assert "New session" not in listed
    assert stranger.post("/sessions/second/join", {"participant_id": "treasury"}).status_code == 422
    assert stranger.post("/sessions/second/join", {"participant_id": "eve", "name": "Eve"}).status_code == 302
    assert stranger.get("/sessions/second").status_code == 200
    assert stranger.post("/sessions/second/delete", {"confirm": "second"}).status_code == 422
    assert orga.post("/sessions/second/delete", {"confirm": "no"}).status_code == 422
    assert orga.post("/sessions/second/delete", {"confirm": "second"}).status_code == 302
    assert stranger.get("/sessions/second").status_code == 404


def test_an_organiser_runs_a_session_on_its_pages(make_room: Callable[..., Room]) -> None:
    room = make_room(start_mode="manual")
    orga = room.browser("orga")
    assert _post(orga, "start", {})[0] == 302
    assert _post(orga, "halt", {"reason": "lunch"})[0] == 302
    assert _post(room.browser("alice"), "orders", ORDER)[0] == 422
    status, text = _post(orga, "resume", {}, htmx=True)
    assert status == 200
    assert "Halt" in text
    assert _post(orga, "admit", {"participant_id": "eve", "username": "stranger"})[0] == 302
    assert _post(orga, "remove", {"participant_id": "eve", "reason": "left"})[0] == 302
    preview = orga.get("/sessions/room/settle?price.AAPL=200&price.GOLD+3m=500")
    assert b"50,000.00" in preview.content
    typed = {"price.AAPL": "200", "price.GOLD 3m": "500"}
    assert _post(orga, "settle", typed)[0] == 422
    assert _post(orga, "settle", typed | {"confirm": "1"})[0] == 302
    assert b"25,000.00" in orga.get("/sessions/room/settlement").content
    assert (
        Event.objects.filter(stream_id=room.stream, type="SessionSettled", actor=room.actor("orga").id).count() == 1
    )


def test_a_session_is_called_off_with_a_reason_only(room: Room) -> None:
    orga = room.browser("orga")
    assert _post(orga, "cancel", {"reason": " "})[0] == 422
    assert _post(orga, "cancel", {"reason": "fire drill"})[0] == 302
    assert room.session.status == "cancelled"
    assert "nothing is paid" in orga.get("/sessions/room").content.decode()


def test_a_participant_leaves(room: Room) -> None:
    bob = room.browser("bob")
    answer = bob.post("/sessions/room/remove", {"participant_id": "bob"})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert bob.get("/sessions/room").status_code == 404


def test_names_cannot_bring_markup_into_a_page(make_room: Callable[..., Room]) -> None:
    room = make_room()
    stranger = room.browser("stranger")
    nasty = "<img src=x onerror=alert(1)>"
    assert stranger.post("/sessions/room/join", {"participant_id": "eve", "name": nasty}).status_code == 302
    for page in ("portfolio", "leaderboard", "ledger"):
        assert "<img" not in room.browser("alice").get(f"/sessions/room/{page}").content.decode()
