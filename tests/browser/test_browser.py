"""In a real browser against a real server: live, silent, within its own walls, and whole without scripts."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.scene import SESSION
from tests.browser.screenshots import PAGES

pytestmark = pytest.mark.browser
TERMINAL = f"/sessions/{SESSION}"
SOON_MS = 1000


def _ready(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-state", re.compile("live|stale"), timeout=10_000)


def _place(page: Page, side: str, quantity: str, price: str) -> None:
    page.locator(f"#ticket .{side} span").click()
    page.fill("#order-quantity", quantity)
    page.fill("#order-price", price)
    page.click("#ticket button.go")
    if page.locator("#confirm[open]").count():
        page.click("#confirm-yes")


def test_an_order_placed_in_one_browser_appears_in_the_other_and_a_fill_moves_both(browse: Open) -> None:
    bob, carol = browse("bob"), browse("carol")
    for watched in (bob, carol):
        watched.open(f"{TERMINAL}?asset=META")
        _ready(watched.page)
    cash = carol.page.locator("#holdings tbody tr", has_text="CASH")
    before = cash.inner_text()
    _place(bob.page, "sell", "0.1234", "1.5")  # below every bid: fills at once against the book
    expect(bob.page.locator("#toasts")).to_contain_text("filled", timeout=5000)
    top = carol.page.locator("#book-2-cash .bids .price").first.inner_text().strip()
    _place(bob.page, "buy", "0.2222", f"{float(top) + 0.01:.2f}")
    expect(carol.page.locator("#book-2-cash .bids tr").first).to_contain_text("0.2222", timeout=SOON_MS + 500)
    _place(carol.page, "sell", "0.2222", f"{float(top) + 0.01:.2f}")
    expect(carol.page.locator("#tape tbody tr").first).to_contain_text("0.2222", timeout=SOON_MS + 500)
    expect(bob.page.locator("#tape tbody tr").first).to_contain_text("0.2222", timeout=SOON_MS + 500)
    expect(cash).not_to_have_text(before)
    expect(bob.page.locator("#orders tbody tr", has_text="0.2222 / 0.2222").first).to_contain_text("filled")
    assert bob.complaints == []
    assert carol.complaints == []


def test_quotes_travel_between_two_browsers(browse: Open) -> None:
    alice, bob = browse("alice"), browse("bob")
    for watched in (alice, bob):
        watched.open(TERMINAL)
        _ready(watched.page)
    bob.page.fill("#ask-amount", "0.7777")
    bob.page.click("#ask button")
    row = alice.page.locator("article.rfq", has_text="0.7777")
    expect(row).to_be_visible(timeout=SOON_MS + 500)
    row.get_by_text("Quote", exact=True).click()
    expect(alice.page.locator("#quote-rate")).to_be_focused()
    alice.page.fill("#quote-rate", "0.61")
    alice.page.click("#quote button.go")
    offer = bob.page.locator("article.rfq", has_text="0.7777")
    expect(offer).to_contain_text("@ 0.61", timeout=SOON_MS + 500)
    offer.get_by_text("Accept").click()
    expect(alice.page.locator("article.rfq", has_text="0.7777")).to_contain_text("executed", timeout=SOON_MS + 500)
    assert alice.complaints == []
    assert bob.complaints == []


def test_what_is_being_typed_survives_what_others_do(browse: Open) -> None:
    alice, bob = browse("alice"), browse("bob")
    for watched in (alice, bob):
        watched.open(TERMINAL)
        _ready(watched.page)
    alice.page.fill("#order-quantity", "7.77")
    bob.page.fill("#ask-amount", "0.1111")
    bob.page.click("#ask button")
    expect(alice.page.locator("article.rfq", has_text="0.1111")).to_be_visible(timeout=SOON_MS + 500)
    assert alice.page.input_value("#order-quantity") == "7.77"
    bob.page.locator("article.rfq", has_text="0.1111").get_by_text("Cancel").click()
    expect(alice.page.locator("article.rfq", has_text="0.1111")).to_contain_text("cancelled", timeout=SOON_MS + 500)


def test_the_other_pages_refresh_themselves(browse: Open) -> None:
    alice, bob = browse("alice"), browse("bob")
    pages = {name: browse("carol").open(f"{TERMINAL}/{name}") for name in ("portfolio", "leaderboard", "ledger")}
    for page in (alice.open(f"{TERMINAL}?asset=ORCL"), bob.open(f"{TERMINAL}?asset=ORCL"), *pages.values()):
        _ready(page)
    _place(alice.page, "sell", "0.0101", "9999")
    expect(pages["ledger"].locator("tbody tr").first).to_contain_text("OrderPlaced", timeout=3000)
    expect(pages["ledger"].locator("tbody tr").first).to_contain_text("withheld")
    held = pages["portfolio"].get_by_role("row", name=re.compile("^bob "))
    before = held.inner_text()
    _place(bob.page, "sell", "0.0111", "1")
    expect(held).not_to_have_text(before, timeout=3000)
    assert "Conserved" in pages["portfolio"].inner_text("main")


def test_a_push_keeps_focus_and_scrolling(browse: Open) -> None:
    alice, bob = browse("alice"), browse("bob")
    for watched in (alice, bob):
        watched.open(f"{TERMINAL}?asset=AAPL")
        _ready(watched.page)
    page = alice.page
    # In one step each: between finding an element and using it, the first push may replace it.
    page.evaluate("document.querySelector('#tape .scroll').scrollTop = 60")
    page.evaluate("document.querySelector('#orders .actions button').focus()")
    name = page.evaluate("document.activeElement.id")
    top = page.locator("#tape tbody tr").first.inner_text()
    _place(bob.page, "sell", "0.0123", "1")
    expect(page.locator("#tape tbody tr").first).not_to_have_text(top, timeout=SOON_MS + 500)
    assert page.evaluate("document.activeElement.id") == name
    assert alice.complaints == []
    assert page.evaluate("document.querySelector('#tape .scroll').scrollTop") == 60


def test_a_refusal_is_shown_in_the_form(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(TERMINAL)
    _ready(page)
    _place(page, "sell", "999999", "1")
    expect(page.locator("#ticket [role=alert]")).to_contain_text("available")
    assert page.input_value("#order-quantity") == "999999"
    assert alice.complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_silent_and_fits(browse: Open, width: int) -> None:
    alice = browse("alice", width=width)
    for path in [*PAGES.values(), f"{TERMINAL}?asset=NVDA&quote_asset=AAPL"]:
        page = alice.open(path)
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        styled = "document.querySelectorAll('[style]:not(.drawn *)').length"  # the chart draws through the DOM
        assert page.evaluate(styled) == 0, path
    assert alice.complaints == []


def test_an_order_is_placed_by_keys_alone(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(f"{TERMINAL}?asset=AAPL")
    _ready(page)
    page.keyboard.press("s")
    expect(page.locator("#order-quantity")).to_be_focused()
    page.keyboard.type("0.0707")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.keyboard.type("9876")
    expect(page.locator("#place")).to_have_text("Sell 0.0707 AAPL @ 9876")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_contain_text("Sell 0.0707 AAPL @ 9876")
    page.keyboard.press("Enter")
    row = page.locator("#orders tbody tr", has_text="0.0707")
    expect(row).to_contain_text("open")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    level = page.evaluate("document.activeElement.dataset.fillPrice")
    page.keyboard.press("Enter")
    assert page.input_value("#order-price") == level
    expect(page.locator("#side-sell")).to_be_checked()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert page.input_value("#order-price") == ""
    page.keyboard.press("]")
    expect(page.locator("#ticket-title")).to_contain_text("NVDA")
    assert "asset=NVDA" in page.url
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("cancelled")
    assert alice.complaints == []


def test_the_ticket_says_what_an_order_costs_and_need_not_ask(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(f"{TERMINAL}?asset=ORCL")
    _ready(page)
    row = page.locator(".ladder .asks tr[data-price]").last
    price, quantity = int(row.get_attribute("data-price") or 0), int(row.get_attribute("data-quantity") or 0)
    row.locator("a").click()
    cost = page.locator("#preview [data-is=cost]")
    expect(cost).not_to_have_text("—")
    assert Decimal(cost.inner_text().replace(",", "")) == Decimal(price * quantity).scaleb(-8)
    expect(page.locator("#preview [data-is=now]")).to_contain_text("@")
    page.uncheck("#ticket-confirm")
    page.fill("#order-quantity", "0.01")
    page.fill("#order-price", "0.5")
    expect(page.locator("#preview [data-is=now]")).to_have_text("nothing: it rests")
    page.click("#place")
    expect(page.locator("#orders tbody tr", has_text="0.5000").first).to_contain_text("open")
    page.locator("[data-part='100']").click()
    page.reload()
    expect(page.locator("#ticket-confirm")).not_to_be_checked()
    assert alice.complaints == []


def test_an_order_is_replaced_in_its_row_while_others_trade(browse: Open) -> None:
    alice, bob = browse("alice"), browse("bob")
    for watched in (alice, bob):
        watched.open(f"{TERMINAL}?asset=NVDA")
        _ready(watched.page)
    page = alice.page
    _place(page, "buy", "0.0303", "1.75")
    row = page.locator("#orders tbody tr", has_text="0.0303")
    row.get_by_text("Replace").click()
    expect(page.locator("#replace-quantity")).to_be_focused()
    page.fill("#replace-quantity", "0.0404")
    _place(bob.page, "buy", "0.0105", "1")
    _place(page, "buy", "0.0505", "1.5")  # its answer brings the orders anew
    expect(page.locator("#orders tbody tr", has_text="0.0505")).to_be_visible()
    assert page.input_value("#replace-quantity") == "0.0404"
    page.locator("#replace-form button").click()
    changed = page.locator("#orders tbody tr", has_text="0 / 0.0404")
    expect(changed).to_be_visible()
    expect(page.locator("#replace-form")).to_have_count(0)
    page.fill("#order-quantity", "7")
    changed.get_by_text("Replace").click()
    expect(page.locator("#replace-quantity")).to_be_focused()
    page.keyboard.press("Escape")
    expect(changed.get_by_text("Replace")).to_be_visible()
    assert page.input_value("#order-quantity") == "7"
    assert alice.complaints == []


def test_what_happened_while_the_connection_was_lost_is_told(browse: Open) -> None:
    alice, bob = browse("alice"), browse("bob")
    for watched in (alice, bob):
        watched.open(f"{TERMINAL}?asset=META")
        _ready(watched.page)
    best = alice.page.locator("#book-2-cash .asks tr[data-price]").last.get_attribute("data-price")
    price = f"{int(best or 0) / 10_000 - 0.01:.2f}"
    _place(alice.page, "sell", "0.0606", price)
    expect(alice.page.locator("#orders tbody tr", has_text="0.0606")).to_be_visible()
    alice.page.context.set_offline(True)
    alice.page.evaluate("document.getElementById('feed')['htmx-internal-data'].webSocket.socket.close()")
    expect(alice.page.locator("#connection")).to_have_text("reconnecting")
    _place(bob.page, "buy", "0.0606", price)
    expect(bob.page.locator("#toasts")).to_contain_text("filled")
    alice.page.context.set_offline(False)
    expect(alice.page.locator("#toasts")).to_contain_text("Sold 0.0606 META", timeout=15_000)
    expect(alice.page.locator("#orders tbody tr", has_text="0.0606").first).to_contain_text("filled")
    alice.complaints.clear()  # the lost connection, told by the browser itself


@pytest.mark.parametrize("width", [1440, 390])
def test_the_terminal_is_one_screen(browse: Open, width: int) -> None:
    page = browse("alice", width=width).open(TERMINAL)
    _ready(page)
    if width == 1440:
        assert page.evaluate("document.documentElement.scrollHeight") <= 900
    for part in (
        ("#book-panel", "#ticket") if width == 390 else ("#chart canvas", "#orders", "#rfq", "#holdings", "#tape")
    ):
        expect(page.locator(part).first).to_be_visible()
        bottom = "(part) => document.querySelector(part).getBoundingClientRect().bottom"
        assert page.evaluate(bottom, part) <= 900, part  # in one step: a push may replace what was found


def test_on_a_phone_the_chart_shows_all_of_the_past_when_it_is_turned_to(browse: Open) -> None:
    page = browse("alice", width=390).open(TERMINAL)
    _ready(page)
    page.get_by_text("Chart", exact=True).click()
    page.wait_for_timeout(500)
    newest = page.locator("#chart-text").inner_text()
    page.locator("#chart").hover(position={"x": 40, "y": 100})
    expect(page.locator("#chart-text")).not_to_have_text(newest)


def test_on_a_phone_an_organiser_who_does_not_trade_can_run_the_session(browse: Open) -> None:
    orga = browse("orga", width=390)
    page = orga.open(TERMINAL)
    expect(page.locator("#organiser")).to_be_hidden()
    page.get_by_text("Run", exact=True).click()
    expect(page.locator("#organiser").get_by_role("button", name="Halt")).to_be_visible()
    page = orga.open("/")
    page.locator(".session", has_text=SESSION).get_by_text("Run", exact=True).click()
    expect(page.locator("#organiser").get_by_role("button", name="Halt")).to_be_visible()


def test_without_scripts_everything_a_trader_does_works(browse: Open) -> None:
    alice, maker = browse("alice", scripts=False), browse("maker", scripts=False)
    page = alice.open(f"{TERMINAL}?asset=ORCL")
    expect(page.locator("#book-3-cash .bids tr").first).to_be_visible()
    _place(page, "buy", "0.5", "1.25")
    expect(page.locator("#flash")).to_contain_text("open")
    page.locator("#orders tbody tr", has_text="1.2500").get_by_text("Cancel").click()
    expect(page.locator("#flash")).to_contain_text("cancelled")
    page.fill("#ask-amount", "0.3333")
    page.click("#ask button")
    other = maker.open(TERMINAL)
    other.locator("article.rfq", has_text="0.3333").get_by_text("Quote", exact=True).click()
    other.fill("#quote-rate", "0.6")
    other.click("#quote button.go")
    page = alice.open(TERMINAL)
    page.locator("article.rfq", has_text="0.3333").get_by_text("Accept").click()
    expect(page.locator("article.rfq", has_text="0.3333")).to_contain_text("executed")
    _place(page, "sell", "999999", "1")
    expect(page.locator("#ticket [role=alert]")).to_contain_text("available")


def test_without_scripts_one_joins_a_session(browse: Open) -> None:
    page = browse("stranger", scripts=False).open("/")
    page.click(f"#to-join-{SESSION}")
    form = page.locator(f"form[action='{TERMINAL}/join']")
    form.locator("[name=participant_id]").fill("late")
    form.locator("button").click()
    expect(page.locator("h1")).to_have_text(SESSION)
    expect(page.locator("#holdings")).to_contain_text("100,000.00")
