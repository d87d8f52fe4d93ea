"""An organiser runs a session in the admin alone."""

import io
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import keys
from accounts.facade import User, actor_of
from ledger.models import Event
from markets import queries, requests
from markets.admin.actions import ACTIONS
from markets.handlers.orders import place_order
from markets.models import MarketSession
from markets.tests.admin.conftest import press, signed_in, terms, text_of, url

PAGES = [
    "change",
    "settle",
    "correct",
    "keys",
    "verify",
    "clone",
    "control",
    "projector",
    "people",
    "roster",
    "codes",
    "prices",
    "audit",
    "exports",
    "orders",
    "trades",
    "events",
    *[action.name for action in ACTIONS],
]
GET_ONLY = {
    "orders",
    "trades",
    "events",
    "change",
    "clone",
    "control",
    "people",
    "prices",
    "audit",
    "exports",
    "download",
}


def trade_once(session: queries.SessionInfo, organiser: User) -> int:
    """alice sells bob 10 AAPL at 6; the trade's number."""
    for who, side in (("alice", "sell"), ("bob", "buy")):
        body = {"participant_id": who, "asset": "AAPL", "side": side, "quantity": "10", "price": "6"}
        receipt = place_order(session.stream, requests.place_order(session, body), actor_of(organiser))
    return receipt.fills[0].trade


def test_an_organiser_creates_runs_halts_resumes_and_settles_in_the_admin_alone(
    console: Client, organiser: User, session: queries.SessionInfo, direct_writes: list[str]
) -> None:
    stream = session.stream
    for name, status in (("start", "active"), ("halt", "halted"), ("resume", "active")):
        assert press(console, name, stream, reason="fire drill").status_code == 302
        assert queries.session_of(stream).status == status
    trade_once(session, organiser)
    assert press(console, "push", stream, price_0="200", price_1="500").status_code == 302
    preview = text_of(console.get(url("settle", stream)))
    assert "50000.00000000" in preview
    assert press(console, "settle", stream).status_code == 302
    settlement = queries.settlement(stream)
    assert settlement is not None
    assert settlement.payouts == {"alice": 90 * 200 * 10**8 + 60 * 500 * 10**8, "bob": 10 * 200 * 10**8}
    assert set(Event.objects.filter(stream_id=stream).values_list("actor", flat=True)) == {organiser.uid}
    assert direct_writes == []


def test_the_first_page_says_what_each_session_waits_for(console: Client, session: queries.SessionInfo) -> None:
    def first_page() -> str:
        return " ".join(text_of(console.get(reverse("admin:index"))).split())

    def link(page: str, words: str) -> str:
        return f'<a href="{url(page, session.stream)}">{words}</a>'

    assert link("start", "Start") in first_page()
    assert "0 of 2" in first_page()
    press(console, "start", session.stream)
    assert link("prices", "No price yet: simulate, replay or push") in first_page()
    press(console, "push", session.stream, price_0="200", price_1="500")
    assert link("control", "Trading") in first_page()
    press(console, "halt", session.stream, reason="fire drill")
    assert link("resume", "Halted: resume, or close") in first_page()
    press(console, "close", session.stream)
    assert link("settle", "Closed: settle it") in first_page()
    press(console, "settle", session.stream)
    assert "No session is under way." in first_page()


def test_the_first_page_shows_nobody_elses_sessions(console: Client, session: queries.SessionInfo) -> None:
    other = User.objects.create_user("otto", is_organiser=True, is_staff=True)
    assert session.session_id not in text_of(signed_in(other).get(reverse("admin:index")))
    clerk = User.objects.create_user("clara", is_staff=True)
    page = text_of(signed_in(clerk).get(reverse("admin:index")))
    assert session.session_id not in page
    assert "Sessions under way" not in page


def test_the_spy_would_see_a_write(session: queries.SessionInfo, direct_writes: list[str]) -> None:
    MarketSession.objects.filter(stream_id=session.stream).update(status="created")
    assert len(direct_writes) == 1


def test_typed_prices_are_shown_before_they_settle(console: Client, session: queries.SessionInfo) -> None:
    press(console, "start", session.stream)
    page = text_of(console.get(url("settle", session.stream), {"price_0": "200", "price_1": "500"}))
    assert "50000.00000000" in page
    assert 'name="price_0" value="200"' in page
    sent = {"price_0": "200", "price_1": "500", "command_id": command_of(page)}
    for _ in range(2):
        assert press(console, "settle", session.stream, **sent).status_code == 302
    found = queries.settlement(session.stream)
    assert found is not None
    assert found.fixing.rule == "manual"


@pytest.mark.parametrize(("price", "said"), [("1,5", "no comma."), ("", "The price of AAPL is missing.")])
def test_a_typed_price_that_is_none_is_told_once_beside_it_and_previews_nothing(
    console: Client, session: queries.SessionInfo, price: str, said: str
) -> None:
    press(console, "push", session.stream, price_0="200", price_1="500")
    page = text_of(console.get(url("settle", session.stream), {"price_0": price, "price_1": "500"}))
    assert page.count(said) == 1
    assert "prices.AAPL" not in page
    assert "It would pay" not in page


def test_a_session_whose_organiser_tells_the_prices_misses_none(console: Client, ledger: None) -> None:
    made = console.post(url("add"), terms(session_id="lab", fixing="manual", **{"participants-0-user": ""}))
    assert made.status_code == 302, text_of(made)
    press(console, "start", queries.session("lab").stream)
    page = text_of(console.get(reverse("admin:index")))
    assert ">Trading</a>" in page
    assert "No price yet" not in page


def command_of(page: str) -> str:
    """The id that a form of the page carries."""
    found = re.search(r'name="command_id" value="([0-9a-f]{32})"', page)
    assert found
    return found[1]


def test_a_settlement_is_corrected_with_a_reason(console: Client, session: queries.SessionInfo) -> None:
    press(console, "start", session.stream)
    press(console, "settle", session.stream, price_0="200", price_1="500")
    assert "10000.00000000" in text_of(
        console.get(url("correct", session.stream), {"price_0": "300", "price_1": "500"})
    )
    unexplained = press(console, "correct", session.stream, price_0="300", price_1="500")
    assert unexplained.status_code == 422
    assert "Say why: the ledger keeps the reason." in text_of(unexplained)
    assert "10000.00000000" in text_of(unexplained)
    done = press(console, "correct", session.stream, price_0="300", price_1="500", reason="a typo")
    assert done.status_code == 302
    found = queries.settlement(session.stream)
    assert found is not None
    assert (found.payouts["alice"], found.reason) == (60000 * 10**8, "a typo")


def test_settling_without_a_price_says_why_and_changes_nothing(console: Client, session: queries.SessionInfo) -> None:
    press(console, "start", session.stream)
    answer = press(console, "settle", session.stream)
    assert answer.status_code == 422
    assert "No price has been published" in text_of(answer)
    assert queries.session_of(session.stream).status == "active"


def test_participants_come_get_shares_and_go(console: Client, session: queries.SessionInfo) -> None:
    User.objects.create_user("carol")
    stream = session.stream
    assert press(console, "admit", stream, participant_id="carol", name="Carol").status_code == 302
    assert press(console, "remove", stream, participant="alice", reason="left").status_code == 302
    cells = {"units:0:carol": "30", "units:1:carol": "20.5"}
    assert console.post(url("allocate", stream), cells).status_code == 302
    assert press(console, "split", stream).status_code == 302
    held = queries.allocations(stream)
    assert held["carol"]["AAPL"].total == 300000
    assert held["bob"]["AAPL"].total == 700000
    assert "Carol" in text_of(console.get(url("change", stream)))


def test_removing_twice_by_one_form_is_one_removal_and_an_old_page_hears_of_it(
    console: Client, session: queries.SessionInfo
) -> None:
    once = {"participant": "bob", "command_id": "b" * 32}
    assert press(console, "remove", session.stream, **once).status_code == 302
    assert press(console, "remove", session.stream, **once).status_code == 302
    for name, fields in (("remove", {}), ("announce", {"text": "Hello"})):
        old = press(console, name, session.stream, participant="bob", **fields)
        assert (old.status_code, "bob was removed from this session." in text_of(old)) == (422, True)
    again = press(console, "admit", session.stream, participant_id="bob")
    assert "is taken by somebody who was removed: choose another" in text_of(again)


def test_a_refused_allocation_keeps_what_was_typed(console: Client, session: queries.SessionInfo) -> None:
    answer = console.post(url("allocate", session.stream), {"units:0:bob": "1.23456", "units:1:bob": "7"})
    assert answer.status_code == 422
    assert "at most 4 decimals" in text_of(answer)
    assert 'value="1.23456"' in text_of(answer)


def test_a_trade_is_busted(console: Client, organiser: User, session: queries.SessionInfo) -> None:
    press(console, "start", session.stream)
    number = trade_once(session, organiser)
    assert f"trade={number}" in text_of(console.get(url("trades", session.stream)))
    assert f'value="{number}"' in text_of(console.get(url("bust", session.stream), {"trade": number}))
    assert press(console, "bust", session.stream, trade=number, reason="fat finger").status_code == 302
    assert "busted" in text_of(console.get(url("trades", session.stream)))
    assert press(console, "bust", session.stream, trade=number, reason="again").status_code == 422


def test_a_session_is_cancelled_with_a_reason(console: Client, session: queries.SessionInfo) -> None:
    assert press(console, "cancel", session.stream, reason="").status_code == 422
    assert press(console, "cancel", session.stream, reason="rain").status_code == 302
    assert queries.session_of(session.stream).status == "cancelled"


def test_deleting_wants_the_name(console: Client, session: queries.SessionInfo, direct_writes: list[str]) -> None:
    assert press(console, "delete", session.stream, session_id="class-2").status_code == 422
    assert press(console, "delete", session.stream, session_id="class-1").status_code == 302
    assert console.get(url("change", session.stream)).status_code == 404
    assert not MarketSession.objects.exists()
    assert direct_writes == []


def test_a_feed_is_simulated_stopped_and_replayed(console: Client, session: queries.SessionInfo) -> None:
    stream = session.stream
    sim = {"tick_ms": "100", "max_ticks": "0", "seed": "7", "start_0": "200"}
    assert press(console, "simulate", stream, **sim).status_code == 302
    page = text_of(console.get(url("change", stream)))
    assert "running" in page
    assert "seed 7" in page
    refused = press(console, "replay", stream, tick_ms="100", max_ticks="0", csv=_csv("1,2"))
    assert "This session&#x27;s feed is running; stop it first." in text_of(refused)
    refused = press(console, "push", stream, price_0="1", price_1="2")
    assert "prices are simulated or replayed: none can be pushed beside them." in text_of(refused)
    assert press(console, "stop-feed", stream).status_code == 302
    bad = _csv("\n2026-01-01T00:00:00Z,".join(["1,x", *["0,2"] * 24]))
    answer = press(console, "replay", stream, tick_ms="100", max_ticks="0", csv=bad)
    assert answer.status_code == 422
    assert "<li>Line 2: " in text_of(answer)
    assert "<li>Line 3: AAPL must be at least" in text_of(answer)
    assert "<li>... and 5 more." in text_of(answer)
    assert press(console, "replay", stream, tick_ms="100", max_ticks="0", csv=_csv("1,2")).status_code == 302
    assert "rows 1" in text_of(console.get(url("change", stream)))


def _csv(row: str) -> io.BytesIO:
    file = io.BytesIO(f"ts,AAPL,NVDA\n2026-01-01T00:00:00Z,{row}\n".encode())
    file.name = "prices.csv"
    return file


def test_keys_are_issued_shown_once_and_revoked(console: Client, session: queries.SessionInfo) -> None:
    answer = press(
        console, "keys", session.stream, participants=["alice", "bob"], scopes=["read", "trade"], name="bot"
    )
    page = text_of(answer)
    secrets = [
        word for word in page.replace("<", " ").replace(">", " ").split() if word.startswith("sm_") and len(word) > 20
    ]
    assert len(secrets) == 2
    info = keys.verify(secrets[0])
    assert info is not None
    assert info.stream == session.stream
    assert "<td>olga</td>" in text_of(console.get(url("keys", session.stream)))
    assert secrets[0] not in text_of(console.get(url("keys", session.stream)))
    assert "no-store" in answer["Cache-Control"]
    assert console.post(url("revoke", session.stream, info.key_id)).status_code == 302
    assert keys.verify(secrets[0]) is None


def test_the_export_is_the_ledger_line_by_line(console: Client, session: queries.SessionInfo) -> None:
    answer: Any = console.get(url("download", session.stream), {"format": "jsonl"})
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]
    assert lines[0]["seq"] == len(lines) - 1
    assert lines[1]["type"] == "SessionCreated"


def test_verify_tells_a_lie_from_the_truth(console: Client, session: queries.SessionInfo) -> None:
    assert "every row agree" in text_of(press(console, "verify", session.stream))
    MarketSession.objects.filter(stream_id=session.stream).update(status="settled")
    page = text_of(press(console, "verify", session.stream))
    MarketSession.objects.filter(stream_id=session.stream).update(status="created")
    assert "status is &#x27;settled&#x27;" in page


def test_the_same_form_sent_twice_happens_once(console: Client, session: queries.SessionInfo) -> None:
    for _ in range(2):
        assert press(console, "start", session.stream, command_id="a" * 32).status_code == 302
    assert queries.session_of(session.stream).status == "active"


@pytest.mark.parametrize("status", ["created", "active", "settled", "cancelled"])
def test_every_page_answers_in_every_status(console: Client, session: queries.SessionInfo, status: str) -> None:
    if status in {"active", "settled"}:
        press(console, "start", session.stream)
    if status == "settled":
        press(console, "settle", session.stream, price_0="200", price_1="500")
    if status == "cancelled":
        press(console, "cancel", session.stream, reason="rain")
    for name in PAGES:
        answer = console.get(url(name, session.stream))
        assert answer.status_code == 200, name
        assert "style=" not in text_of(answer)
        assert "<script>" not in text_of(answer)
    for page in (url("add"), url("changelist"), url("feeds"), url("trail"), reverse("admin:index")):
        assert console.get(page).status_code == 200


def test_another_organisers_session_is_not_there(console: Client, session: queries.SessionInfo) -> None:
    other = signed_in(User.objects.create_user("otto", is_organiser=True, is_staff=True))
    assert "class-1" not in text_of(other.get(url("changelist")))
    for name in [*PAGES, "download"]:
        assert other.get(url(name, session.stream)).status_code == 404
        if name not in GET_ONLY:
            assert other.post(url(name, session.stream)).status_code == 404
    assert signed_in(User.objects.create_superuser("root")).get(url("change", session.stream)).status_code == 200


def test_only_organisers_of_the_staff_enter(console: Client, session: queries.SessionInfo) -> None:
    clerk = signed_in(User.objects.create_user("clerk", is_staff=True))
    visitor = signed_in(User.objects.create_user("visitor", is_organiser=True))
    for name in ("change", "settle"):
        assert clerk.get(url(name, session.stream)).status_code == 403
        assert visitor.get(url(name, session.stream)).status_code == 302
    assert clerk.get(url("changelist")).status_code == 403
    assert clerk.get(url("add")).status_code == 403


def test_a_post_without_the_csrf_token_is_refused(organiser: User, session: queries.SessionInfo) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(organiser)
    for name in ("start", "settle", "keys", "verify", "delete"):
        assert strict.post(url(name, session.stream)).status_code == 403
    assert strict.post(url("add"), terms()).status_code == 403
