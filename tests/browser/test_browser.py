"""In a real browser against a real server: live, silent, within its own walls, and whole without scripts."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.scene import SESSION
from tests.browser.screenshots import PAGES

pytestmark = pytest.mark.browser
TERMINAL = f"/sessions/{SESSION}"
SOON_MS = 1000


def _ready(page: Page) -> None:
    expect(page.locator("#connection")).to_have_text("live", timeout=10_000)


def _place(page: Page, side: str, quantity: str, price: str) -> None:
    page.locator(f"#ticket .{side} span").click()
    page.fill("#order-quantity", quantity)
    page.fill("#order-price", price)
    page.click("#ticket button.go")


def test_an_order_placed_in_one_browser_appears_in_the_other_and_a_fill_moves_both(browse: Open) -> None:
    bob, carol = browse("bob"), browse("carol")
    for watched in (bob, carol):
        watched.open(f"{TERMINAL}?asset=META")
        _ready(watched.page)
    cash = carol.page.locator("#holdings tbody tr", has_text="CASH")
    before = cash.inner_text()
    _place(bob.page, "sell", "0.1234", "1.5")  # below every bid: fills at once against the book
    expect(bob.page.locator("#flash")).to_contain_text("filled", timeout=5000)
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
    held = pages["portfolio"].locator("tbody tr", has_text="bob")
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
    alice.complaints = [text for text in alice.complaints if "422" not in text]  # the browser's own line
    assert alice.complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_silent_and_fits(browse: Open, width: int) -> None:
    alice = browse("alice", width=width)
    for path in [*PAGES.values(), f"{TERMINAL}?asset=NVDA&quote_asset=AAPL"]:
        page = alice.open(path)
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.querySelectorAll('[style]').length") == 0, path
    assert alice.complaints == []


def test_the_terminal_is_usable_by_keyboard(browse: Open) -> None:
    page = browse("alice").open(f"{TERMINAL}?side=buy&price=1&quantity=1#ticket")
    page.keyboard.press("Tab")
    page.focus("#order-quantity")
    page.keyboard.press("Enter")
    expect(page.locator("#flash")).to_contain_text("Buy order")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent.trim().slice(0, 20)"))
    assert {"Replace", "Cancel", "Place order"} & seen


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
    form = page.locator(f"form[action='{TERMINAL}/join']")
    form.locator("[name=participant_id]").fill("late")
    form.locator("button").click()
    expect(page.locator("h1")).to_have_text(SESSION)
    expect(page.locator("#holdings")).to_contain_text("100,000.00")
