"""The other pages in a real browser: the chain followed in view, the past by slider, what-if in place."""

import re
from decimal import ROUND_DOWN, Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.scene import SESSION
from tests.browser.screenshots import streams

pytestmark = pytest.mark.browser
AT = f"/sessions/{SESSION}"


def test_the_chain_is_followed_in_view_and_ends_with_its_head(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(f"{AT}/ledger")
    page.click("#verify button")
    expect(page.locator("#verdict .good")).to_contain_text("events verified", timeout=10_000)
    events = page.locator("#following-bar").get_attribute("max")
    expect(page.locator("#following-text")).to_have_text(f"{events} of {events} events")
    head = page.locator("#following-hash").inner_text()
    assert len(head) == 64
    expect(page.locator("#verdict code")).to_have_text(head)
    assert alice.complaints == []


def test_the_slider_travels_and_the_keyboard_moves_it(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(f"{AT}/ledger")
    page.locator("#travel-slider").focus()
    page.keyboard.press("Home")
    expect(page.locator("#past")).to_contain_text("SessionCreated")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#past b")).to_have_text("2")
    assert page.input_value("#travel-at") == "2"
    assert page.evaluate("document.activeElement.id") == "travel-slider"
    page.fill("#travel-at", "40")
    expect(page.locator("#past b")).to_have_text("40")
    assert page.input_value("#travel-slider") == "40"
    page.locator("#ledger a[data-at]").first.click()
    expect(page.locator("#past b")).not_to_have_text("40")
    assert alice.complaints == []


def test_what_if_is_answered_in_place_and_what_was_typed_survives_new_prices(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(f"{AT}/settlement")
    page.fill("#what-if-0", "200")
    page.click("#what-if button")
    expect(page.locator("#what-if table")).to_contain_text("alice")
    assert page.input_value("#what-if-0") == "200"
    page.fill("#what-if-0", "-5")
    page.click("#what-if button")
    expect(page.locator("#what-if .notice.bad")).to_be_visible()
    assert page.input_value("#what-if-0") == "-5"


def test_the_dashboard_hears_of_a_new_session_and_of_new_prices_and_polls_nothing(browse: Open) -> None:
    alice, orga = browse("alice"), browse("orga")
    page, other = alice.open("/"), orga.open("/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=10_000)
    page.wait_for_timeout(2500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []
    other.click("[data-opens=new-session]")
    other.fill("#new-session [name=session_id]", "heard-of")
    other.fill("#new-session [name=leg] >> nth=0", "OIL")
    other.fill("#new-session [name=q] >> nth=0", "5")
    other.click("#new-session button.go")
    card = page.locator(".session", has_text="heard-of")
    expect(card).to_contain_text("no price yet", timeout=5000)
    publish = """async (prices) => {
      const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
      const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
      await fetch("/api/v1/sessions/heard-of/prices", { method: "POST", headers, body: JSON.stringify({ prices }) });
    }"""
    other.evaluate(publish, {"OIL": "80.5"})
    expect(card).to_contain_text("402.50", timeout=5000)
    page.fill("#filter-text", "heard")
    expect(page.locator(".session")).to_have_count(1)
    assert page.url.endswith("/?q=heard&status=")
    assert alice.complaints == []


def test_the_rooms_screen_hears_of_its_own_session_asks_for_nothing_else_and_ends_when_revoked(browse: Open) -> None:
    orga, room = browse("orga"), browse("")
    page = orga.open("/")
    console = _console_of(page, orga.address, "workshop")
    page.goto(f"{orga.address}{console}projector/")
    page.get_by_role("button", name=re.compile("^Make")).click()
    screen = room.open(
        str(page.locator("a[href*='/projector/']").first.get_attribute("href")).removeprefix(room.address)
    )
    expect(screen.locator("#head")).to_have_attribute("data-seq", re.compile(r"^\d+\.\d+$"))
    screen.wait_for_timeout(1500)
    asked: list[str] = []
    screen.on("request", lambda request: asked.append(request.url))
    page.goto(f"{orga.address}{console}control/")
    _press_announce(page, "Hands off the keyboards.")
    expect(screen.locator(".said")).to_contain_text("Hands off the keyboards.")
    expect(page.locator("#live")).to_contain_text("Hands off the keyboards.")
    assert 1 <= len(asked) <= 2
    asked.clear()
    browse("alice").open(AT).evaluate(PLACE, SESSION)
    expect(page.locator("#live")).to_be_visible()
    screen.wait_for_timeout(2500)
    assert asked == []
    page.goto(f"{orga.address}{console}projector/")
    page.get_by_role("button", name="Revoke this address").click()
    expect(screen.locator("#room")).to_have_count(0, timeout=15_000)
    room.complaints.clear()  # the address that is no more, told by the browser itself


def test_the_control_room_hears_of_trades_and_polls_nothing(browse: Open) -> None:
    orga = browse("orga")
    page = orga.open("/")
    console = _console_of(page, orga.address, SESSION)
    page.goto(f"{orga.address}{console}control/")
    expect(page.locator("#head")).to_have_attribute("data-seq", re.compile(r"^\d+$"))
    events = page.locator(".tiles dd").nth(4)
    before = int(events.inner_text())
    browse("alice").open(AT).evaluate(PLACE, SESSION)
    expect(events).to_have_text(str(before + 1))
    page.wait_for_timeout(1500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert len(asked) <= 1  # nothing moved: it looks who is connected, every five seconds


PLACE = """async (session) => {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const order = { asset: "AAPL", side: "buy", order_type: "limit", quantity: "0.01", price: "1" };
  const sent = { method: "POST", headers, body: JSON.stringify(order) };
  const answer = await fetch(`/api/v1/sessions/${session}/orders`, sent);
  if (!answer.ok) throw new Error(await answer.text());
}"""
"""Alice rests an order that nobody will take."""


def _console_of(page: Page, address: str, session: str) -> str:
    return streams(page, address)[session].split("change/")[0]


def _press_announce(page: Page, text: str) -> None:
    page.fill(".say [name=text]", text)
    page.get_by_role("button", name="Announce").click()


def test_a_replay_plays_to_the_settlement_and_can_be_stopped_and_moved(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open("/sessions/rehearsal/replay")
    expect(page.locator("#player-at")).to_contain_text("event ")
    page.select_option("#player-speed", "300")
    page.click("#play")
    expect(page.locator("#tape tbody tr").first).to_be_visible(timeout=10_000)
    expect(page.locator("#player-at .good")).to_contain_text("payouts agree", timeout=30_000)
    expect(page.locator("#play")).to_contain_text("Again")
    worth = page.locator('#holdings [data-is="worth"]').inner_text()
    page.locator("#player-slider").focus()
    page.keyboard.press("Home")
    expect(page.locator('#holdings [data-is="worth"]')).not_to_have_text(worth)
    page.keyboard.press("End")
    expect(page.locator('#holdings [data-is="worth"]')).to_have_text(worth)
    page.click("#step-back")
    expect(page.locator("#status")).to_contain_text("closed")
    page.select_option("#pick-asset", "META")
    expect(page.locator("#chart-title")).to_contain_text("META")
    page.goto(f"{alice.address}/sessions/rehearsal/settlement")
    total = Decimal(page.locator("#statement .total .num").inner_text())
    assert f"{total.quantize(Decimal('0.01'), ROUND_DOWN):,}" == worth
    assert alice.complaints == []
