"""Resolving in two steps with evidence and a preview, challenging, correcting; the desk; what is said."""

import pytest
from django.core.management import call_command

from accounts.facade import User
from common.clock import SECOND, now_us
from ledger.runtime import runtime
from predictions.engine.events import Terms
from predictions.handlers import comments, exchanges
from predictions.models import Comment
from predictions.web.tests.conftest import DAY, Hall, hall_named

YES = {"outcome": "YES", "evidence": "Seen at noon.", "early": "1"}


def test_a_resolution_shows_what_it_pays_and_then_pays_just_that(hall: Hall) -> None:
    hall.trade(100, 60)
    hall.place("carol", "YES", 5, 30)
    browser, before = hall.browser("mona"), hall.agent("alice").balance
    shown = browser.post(f"{hall.page}/resolve", {**YES, "step": "review"})
    text = shown.content.decode()
    for told in ("alice-bot", "99.20", "0.80", "0.44", "1 open order will be cancelled", "before the deadline"):
        assert told in text, told
    assert (hall.row().status, hall.agent("alice").balance) == ("open", before)
    done = browser.post(f"{hall.page}/resolve", {**YES, "step": "confirm", "command_id": "only-once-now"})
    assert done.status_code == 302
    assert (hall.row().outcome, hall.agent("alice").balance) == ("YES", before + 992_000)
    assert b"Seen at noon." in browser.get(hall.page).content
    call_command("verify", all=True)


def test_the_same_confirmation_twice_pays_once(hall: Hall) -> None:
    hall.trade(100, 60)
    browser = hall.browser("mona")
    for _ in range(2):
        form = {**YES, "step": "confirm", "command_id": "only-once-now"}
        assert browser.post(f"{hall.page}/resolve", form).status_code == 302
    assert hall.agent("alice").balance == 10_286_000


def test_a_resolution_without_what_it_needs_is_told(hall: Hall) -> None:
    browser = hall.browser("mona")
    for wrong in (
        {"evidence": " "},
        {"outcome": ""},
        {"outcome": "PERHAPS"},
        {"outcome": "PROBABILITY"},
        {"outcome": "PROBABILITY", "yes_value": "100"},
        {"evidence": "x" * 2001},
    ):
        for step in ("review", "confirm"):
            answer = browser.post(f"{hall.page}/resolve", {**YES, **wrong, "step": step})
            assert (answer.status_code, b'role="alert"' in answer.content) == (422, True), wrong
    early = {"outcome": "YES", "evidence": "Seen.", "step": "confirm"}
    assert b"deadline is ahead" in browser.post(f"{hall.page}/resolve", early).content
    assert hall.row().status == "open"


def test_who_has_a_stake_or_no_office_does_not_resolve(hall: Hall) -> None:
    hall.trade()
    for who in ("alice", "bob", "stranger"):
        assert hall.browser(who).post(f"{hall.page}/resolve", {**YES, "step": "confirm"}).status_code == 404
    assert hall.row().status == "open"


def test_a_challenged_resolution_is_decided_by_somebody_else(people: dict[str, User]) -> None:
    hall = hall_named("slow", people, Terms(challenge_window=3600 * SECOND))
    hall.trade(100, 60)
    shown = hall.browser("mona").post(f"{hall.page}/resolve", {**YES, "outcome": "NO", "step": "review"})
    assert b"unless a holder challenges it" in shown.content
    hall.browser("mona").post(f"{hall.page}/resolve", {**YES, "outcome": "NO", "step": "confirm"})
    assert hall.row().status == "proposed"
    assert hall.browser("carol").post(f"{hall.page}/challenge", {"reason": "It rained."}).status_code == 422
    assert hall.browser("alice").post(f"{hall.page}/challenge", {"reason": ""}).status_code == 422
    assert hall.browser("alice").post(f"{hall.page}/challenge", {"reason": "It rained."}).status_code == 302
    assert b"It rained." in hall.browser("orga").get(f"{hall.page}/resolve").content
    assert hall.browser("mona").post(f"{hall.page}/resolve", {**YES, "step": "confirm"}).status_code == 422
    assert hall.browser("orga").post(f"{hall.page}/resolve", {**YES, "step": "confirm"}).status_code == 302
    assert hall.row().outcome == "YES"


def test_the_organiser_corrects_by_compensating_entries(hall: Hall) -> None:
    hall.trade(100, 60)
    hall.resolve("NO")
    assert b"Only the organiser corrects" in hall.browser("mona").get(f"{hall.page}/resolve").content
    browser = hall.browser("orga")
    form = {"outcome": "YES", "evidence": "The log.", "reason": "Misread.", "kind": "correct"}
    shown = browser.post(f"{hall.page}/resolve", {**form, "step": "review"}).content.decode()
    assert "▼ −98.80" in shown
    assert "▲ +99.20" in shown
    assert browser.post(f"{hall.page}/resolve", {**form, "step": "confirm"}).status_code == 302
    assert hall.row().outcome == "YES"
    assert b"Misread." in browser.get(hall.page).content
    call_command("verify", all=True)


def test_the_desk_shows_the_most_overdue_first_and_says_why_not(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    later = hall.ask("bob", "Will it snow tomorrow?", deadline=now_us() + 2 * DAY)
    hall.trade()
    monkeypatch.setattr(runtime, "clock", lambda: now_us() + 10 * DAY)
    exchanges.advance_exchange(hall.stream)
    monkeypatch.setattr("predictions.web.views.resolution.now_us", lambda: now_us() + 10 * DAY)
    text = hall.browser("mona").get("/predictions/desk?exchange=class-a").content.decode()
    assert text.index("Will it rain tomorrow?") < text.index("Will it snow tomorrow?")
    assert f"/predictions/markets/{hall.id(later)}/resolve" in text
    assert "⚠ 9 d" in text


def test_comments_are_said_answered_voted_on_and_pinned(hall: Hall) -> None:
    hall.trade()
    alice, bob, mona = (hall.browser(name) for name in ("alice", "bob", "mona"))
    form = {"content": "<b>Wet</b>\nI say.", "sentiment": "bullish", "prediction": "72"}
    assert alice.post(f"{hall.page}/talk", form).status_code == 302
    said = Comment.objects.get()
    assert bob.post(f"{hall.page}/talk", {"content": "No.", "parent": said.pk}).status_code == 302
    assert bob.post(f"{hall.page}/talk/{said.pk}/vote", {"vote": "up"}).status_code == 302
    assert alice.post(f"{hall.page}/talk/{said.pk}/vote", {"vote": "up"}).status_code == 422
    assert mona.post(f"{hall.page}/talk/{said.pk}/pin", {"pin": "1"}).status_code == 302
    assert bob.post(f"{hall.page}/talk/{said.pk}/pin", {"pin": "0"}).status_code == 422
    text = bob.get(f"{hall.page}?sort=newest").content.decode()
    for told in (
        "&lt;b&gt;Wet&lt;/b&gt;",
        "▲ bullish",
        "says <b>72 %</b>",
        "10 YES</b>",
        "pinned",
        'aria-pressed="true"',
    ):
        assert told in text, told


def test_words_are_changed_and_deleted_by_their_author_alone(hall: Hall) -> None:
    hall.browser("alice").post(f"{hall.page}/talk", {"content": "Wet."})
    said = Comment.objects.get()
    at = f"{hall.page}/talk/{said.pk}"
    assert hall.browser("bob").post(f"{at}/edit", {"content": "Dry."}).status_code == 422
    assert hall.browser("bob").post(f"{at}/remove").status_code == 422
    assert hall.browser("alice").post(f"{at}/edit", {"content": "Damp."}).status_code == 302
    assert b"Damp." in hall.browser("bob").get(hall.page).content
    assert hall.browser("mona").post(f"{at}/remove").status_code == 302
    assert b"Damp." not in hall.browser("bob").get(hall.page).content


def test_what_cannot_be_said_is_told_and_kept(hall: Hall) -> None:
    other = hall.market
    hall.market = hall.ask("bob", "Will it snow tomorrow?")
    elsewhere = comments.say(hall.stream, other, hall.agent("bob"), "Elsewhere.")
    browser = hall.browser("alice")
    for wrong in (
        {"content": ""},
        {"content": "x" * 5001},
        {"content": "a\0b"},
        {"content": "Hm.", "sentiment": "happy"},
        {"content": "Hm.", "prediction": "101"},
        {"content": "Hm.", "parent": "99999999999999999999999"},
        {"content": "Hm.", "parent": str(elsewhere.pk)},
    ):
        assert browser.post(f"{hall.page}/talk", wrong).status_code == 422, wrong
    for what in ("vote", "edit", "remove", "pin"):
        for number in (elsewhere.pk, 10**30):
            assert browser.post(f"{hall.page}/talk/{number}/{what}", {"content": "x"}).status_code == 422
    assert hall.browser("stranger").post(f"{hall.page}/talk", {"content": "Hello"}).status_code == 422
    assert Comment.objects.count() == 1


def test_who_says_too_much_is_told_to_wait(hall: Hall) -> None:
    browser = hall.browser("alice")
    answers = [browser.post(f"{hall.page}/talk", {"content": "Wet."}).status_code for _ in range(11)]
    assert answers == [302] * 10 + [422]
