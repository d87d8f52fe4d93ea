"""How soon a page shows: its first paint, and a price that was published a moment ago."""

import statistics
import time

import pytest

from tests.browser.conftest import Open
from tests.browser.scene import LEGS, SESSION

pytestmark = pytest.mark.browser
TERMINAL = f"/sessions/{SESSION}"
TICKS, PAUSE_S = 25, 0.3
_OBSERVE = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const at = Number(document.getElementById("prices").dataset.at);
    if (at && !window.seen.some((each) => each[0] === at)) {
      requestAnimationFrame(() => window.seen.push([at, Date.now() - at]));
    }
  }).observe(document.getElementById("main"), { childList: true, subtree: true });
}"""
_PUBLISH = """async (prices) => {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const answer = await fetch("PATH", { method: "POST", headers, body: JSON.stringify({ prices }) });
  return answer.status;
}""".replace("PATH", f"/api/v1/sessions/{SESSION}/prices")
_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def test_a_price_is_on_the_screen_within_a_quarter_of_a_second(
    browse: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    alice, orga = browse("alice").open(TERMINAL), browse("orga").open("/")
    alice.wait_for_selector("#connection[data-state=live], #connection[data-state=stale]")
    alice.wait_for_timeout(1000)
    alice.evaluate(_OBSERVE)
    for number in range(TICKS):
        prices = {leg: f"{price + number / 100:.2f}" for leg, price in LEGS.items()}
        assert orga.evaluate(_PUBLISH, prices) < 300
        time.sleep(PAUSE_S)
    alice.wait_for_timeout(500)
    took = sorted(late for _, late in alice.evaluate("window.seen"))
    assert len(took) >= TICKS * 0.9, took
    with capsys.disabled():
        print(f" [p50 {took[len(took) // 2]} ms, p95 {took[int(len(took) * 0.95)]} ms]", end="")  # noqa: T201
    assert statistics.median(took) < 250


def test_pages_are_painted_within_a_second(browse: Open, capsys: pytest.CaptureFixture[str]) -> None:
    alice = browse("alice")
    took = {}
    for path in ("/", TERMINAL, f"{TERMINAL}/portfolio", f"{TERMINAL}/leaderboard", f"{TERMINAL}/ledger"):
        page = alice.open(path)
        page.wait_for_timeout(300)
        took[path] = round(page.evaluate(_FIRST_PAINT))
    with capsys.disabled():
        print(f" [{', '.join(f'{path} {ms} ms' for path, ms in took.items())}]", end="")  # noqa: T201
    assert max(took.values()) < 1000, took
