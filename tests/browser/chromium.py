"""Debian's Chromium under Playwright, quiet: no request of its own leaves the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_PATHS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-component-update"]


def path() -> str | None:
    """Where a Chromium is; None where there is none."""
    return next((name for name in _PATHS if Path(name).exists()), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser. Raises RuntimeError where there is none."""
    found = path()
    if found is None:
        raise RuntimeError("There is no Chromium here. On Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
