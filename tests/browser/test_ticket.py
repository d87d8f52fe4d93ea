"""The ticket's preview: what it says an order would do is what the engine then does, digit by digit."""

import random
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from matching.book import Book
from matching.match import Incoming, SelfTradePrevention, match
from tests.browser.conftest import Open, Watched
from tests.browser.scene import SESSION

pytestmark = pytest.mark.browser
HERE = f"/sessions/{SESSION}"
SCALE = 10_000
MODES: tuple[SelfTradePrevention, ...] = ("cancel_newest", "cancel_oldest", "cancel_both")
_FETCH = """async ([method, path, body]) => {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const answer = await fetch(`/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  return [answer.status, await answer.json()];
}"""
_WALK = """(cases) => cases.map(({ levels, own, ...order }) => {
  const found = Fills.walk(levels.map((level) => level.map(BigInt)), {
    ...order,
    quantity: BigInt(order.quantity),
    limit: order.limit === null ? null : BigInt(order.limit),
    funds: order.funds === null ? null : BigInt(order.funds),
    own: new Map(own.map(([price, size]) => [BigInt(price), BigInt(size)])),
    scale: BigInt(order.scale),
    lot: BigInt(order.lot),
  });
  return [String(found.left), String(found.paid)];
})"""


@dataclass
class Rests:
    """An order in a book."""

    id: int
    owner: str
    is_buy: bool
    price: int
    remaining: int


def _case(chance: random.Random) -> tuple[dict[str, Any], list[str]]:
    """An order and a book for the page, and what the engine leaves of it and pays."""
    is_buy, in_leg = chance.random() < 0.5, chance.random() < 0.3
    scale, lot = (SCALE, 100) if in_leg else (1, 1)
    book: Book[Rests] = Book()
    levels: dict[int, int] = {}
    own: dict[int, int] = {}
    for number in range(chance.randrange(1, 9)):
        price = 10_000 + chance.randrange(1, 12) * 100 * (1 if is_buy else -1)
        mine = chance.random() < 0.15
        if (price in own) is not mine and price in levels:
            continue  # who came first at a price is not told to the page
        size = chance.randrange(1, 40) * lot
        levels[price] = levels.get(price, 0) + size
        if mine:
            own[price] = own.get(price, 0) + size
        (book.asks if is_buy else book.bids).add(Rests(number, "me" if mine else "them", not is_buy, price, size))
    limit = None if chance.random() < 0.4 else 10_000 + chance.randrange(-12, 12) * 100
    quantity, prevention = chance.randrange(1, 150) * lot, chance.choice(MODES)
    funds = chance.randrange(0, 1_000_000) * lot // scale if limit is None and is_buy else None
    found = match(book, Incoming(is_buy, quantity, limit, "me", funds, scale, lot), prevention)
    paid = sum(resting.price * units // scale for resting, units in found.steps)
    order = {"isBuy": is_buy, "quantity": quantity, "limit": limit, "funds": funds, "prevention": prevention}
    best_first = sorted(levels.items(), reverse=not is_buy)
    told = {**order, "levels": best_first, "own": list(own.items()), "scale": scale, "lot": lot}
    return told, [str(found.remaining), str(paid)]


def test_the_page_walks_a_book_as_the_engine_does(browse: Open) -> None:
    page = browse("alice").open(HERE)
    chance = random.Random(11)
    cases = [_case(chance) for _ in range(3000)]
    found = page.evaluate(_WALK, [case for case, _ in cases])
    assert found == [wanted for _, wanted in cases]


def _api(page: Page, method: str, path: str, body: object = None) -> Any:
    status, answer = page.evaluate(_FETCH, [method, path, body])
    assert status < 300, answer
    return answer


@dataclass
class Floor:
    """alice at the terminal of a session of its own, and maker, who has twelve levels on each side of AA."""

    name: str
    alice: Watched
    maker: Page

    def order(self, page: Page, who: str, side: str, quantity: str, price: str, quote: str = "CASH") -> None:
        body = {"participant_id": who, "asset": "AA", "quote_asset": quote, "side": side, "quantity": quantity}
        _api(page, "POST", f"sessions/{self.name}/orders", {**body, "order_type": "limit", "price": price})

    def cash(self) -> int:
        """What alice may still spend, in units."""
        found = _api(self.alice.page, "GET", f"sessions/{self.name}/portfolio?participant_id=alice")
        return int(found["holdings"]["CASH"]["available"].replace(".", ""))


@pytest.fixture
def floor(browse: Open, request: pytest.FixtureRequest) -> Floor:
    orga, alice, maker = (browse(who) for who in ("orga", "alice", "maker"))
    name = f"ticket-{len(request.node.name)}"
    body = {"session_id": name, "legs": ["AA", "BB"], "q": ["1000", "1000"], "duration_minutes": 60}
    _api(orga.open("/"), "POST", "sessions", body)
    for who, watched in (("alice", alice), ("maker", maker)):
        _api(watched.open("/"), "POST", f"sessions/{name}/participants", {"participant_id": who})
    _api(orga.page, "POST", f"sessions/{name}/allocations", {})
    made = Floor(name, alice, maker.page)
    for level in range(12):
        for side, sign in (("sell", 1), ("buy", -1)):
            made.order(maker.page, "maker", side, f"1.{level:02}07", f"{10 + sign * (0.0101 + level * 0.0137):.4f}")
    alice.open(f"/sessions/{name}").evaluate("localStorage.setItem('confirm-orders', 'no')")
    alice.page.reload()
    expect(alice.page.locator("#connection")).to_have_attribute("data-state", "live", timeout=10_000)
    return made


def _fill_in(page: Page, side: str, kind: str, tif: str, quantity: str, price: str) -> None:
    page.locator(f"#ticket .{side} span").click()
    page.select_option("#order-type", kind)
    if kind == "limit":
        page.select_option("#order-tif", tif)
    page.fill("#order-quantity", quantity)
    if price:
        page.fill("#order-price", price)


def test_what_the_ticket_says_is_what_is_charged(floor: Floor) -> None:
    page = floor.alice.page
    orders = [
        ("sell", "limit", "ioc", "2", "9.9899", "the rest is cancelled"),
        ("buy", "market", "", "11.5003", "", "@"),  # deeper than the ladder shows
        ("buy", "limit", "", "2.5", "10.17", "@"),  # fills in part, and rests
        ("buy", "limit", "ioc", "0.5", "9.1", "nothing: it is cancelled"),
        ("buy", "limit", "fok", "60", "10.2", "nothing: all of it cannot"),
        ("buy", "limit", "", "1e1", "9.2", "nothing: it rests"),
    ]
    for side, kind, tif, quantity, price, told in orders:
        before = floor.cash()
        _fill_in(page, side, kind, tif, quantity, price)
        expect(page.locator("#preview [data-is=now]")).to_contain_text(told)
        cost = page.locator("#preview [data-is=cost]").inner_text().replace(",", "")
        page.click("#place")
        expect(page.locator("#order-quantity")).to_have_value("")
        whole, part = cost.split(".")
        units = int(whole + part.ljust(8, "0"))
        assert before - floor.cash() == (units if side == "buy" else -units), (side, kind, tif, quantity, price)


def test_what_does_not_go_with_an_order_is_not_sent_along(browse: Open) -> None:
    alice = browse("alice")
    page = alice.open(f"{HERE}?asset=ORCL")
    page.uncheck("#ticket-confirm")
    page.select_option("#order-tif", "gtd")
    page.fill("#order-expires", "2099-01-01T00:00:00")
    page.check("#order-post")
    page.select_option("#order-tif", "gtc")
    page.fill("#order-quantity", "0.0123")
    page.fill("#order-price", "0.75")
    page.click("#place")
    placed = page.locator("#orders tbody tr", has_text="0.0123")
    expect(placed).to_contain_text("open")
    page.select_option("#order-tif", "fok")
    page.check("#order-post")
    page.select_option("#order-type", "market")
    assert not page.locator("#order-tif").is_visible()
    assert not page.locator("#order-post").is_visible()
    page.locator("#ticket .sell span").click()
    page.fill("#order-quantity", "0.0321")
    page.click("#place")
    expect(page.locator("#orders tbody tr", has_text="0.0321 / 0.0321")).to_contain_text("filled")
    assert alice.complaints == []


def test_the_ticket_warns_of_own_orders_and_of_what_is_refused(floor: Floor) -> None:
    page = floor.alice.page
    now = page.locator("#preview [data-is=now]")
    floor.order(page, "alice", "sell", "1", "10.005")
    expect(page.locator(".ladder tr.mine")).to_have_count(1)
    _fill_in(page, "buy", "market", "", "1", "")
    expect(now).to_have_text("nothing: it meets your own order")
    _fill_in(page, "buy", "limit", "", "1", "10.02")
    page.check("#order-post")
    expect(now).to_have_text("refused: it would trade")
    page.uncheck("#order-post")
    _fill_in(page, "buy", "limit", "", "999999", "9")
    expect(now).to_have_text("refused: that is more than is available")
    page.fill("#order-quantity", "1")
    page.fill("#order-price", "1e-9")
    expect(now).to_have_text("—")
    floor.order(floor.maker, "maker", "sell", "400", "0.47", "BB")
    page.goto(f"{floor.alice.address}/sessions/{floor.name}?asset=AA&quote_asset=BB")
    page.select_option("#order-type", "market")
    page.locator("[data-part='25']").click()
    assert page.input_value("#order-quantity") == "265.95"  # 125 of BB at 0.47, in whole lots of 0.01
    assert floor.alice.complaints == []
