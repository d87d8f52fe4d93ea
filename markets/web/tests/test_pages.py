"""Every page renders, for everybody who may see it and for nobody else."""

from collections.abc import Callable

import pytest
from django.test import Client

from markets import queries
from markets.web.tests.conftest import Room

PAGES = (
    "/",
    "/keys",
    "/sessions/room",
    "/sessions/room/live",
    "/sessions/room/chart",
    "/sessions/room/organiser",
    "/sessions/room/portfolio",
    "/sessions/room/leaderboard",
    "/sessions/room/settlement",
    "/sessions/room/settle",
    "/sessions/room/ledger",
    "/sessions/room/ledger?at=3",
    "/sessions/room/replay",
    "/sessions/room/settlement?price.AAPL=1&price.GOLD+3m=2&statement=bob",
    "/sessions/room?asset=GOLD+3m&quote_asset=AAPL",
)
MEMBERS_ONLY = [page for page in PAGES if page.startswith("/sessions/")]


@pytest.mark.parametrize("who", ["alice", "orga"])
def test_a_member_sees_every_page_and_each_as_a_fragment(room: Room, who: str) -> None:
    browser = room.browser(who)
    for page in PAGES:
        for headers in ({}, {"HX-Request": "true"}):
            answer = browser.get(page, headers=headers)
            assert answer.status_code == 200, page
            assert answer["Cache-Control"]
            assert b"style=" not in answer.content
            assert b"onclick" not in answer.content


def test_a_member_sees_every_page_before_anything_has_happened(make_room: Callable[..., Room]) -> None:
    room = make_room(start_mode="manual")
    for page in PAGES:
        assert room.browser("bob").get(page).status_code == 200, page


@pytest.mark.parametrize("page", MEMBERS_ONLY)
def test_who_is_not_in_the_session_gets_404(room: Room, page: str) -> None:
    assert room.browser("stranger").get(page).status_code == 404


def test_the_404_of_a_session_lets_one_join_it(room: Room) -> None:
    answer = room.browser("stranger").get("/sessions/room")
    assert b'action="/sessions/room/join"' in answer.content


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_asked_to(room: Room, page: str) -> None:
    answer = Client().get(page)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


def test_the_policy_of_every_page_is_strict(room: Room) -> None:
    policy = room.browser("alice").get("/sessions/room")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy


def test_somebody_elses_orders_are_withheld_on_the_ledger_page(room: Room) -> None:
    body = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": "7.1234", "price": "151"}
    assert room.browser("alice").post("/sessions/room/orders", body).status_code == 302
    assert b"71234" in room.browser("alice").get("/sessions/room/ledger").content
    assert b"71234" in room.browser("orga").get("/sessions/room/ledger").content
    assert b"71234" not in room.browser("bob").get("/sessions/room/ledger").content
    searched = room.browser("bob").get("/sessions/room/ledger?q=71234").content
    assert b"OrderPlaced</th>" not in searched
    assert b"No event fits" in searched
    assert b"OrderPlaced</th>" in room.browser("alice").get("/sessions/room/ledger?q=71234&actor=alice").content


def test_the_ledger_page_finds_shows_and_verifies(room: Room) -> None:
    browser = room.browser("alice")
    assert b"CashIssued</th>" not in browser.get("/sessions/room/ledger?type=SessionCreated").content
    past = browser.get("/sessions/room/ledger?at=2")
    assert b'after event <b class="num">2</b>' in past.content
    assert b"The ledger has no event" in browser.get("/sessions/room/ledger?at=9999").content
    verified = browser.post("/sessions/room/ledger/verify")
    assert b"events verified" in verified.content


@pytest.mark.parametrize(
    "query", ["at=%00", "at=99999999999999999999999", "before=-1", "q=%00%ff", "type=<b>", "actor=%F0%9F"]
)
def test_garbage_in_the_address_is_no_error(room: Room, query: str) -> None:
    for page in ("/sessions/room/ledger", "/sessions/room", "/", "/sessions/room/settle"):
        assert (
            room.browser("alice").get(f"{page}?{query}&asset=%00&price=%ff&quote_on=1-1&replace=x").status_code < 500
        )


def test_the_form_for_a_session_has_every_bound_of_the_api(room: Room) -> None:
    organiser = room.browser("orga")
    bounds = {"min_quantity": "0.5", "price_band_percent": "5", "orders_per_second": "3", "order_burst": "7"}
    answer = organiser.post(
        "/sessions",
        {
            "session_id": "bounded",
            "leg": ["A"],
            "q": ["1"],
            **{f"bounds.{name}": text for name, text in bounds.items()},
        },
    )
    assert answer.status_code == 302
    found = queries.session("bounded").terms.bounds
    assert (found.min_quantity, found.price_band, found.orders_per_second, found.order_burst) == (5000, 500, 3, 7)
    refused = organiser.post("/sessions", {"session_id": "x", "leg": ["A"], "q": ["1"], "bounds.order_burst": "-1"})
    assert refused.status_code == 422
    assert b'name="bounds.order_burst"' in refused.content
    assert b'value="-1" aria-invalid="true"' in refused.content
