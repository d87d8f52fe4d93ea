"""A class from the first click to the last payout, in browsers; and every page and file says what the API says."""

import csv
import io
import re
import zipfile
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Open, Watched
from tests.browser.test_browser import _place, _ready

pytestmark = pytest.mark.browser
NAME = "class-of-three"
HERE = f"/sessions/{NAME}"
PRICES = {"AAPL": "190.1234", "NVDA": "120.5"}
CSV = b"participant_id,name,user,AAPL,NVDA\nann,Ann A.,,40,20\nben,Ben B.,,30.5,20\ncy,=Cy(),,29.5,20\n"


def test_a_class_is_run_in_browsers_and_every_page_agrees_with_the_api(browse: Open) -> None:
    orga = browse("orga")
    console = _create(orga)
    ann, ben, cy = (_join(browse, code) for code in _codes(orga.page, console))
    _press(orga.page, f"{console}start/", "Start")
    _trade(ann.page, ben.page, cy.page)
    _run(orga.page, console, ann.page, ben.page)
    _settle(orga.page, console)
    for who, trader in (("ann", ann), ("ben", ben), ("cy", cy)):
        _agrees(trader, who)
    _exports_agree(orga, console)


def test_without_scripts_a_class_is_run_from_its_creation_to_its_statements(browse: Open) -> None:
    orga = browse("orga", scripts=False)
    console = _create(orga, "without-scripts")
    ann, ben, _ = (
        _join(browse, code, at="/sessions/without-scripts", scripts=False) for code in _codes(orga.page, console)
    )
    _press(orga.page, f"{console}start/", "Start")
    _place(ann.open("/sessions/without-scripts"), "sell", "2", "190.5")
    _place(ann.page, "sell", "1", "191")
    ann.page.locator("#orders tbody tr", has_text="191.0000").get_by_text("Cancel").click()
    expect(ann.page.locator("#flash")).to_contain_text("cancelled")
    _place(ben.open("/sessions/without-scripts"), "buy", "2", "190.5")
    expect(ben.page.locator("#orders tbody tr", has_text="2 / 2")).to_contain_text("filled")
    ben.page.select_option("#ask-from", "NVDA")
    ben.page.select_option("#ask-to", "AAPL")
    ben.page.fill("#ask-amount", "3")
    ben.page.click("#ask button")
    page = ann.open("/sessions/without-scripts")
    page.locator("article.rfq").get_by_text("Quote", exact=True).click()
    page.fill("#quote-rate", "0.61")
    page.click("#quote button.go")
    page = ben.open("/sessions/without-scripts")
    page.locator("article.rfq").get_by_text("Accept").click()
    expect(page.locator("article.rfq")).to_contain_text("executed")
    _press(orga.page, f"{console}control/", "Announce", text="Two minutes left.")
    _press(orga.page, f"{console}control/", "Halt trading", reason="a fire drill")
    expect(ben.open("/sessions/without-scripts").locator("#announcements")).to_contain_text("Two minutes left.")
    expect(ben.page.locator("#place")).to_be_disabled()
    _press(orga.page, f"{console}control/", "Resume trading")
    _settle(orga.page, console)
    page = ben.open("/sessions/without-scripts/settlement")
    expect(page.locator("#statement")).to_contain_text("Every figure is exact")


def _create(orga: Watched, name: str = NAME) -> str:
    """The path of the new session's page in the console."""
    page = orga.open("/admin/markets/marketsession/add/")
    page.fill("[name=session_id]", name)
    for number, (leg, q) in enumerate({"AAPL": "100", "NVDA": "60"}.items()):
        page.fill(f"[name=legs-{number}-name]", leg)
        page.fill(f"[name=legs-{number}-q]", q)
    page.set_input_files("[name=csv]", files=[FilePayload(name="class.csv", mimeType="text/csv", buffer=CSV)])
    page.get_by_role("button", name="Read the CSV").click()
    expect(page.get_by_role("status")).to_contain_text("3 participants were read")
    expect(page.locator("[name=participants-1-allocations]")).to_have_value("AAPL=30.5, NVDA=20")
    page.get_by_role("button", name="Create session").click()
    expect(page.locator(".session")).to_have_text(name)
    return page.url.removeprefix(orga.address).removesuffix("change/")


def _codes(page: Page, console: str) -> list[str]:
    page.goto(_origin(page) + f"{console}codes/")
    page.get_by_role("button", name="Make the sheet").click()
    expect(page.locator("section h2")).to_have_text(["ann", "ben", "cy"])
    return page.locator(".code").all_inner_texts()


def _join(browse: Open, code: str, *, at: str = HERE, scripts: bool = True) -> Watched:
    trader = browse("", scripts=scripts)
    page = trader.open("/join")
    page.fill("[name=code]", code.lower())
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{at}")
    return trader


def _press(page: Page, path: str, button: str, **fields: str) -> None:
    """Fill in a form of the console and send it."""
    page.goto(_origin(page) + path)
    for name, text in fields.items():
        page.fill(f"#content [name={name}]", text)
    page.locator("#content").get_by_role("button", name=button, exact=True).click()


def _trade(ann: Page, ben: Page, cy: Page) -> None:
    """By order, by RFQ, and by keyboard."""
    for page in (ann, ben, cy):
        page.reload()
        _ready(page)
    _place(ann, "sell", "2.5", "190.05")
    expect(ben.locator(".asks")).to_contain_text("190.05")
    _place(ben, "buy", "2.5", "190.05")
    expect(ann.locator("#toasts")).to_contain_text("Sold 2.5 AAPL")
    ben.select_option("#ask-from", "NVDA")
    ben.select_option("#ask-to", "AAPL")
    ben.fill("#ask-amount", "3")
    ben.click("#ask button")
    asked = cy.locator("article.rfq", has_text="ben")
    asked.get_by_text("Quote", exact=True).click()
    cy.fill("#quote-rate", "0.61")
    cy.click("#quote button.go")
    ben.locator("article.rfq").get_by_text("Accept").click()
    expect(cy.locator("article.rfq").first).to_contain_text("executed")
    _by_keys(cy, "s", "0.125", "189.99")
    expect(ann.locator(".asks")).to_contain_text("189.99")
    _by_keys(ann, "b", "0.125", "189.99")
    expect(cy.locator("#toasts")).to_contain_text("Sold 0.125 AAPL")


def _by_keys(page: Page, side: str, quantity: str, price: str) -> None:
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(side)
    page.keyboard.type(quantity)
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    page.keyboard.type(price)
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Enter")


def _run(page: Page, console: str, ann: Page, ben: Page) -> None:
    """Announce, halt and resume from the control room, while two look on."""
    room = f"{console}control/"
    _press(page, room, "Announce", text="Five minutes left.")
    expect(ann.locator("#announcements")).to_contain_text("Five minutes left.")
    _press(page, room, "Halt trading", reason="a fire drill")
    expect(ben.locator("#status")).to_contain_text("halted")
    _press(page, room, "Resume trading")
    expect(ben.locator("#status")).to_contain_text("active")


def _settle(page: Page, console: str) -> None:
    prices = {f"price_{number}": price for number, price in enumerate(PRICES.values())}
    _press(page, f"{console}settle/", "Show what these would pay", **prices)
    expect(page.locator("#content")).to_contain_text("It would pay")
    page.get_by_role("button", name="Settle at these prices").click()
    expect(page.locator(".strip .status")).to_have_text("settled")


def _agrees(trader: Watched, who: str) -> None:
    """Terminal, portfolio, leaderboard, settlement and ledger against the API, digit by digit."""
    own, paid = _api(trader, f"portfolio?participant_id={who}"), _api(trader, "settlement")
    page = trader.open(HERE)
    for asset, held in own["holdings"].items():
        units = str(page.locator(f"#holdings tr[data-asset={asset}]").get_attribute("data-total"))
        assert int(units) == _units(held["total"]), asset
    row = trader.open(f"{HERE}/portfolio").get_by_role("row", name=re.compile(rf"^{who} ")).last
    assert row.locator("td data").last.get_attribute("value") == own["value"]
    page = trader.open(f"{HERE}/leaderboard")
    places = {one["participant_id"]: one for one in _api(trader, "leaderboard")["results"]}
    gains = {str(row.get_attribute("data-handle")): row for row in page.locator("tr[data-handle]").all()}
    assert set(gains) == set(places) == {"ann", "ben", "cy"}
    for handle, place in places.items():
        assert gains[handle].locator("td data").first.get_attribute("value") == place["pnl"]
    page = trader.open(f"{HERE}/settlement?statement={who}")
    figures = page.locator("#statement tfoot td").all_inner_texts()
    assert figures[:2] == [paid["payouts"][who], paid["cash"][who]]
    assert page.locator("#statement code").inner_text() == paid["head_hash"]
    hashes = [code.get_attribute("title") for code in trader.open(f"{HERE}/ledger").locator("tbody code").all()]
    assert hashes[0] == paid["head_hash"]
    events = _api(trader, "events?limit=200")["results"]
    assert hashes == [event["hash"] for event in reversed(events)][: len(hashes)]


def _exports_agree(orga: Watched, console: str) -> None:
    """The zip of CSVs, holdings and payouts; numbers there are the API's own texts."""
    answer = orga.page.request.get(f"{orga.address}{console}exports/file/?format=csv")
    with zipfile.ZipFile(io.BytesIO(answer.body())) as archive:
        tables = {
            name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            for name in archive.namelist()
        }
    paid = _api(orga, "settlement")
    payouts = {row["of"]: row["amount"] for row in tables["settlement"] if row["what"] == "payout"}
    assert payouts == {**paid["payouts"], "treasury": paid["treasury"]["payout"]}
    cash = {row["participant"]: row["total"] for row in tables["holdings"] if row["asset"] == "CASH"}
    assert {who: cash[who] for who in paid["cash"]} == paid["cash"]
    assert tables["events"][-1]["hash"] == paid["head_hash"]
    assert {row["name"] for row in tables["participants"]} == {"Ann A.", "Ben B.", "'=Cy()"}
    assert len(tables["trades"]) == 3
    assert _api(orga, "verify")["ok"] is True


def _api(watched: Watched, path: str) -> Any:
    answer = watched.page.request.get(f"{watched.address}/api/v1/sessions/{NAME}/{path}")
    assert answer.ok, answer.text()
    return answer.json()


def _units(text: str) -> int:
    return int(text.replace(".", ""))


def _origin(page: Page) -> str:
    return "/".join(page.url.split("/")[:3])
