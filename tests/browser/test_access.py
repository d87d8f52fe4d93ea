"""Every page that is photographed: axe finds nothing serious in dark or light, and it fits a phone."""

import os
from pathlib import Path

import axe_playwright_python  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.browser.screenshots import SIZES, Shot, shots, streams, visit

pytestmark = pytest.mark.browser
FULL = os.environ.get("FULL") == "1"
_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
_GRAVE = """async (rules) => {
  await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)));
  const found = await axe.run({runOnly: rules, resultTypes: ["violations"], preload: false});
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id} ${node.target}: ${node.failureSummary}`));
}"""


def grave_findings(page: Page) -> list[str]:
    """What axe calls serious or critical: all rules in the dark, contrast in the light."""
    page.evaluate(_AXE)
    found = [f"dark: {text}" for text in page.evaluate(_GRAVE, _RULES)]
    page.emulate_media(color_scheme="light")
    found += [f"light: {text}" for text in page.evaluate(_GRAVE, ["color-contrast"])]
    page.emulate_media(color_scheme="dark")
    return found


def looked_at() -> list[Shot]:
    """Each page; in a full run in all its states."""
    return [shot for shot in shots() if FULL or not shot.is_twin]


@pytest.mark.parametrize("who", sorted({shot.who for shot in looked_at()}))
def test_everybody_can_read_every_page_and_it_fits_a_phone(browse: Open, who: str) -> None:
    watched = browse(who)
    page = watched.page
    page.emulate_media(color_scheme="dark")
    found = streams(page, watched.address) if who == "orga" else {}
    problems: list[str] = []
    for shot in (one for one in looked_at() if one.who == who):
        visit(page, watched.address, shot, found)
        page.set_viewport_size({"width": SIZES["phone"][0], "height": SIZES["phone"][1]})
        if (width := page.evaluate("document.documentElement.scrollWidth")) > SIZES["phone"][0]:
            problems.append(f"{shot.name}: {width} px wide on a phone")
        page.set_viewport_size({"width": SIZES["desktop"][0], "height": SIZES["desktop"][1]})
        problems += [f"{shot.name}: {text}" for text in watched.complaints if f"status of {shot.status}" not in text]
        problems += [f"{shot.name}: {text}" for text in grave_findings(page)]
        watched.complaints.clear()  # axe itself meets the policy
    assert problems == [], "\n".join(problems)
