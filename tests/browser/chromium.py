"""Debian's Chromium under Playwright, quiet: no request of its own leaves the machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests import services

_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-component-update"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser. Raises ServiceMissing where there is none and none can be installed."""
    found = services.chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
