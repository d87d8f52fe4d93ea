"""Two browsers on one terminal, each on a server process of its own, on PostgreSQL: one market, whatever restarts."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.stack import ROOT, Stack, stack
from tests.browser.conftest import Watched
from tests.browser.screenshots import sign_in
from tests.browser.test_browser import TERMINAL, _place, _ready

pytestmark = pytest.mark.browser
WITHIN_MS = 1000
FULL = os.environ.get("FULL") == "1"


@pytest.fixture(scope="module", params=["postgresql alone", "with redis"] if FULL else ["postgresql alone"])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two servers with the scene played. Without Redis they hear of each other by their polls alone."""
    folder = tmp_path_factory.mktemp("stack")
    with_redis = request.param == "with redis"
    with stack(folder, workers=0, beats=0, with_redis=with_redis, with_proxy=False) as running:
        played = [sys.executable, "-m", "tests.browser.scene", "sessions-only"]
        subprocess.run(played, cwd=ROOT, env=running.environment, check=True)
        yield running


@pytest.fixture
def pair(servers: Stack, chromium: Browser) -> Iterator[tuple[Watched, Watched]]:
    """bob on the first server, carol on the second, both on the same book."""
    contexts = [chromium.new_context(viewport={"width": 1440, "height": 900}) for _ in servers.web_urls]
    watched = [Watched(context, url) for context, url in zip(contexts, servers.web_urls, strict=True)]
    for one, who in zip(watched, ("bob", "carol"), strict=True):
        sign_in(one.page, one.address, who)
        one.open(f"{TERMINAL}?asset=META")
        _ready(one.page)
    yield watched[0], watched[1]
    for context in contexts:
        context.close()


def best_bid(page: Page) -> float:
    return float(page.locator("#book-2-cash .bids .price").first.inner_text())


def test_what_one_browser_does_the_other_shows_within_a_second(pair: tuple[Watched, Watched]) -> None:
    bob, carol = pair
    price = best_bid(carol.page)
    for number, (one, other) in enumerate([(bob, carol), (carol, bob)] * 3, start=1):
        price += 0.01
        quantity = f"0.{1110 + number}"
        _place(one.page, "buy", quantity, f"{price:.2f}")
        began = time.monotonic()
        expect(other.page.locator("#book-2-cash .bids tr").first).to_contain_text(quantity, timeout=WITHIN_MS)
        print(f"shown after {time.monotonic() - began:.3f} s")  # noqa: T201
    assert bob.complaints == []
    assert carol.complaints == []


def test_a_fill_moves_both_holdings(pair: tuple[Watched, Watched]) -> None:
    bob, carol = pair
    price = best_bid(carol.page) + 0.01
    _place(bob.page, "buy", "0.2222", f"{price:.2f}")
    expect(carol.page.locator("#book-2-cash .bids tr").first).to_contain_text("0.2222", timeout=WITHIN_MS)
    held = [one.page.locator("#holdings tbody tr", has_text="META").inner_text() for one in pair]
    _place(carol.page, "sell", "0.2222", f"{price:.2f}")
    for one, before in zip(pair, held, strict=True):
        holding = one.page.locator("#holdings tbody tr", has_text="META")
        expect(holding).not_to_have_text(before, timeout=WITHIN_MS, use_inner_text=True)
        expect(one.page.locator("#tape tbody tr").first).to_contain_text("0.2222", timeout=WITHIN_MS)
        assert one.complaints == []


def test_a_restart_in_between_loses_nothing_and_the_ledger_verifies(
    servers: Stack, pair: tuple[Watched, Watched]
) -> None:
    bob, carol = pair
    _place(carol.page, "sell", "0.3331", "9999")
    expect(carol.page.locator("#orders tbody tr", has_text="0.3331").first).to_be_visible()
    assert servers.webs[1].stop() == 0
    expect(carol.page.locator("#connection")).to_have_attribute("data-state", "lost", timeout=5000)
    price = best_bid(bob.page) + 0.01
    _place(bob.page, "buy", "0.4444", f"{price:.2f}")
    expect(bob.page.locator("#orders tbody tr", has_text="0.4444").first).to_be_visible()
    servers.webs[1].start()
    servers.wait_for(servers.web_urls[1], servers.webs[1])
    _ready(carol.page)
    expect(carol.page.locator("#book-2-cash .bids tr").first).to_contain_text("0.4444", timeout=WITHIN_MS)
    expect(carol.page.locator("#orders tbody tr", has_text="0.3331").first).to_be_visible()
    _place(carol.page, "sell", "0.4444", f"{price:.2f}")
    for one in pair:
        expect(one.page.locator("#tape tbody tr").first).to_contain_text("0.4444", timeout=WITHIN_MS)
    page = carol.open(f"{TERMINAL}/ledger")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator(".proof.good")).to_contain_text("events verified", timeout=10_000)
    assert servers.manage("verify", "--all").returncode == 0
