"""Pictures of every page, with data in them: `python -m tests.browser.screenshots FOLDER` (bin/screenshots)."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.chromium import chromium
from tests.browser.scene import PASSWORD, SESSION, server

_SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
PAGES = {
    "dashboard": "/",
    "terminal": f"/sessions/{SESSION}",
    "portfolio": f"/sessions/{SESSION}/portfolio",
    "leaderboard": f"/sessions/{SESSION}/leaderboard",
    "settlement": "/sessions/rehearsal/settlement",
    "settle": f"/sessions/{SESSION}/settle",
    "ledger": f"/sessions/{SESSION}/ledger",
    "ledger-past": f"/sessions/{SESSION}/ledger?at=40",
    "keys": "/keys",
}
_OPEN = {"sign-in": "/sign-in", "register": "/register"}


def take(folder: Path) -> None:
    """All pages in both sizes; the organiser's terminal beside a trader's."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, server(Path(data)) as address, chromium() as browser:
        for size, (width, height) in _SIZES.items():
            for name, path in _OPEN.items():
                page = browser.new_page(viewport={"width": width, "height": height})
                page.goto(address + path)
                page.screenshot(path=folder / f"{name}-{size}.png")
                page.close()
            for who in ("alice", "orga"):
                _pages_of(browser, address, who, size, folder)


def _pages_of(browser: Browser, address: str, who: str, size: str, folder: Path) -> None:
    width, height = _SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    sign_in(page, address, who)
    pages = PAGES if who == "alice" else {key: PAGES[key] for key in ("dashboard", "terminal", "settle", "portfolio")}
    for name, path in pages.items():
        page.goto(address + path)
        page.wait_for_timeout(1200)
        mark = "" if who == "alice" else f"-{who}"
        page.screenshot(path=folder / f"{name}{mark}-{size}.png")
        if size == "phone":
            page.screenshot(path=folder / f"{name}{mark}-{size}-whole.png", full_page=True)
    context.close()


def sign_in(page: Page, address: str, who: str) -> None:
    """As one of the scene's people."""
    page.goto(f"{address}/sign-in")
    page.fill("[name=username]", who)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{address}/")


if __name__ == "__main__":
    take(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
