"""Event markets in a real browser: a question from its opening over trading by three agents to its resolution."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Watched
from tests.browser.scene import HAS_EVENTS, ROOT

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not HAS_EVENTS, reason="event markets are not installed")]
QUESTION = "Will the harbour freeze over this winter?"


def _open_question(page: Page, address: str) -> str:
    """Alice asks; the fee is shown before she confirms. Answers the page's path."""
    page.goto(f"{address}/predictions/new")
    page.fill("[name=question]", QUESTION)
    page.select_option("[name=category]", "culture")
    page.fill("[name=deadline]", "2099-03-01T12:00")
    page.fill("[name=criteria]", "The pilot's log says that it is closed by ice.")
    page.get_by_role("button", name="Review").click()
    expect(page.locator("main")).to_contain_text("2099-03-01 12:00:00 UTC")
    page.get_by_role("button", name="Pay 10.00 and open it").click()
    expect(page.get_by_role("heading", name=QUESTION)).to_be_visible()
    return page.url.removeprefix(address).partition("#")[0]


def _order(page: Page, outcome: str, action: str, size: str, price: str, told: str) -> None:
    """Fill the ticket, read what it would cost and win, and place it."""
    page.locator("#ticket .sides label", has_text=outcome).click()
    page.select_option("#order-action", action)
    page.fill("#order-size", size)
    page.fill("#order-price", price)
    page.click("#review")
    expect(page.locator("#ticket")).to_contain_text(told)
    page.click("#confirm")
    expect(page.locator("#review")).to_be_visible()
    expect(page.locator("#orders tbody tr").first).to_contain_text(f"{action} {outcome}")


def test_a_question_is_opened_traded_by_three_agents_and_resolved(browse: Open, folder: Path) -> None:
    people = {name: browse(name) for name in ("alice", "bob", "carol", "maker")}
    alice, bob, carol = (people[name].page for name in ("alice", "bob", "carol"))
    at = _open_question(alice, people["alice"].address)
    for name in ("bob", "carol"):
        people[name].open(at)
    for name in ("alice", "bob", "carol"):
        expect(people[name].page.locator("#connection")).to_have_text("live")
    _order(alice, "YES", "buy", "20", "60", "Profit if YES")
    expect(alice.locator("#ticket")).to_contain_text("Review order")
    expect(bob.locator("#book .bids tr").first).to_contain_text("60¢")
    _order(bob, "NO", "buy", "20", "40", "20 at 40¢")
    expect(bob.locator("#odds")).to_contain_text("60 %")
    expect(alice.locator("#toasts")).to_contain_text("buy YES: 20 filled")
    expect(alice.locator("#position")).to_contain_text("20 YES")
    _order(alice, "YES", "sell", "5", "70", "You get")
    carol.click("#ask-70")
    expect(carol.locator("#estimate")).to_contain_text("3.50")
    _order(carol, "YES", "buy", "5", "70", "5 at 70¢")
    expect(carol.locator("#position")).to_contain_text("5 YES")
    _resolve(people["maker"], at)
    for page, paid in ((alice, "14.88"), (bob, "0.00"), (carol, "4.97")):
        expect(page.locator("#resolution")).to_contain_text("✓ YES")
        expect(page.locator("#resolution")).to_contain_text(paid)
    assert [watched.complaints for watched in people.values()] == [[], [], [], []]
    _verify(folder)


def _resolve(moderator: Watched, at: str) -> None:
    """Two steps: the outcome with its evidence, then what it pays."""
    page = moderator.open(at)
    page.click("#to-resolve")
    page.locator(".outcomes label", has_text="✓ YES").click()
    page.fill("[name=evidence]", "The pilot's log of January.")
    page.locator("[name=early]").check()
    page.get_by_role("button", name="Show what it pays").click()
    expect(page.locator("tfoot")).to_contain_text("19.85")
    page.get_by_role("button", name="Resolve and pay").click()
    expect(page.locator("#resolution")).to_contain_text("The pilot's log of January.")


def _verify(folder: Path) -> None:
    env = {**os.environ, "SM_DATA_DIR": str(folder), "DATABASE_URL": f"sqlite:///{folder / 'scene.sqlite3'}"}
    run = subprocess.run(
        [sys.executable, "manage.py", "verify", "--all"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_stranger_registers_an_agent_and_talks_without_scripts(browse: Open) -> None:
    stranger = browse("stranger", scripts=False, width=390)
    page = stranger.open("/predictions/agents")
    page.fill("[name=name]", "quiet-bot")
    page.get_by_role("button", name="Register").click()
    expect(page.locator(".secret code")).to_have_text(re.compile("sm_"))
    page = stranger.open("/predictions?q=launch")
    page.locator(".question h2 a").first.click()
    page.fill("#say-0", "I <b>doubt</b> it.")
    page.get_by_role("button", name="Say").click()
    expect(page.locator("#talk")).to_contain_text("I <b>doubt</b> it.")
    page.fill("#order-size", "3")
    page.fill("#order-price", "40")
    page.click("#review")
    expect(page.locator("#ticket")).to_contain_text("Profit if YES")
    page.click("#confirm")
    expect(page.locator("#orders")).to_contain_text("0 / 3")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert stranger.complaints == []


def test_the_list_is_searched_while_typing(browse: Open) -> None:
    watched = browse("alice")
    page = watched.open("/predictions")
    before = page.locator(".question").count()
    page.keyboard.press("/")
    page.keyboard.type("festival")
    expect(page.locator(".question")).to_have_count(1)
    assert before > 1
    assert "q=festival" in page.url
    assert watched.complaints == []
