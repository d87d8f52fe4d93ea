"""Every page renders, for every role and in every state of a market; names are escaped; reads stay few."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.facade import User
from common.clock import SECOND, now_us
from ledger.models import Event
from ledger.runtime import runtime
from predictions.engine.events import Terms
from predictions.handlers import agents, comments, exchanges
from predictions.web import reads, urls
from predictions.web.tests.conftest import DAY, Hall, hall_named

SNOW = {"question": "Will it snow in May?", "category": "culture", "deadline": "2099-05-01T00:00"}
NEW = "/predictions/new?exchange=class-a"
EVERYBODY = ("alice", "mona", "orga", "stranger")


def pages(hall: Hall) -> list[str]:
    of = f"?exchange={hall.name}"
    return [
        "/predictions",
        f"/predictions{of}",
        f"/predictions{of}&status=all&sort=volume&category=tech&q=rain",
        f"/predictions/new{of}",
        hall.page,
        f"{hall.page}/live",
        f"{hall.page}/chart",
        f"{hall.page}/estimate?outcome=YES&size=1&price=50",
        f"{hall.page}?outcome=NO&price=33&size=7&sort=controversial",
        f"/predictions/leaderboard{of}",
        f"/predictions/leaderboard{of}&by=reputation&role=moderator",
        f"/predictions/agents{of}",
        *(f"/predictions/agents/{hall.id(number)}" for number in hall.agents.values()),
    ]


def see_all(hall: Hall) -> None:
    for who in EVERYBODY:
        browser = hall.browser(who)
        for path in pages(hall):
            for headers in ({}, {"HX-Request": "true"}):
                answer = browser.get(path, headers=headers)
                assert answer.status_code == 200, (who, path)
                assert answer["Cache-Control"] == "no-store"
                assert b"style=" not in answer.content
        judging = 200 if who in {"mona", "orga"} else 404
        for path in (f"/predictions/desk?exchange={hall.name}", f"{hall.page}/resolve"):
            assert browser.get(path).status_code == judging, (who, path)


def test_everybody_sees_every_page_of_an_open_market(hall: Hall) -> None:
    see_all(hall)
    hall.trade()
    hall.place("carol", "NO", 5, 30)
    see_all(hall)


def test_every_page_shows_a_market_that_waits_for_its_resolution(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    hall.trade()
    monkeypatch.setattr(runtime, "clock", lambda: now_us() + 2 * DAY)
    exchanges.advance_exchange(hall.stream)
    assert hall.row().status == "closed"
    see_all(hall)


@pytest.mark.parametrize(("outcome", "value"), [("YES", 0), ("VOID", 0), ("PROBABILITY", 30)])
def test_every_page_shows_a_resolved_market(hall: Hall, outcome: str, value: int) -> None:
    hall.trade()
    hall.resolve(outcome, yes_value=value)
    see_all(hall)


def test_every_page_shows_a_proposed_resolution(people: dict[str, User]) -> None:
    hall = hall_named("slow", people, Terms(challenge_window=3600 * SECOND, faucet_limit=1_000_000))
    hall.trade()
    hall.resolve("NO")
    assert hall.row().status == "proposed"
    see_all(hall)


def test_who_is_not_signed_in_is_asked_to(hall: Hall) -> None:
    for path in pages(hall):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"].startswith("/sign-in?next=")) == (302, True), path


def test_what_is_not_there_is_404(hall: Hall) -> None:
    browser = hall.browser("alice")
    unknown = hall.id(99_999)
    for path in (
        f"/predictions/markets/{unknown}",
        "/predictions/markets/x-1",
        "/predictions/markets/%00",
        f"/predictions/markets/{hall.id(hall.agents['alice'])}",
        "/predictions?exchange=nowhere",
        "/predictions?exchange=%00",
    ):
        assert browser.get(path).status_code == 404, path


@pytest.mark.parametrize(
    "query", ["q=%00", "page=99999999999999999999", "page=-1", "sort=x&status=y&category=z", "q=%ff"]
)
def test_garbage_in_the_address_is_no_error(hall: Hall, query: str) -> None:
    browser = hall.browser("alice")
    for path in ("/predictions?exchange=class-a&", "/predictions/new?exchange=class-a&", f"{hall.page}?"):
        assert browser.get(f"{path}{query}&price=%00&replace=1-1&sort=%ff").status_code == 200, path


def test_garbage_in_any_form_is_refused_and_changes_nothing(hall: Hall) -> None:
    order = hall.place("bob", "NO", 5, 40).number
    ids = {"market_id": hall.id(hall.market), "agent_id": hall.id(hall.agents["alice"]), "order": hall.id(order)}
    names = [
        "outcome",
        "action",
        "order_type",
        "size",
        "price",
        "time_in_force",
        "expires_at",
        "step",
        "do",
        "to",
        "amount",
        "name",
        "mode",
        "note",
    ]
    names += ["content", "parent", "sentiment", "prediction", "vote", "question", "deadline"]
    before = reads.head(hall.stream)
    browsers = {who: hall.browser(who) for who in ("alice", "orga")}
    for who, junk in (("alice", "\0"), ("alice", "9" * 5000), ("alice", "²"), ("orga", "\u202e")):
        form = {**dict.fromkeys(names, junk), "command_id": junk}
        for route in urls.urlpatterns:
            path = reverse(str(route.name), kwargs=_sample(str(route.pattern), ids))
            answer = browsers[who].post(f"{path}?exchange=class-a", form)
            assert answer.status_code in {200, 302, 404, 405, 422}, (path, who, junk)
    acted = {row.type for row in Event.objects.filter(stream_id=hall.stream, seq__gt=before)}
    assert acted <= {"AgentRegistered", "MoneyIssued"}


def _sample(route: str, ids: dict[str, str]) -> dict[str, str | int]:
    names = re.findall(r"<(?:\w+:)?(\w+)>", route)
    return {name: ids.get(name, 10**30) for name in names}


def test_the_list_searches_filters_and_sorts(hall: Hall) -> None:
    late = hall.ask("bob", "Will the bank lower its rate?", category="finance", deadline=now_us() + 9 * DAY)
    browser = hall.browser("carol")

    def shown(query: str) -> list[str]:
        text = browser.get(f"/predictions?exchange=class-a&{query}").content.decode()
        found = [(text.find(f'id="open-{number}"'), name) for number, name in ((hall.market, "rain"), (late, "rate"))]
        return [name for at, name in sorted(found) if at > 0]

    part = browser.get("/predictions?exchange=class-a", headers={"HX-Request": "true"}).content
    back = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert b"<html" not in part
    assert b"<html" in browser.get("/predictions?exchange=class-a", headers=back).content
    assert shown("") == shown("sort=closing") == ["rain", "rate"]
    assert shown("sort=newest") == ["rate", "rain"]
    assert shown("q=BANK") == shown("category=finance") == ["rate"]
    assert shown("status=resolved") == []
    assert "No question fits" in browser.get("/predictions?exchange=class-a&q=%3Cscript%3E").content.decode()


def test_a_question_is_reviewed_with_its_fee_and_then_opened(hall: Hall) -> None:
    browser, before = hall.browser("bob"), hall.agent("bob").balance
    form = {
        "question": "Will it snow in May?",
        "category": "culture",
        "deadline": "2099-05-01T00:00",
        "criteria": "Any.",
    }
    shown = browser.post(NEW, {**form, "step": "review"}).content.decode()
    assert "Pay 10.00 and open it" in shown
    assert "2099-05-01 00:00:00 UTC" in shown
    assert hall.agent("bob").balance == before
    done = browser.post(NEW, {**form, "step": "create", "command_id": "only-once-1"})
    again = browser.post(NEW, {**form, "step": "create", "command_id": "only-once-1"})
    assert done.status_code == again.status_code == 302
    assert done["Location"] == again["Location"]
    assert hall.agent("bob").balance == before - 100_000
    assert b"Will it snow in May?" in browser.get(done["Location"]).content


def test_a_wrong_question_is_told(hall: Hall) -> None:
    for wrong in (
        {"question": "Short?"},
        {"question": "W" * 501},
        {"question": "Will \0 it be a NUL?"},
        {"category": "weather"},
        {"deadline": "2001-01-01T00:00"},
        {"deadline": ""},
        {"deadline": "99999-01-01T00:00"},
        {"criteria": "x" * 2001},
    ):
        for step in ("review", "create"):
            answer = hall.browser("bob").post(NEW, {**SNOW, **wrong, "step": step})
            assert (answer.status_code, b'role="alert"' in answer.content) == (422, True), wrong


def test_an_organiser_opens_questions_free_of_charge_and_nobody_else(hall: Hall) -> None:
    form = {
        "question": "Will it snow in May?",
        "category": "culture",
        "deadline": "2099-05-01T00:00",
        "step": "create",
    }
    assert hall.browser("orga").post(NEW, {**form, "for_free": "1"}).status_code == 302
    before = hall.agent("bob").balance
    hall.browser("bob").post(NEW, {**form, "for_free": "1"})
    assert hall.agent("bob").balance == before - 100_000
    assert hall.browser("stranger").post(NEW, form).status_code == 422


def test_hostile_texts_are_shown_as_text(hall: Hall) -> None:
    evil = '<script>alert(1)</script>"><u>'
    bad = agents.register(exchanges.find("class-a"), evil, owner=hall.people["carol"])
    hall.agents["carol"] = bad.agent.number
    hall.market = hall.ask(
        "carol", f"Will {evil} be shown?", description=evil, criteria=evil, source=f"javascript:{evil}"
    )
    for path in pages(hall):
        for who in ("alice", "carol"):
            text = hall.browser(who).get(path).content.decode()
            assert "<script>alert" not in text
            assert '"><u>' not in text
            assert 'href="javascript:' not in text


@pytest.fixture
def queries_of(hall: Hall) -> Callable[[str], int]:
    def count(path: str) -> int:
        browser = hall.browser("alice")
        browser.get(path)
        with CaptureQueriesContext(connection) as found:
            browser.get(path)
        return len(found)

    return count


def test_the_number_of_reads_does_not_grow(hall: Hall, queries_of: Callable[[str], int]) -> None:
    of = "exchange=class-a"
    own = (
        f"/predictions/leaderboard?{of}",
        f"/predictions/agents?{of}",
        f"/predictions/agents/{hall.id(hall.agents['bob'])}",
    )
    paths = (f"/predictions?{of}&status=all", hall.page, f"{hall.page}/live", *own)
    hall.trade()
    comments.say(hall.stream, hall.market, hall.agent("bob"), "Dry.", prediction=30)
    before = [queries_of(path) for path in paths]
    for price in (40, 50, 60):
        hall.trade(5, price)
        hall.ask("carol", f"Will it be {price} degrees?")
        hall.place("alice", "YES", 1, 10)
        comments.say(hall.stream, hall.market, hall.agent("bob"), "Dry.", prediction=price)
        agents.register(exchanges.find("class-a"), f"bot {price}")
    assert [queries_of(path) for path in paths] == before
    assert max(before) <= 45
