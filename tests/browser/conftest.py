"""One server with the scene played, and one Chromium, for all browser tests."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser import chromium as engine
from tests.browser.scene import server
from tests.browser.screenshots import sign_in


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where the server keeps its data."""
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    with server(folder) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=15_000)  # where no promise is timed, a busy machine may take its time
    with engine.chromium() as browser:
        yield browser


class Watched:
    """A page, and all that it should not have done: console messages, errors, requests elsewhere."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self._check(request.url))
        self.page.on("websocket", lambda socket: self._check(socket.url.replace("ws://", "http://", 1)))

    def _hear(self, message: ConsoleMessage) -> None:
        # Of its own accord: a form that was refused, #quote in an address, a request that leaving a page ends.
        own = ("status of 422", "Autofocus processing was blocked", "htmx:sendAbort", "htmx:afterRequest, [object")
        if not any(text in message.text for text in own):
            self.complaints.append(f"{message.type}: {message.text}")

    def _check(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.complaints.append(f"a request left: {url}")

    def open(self, path: str) -> Page:
        """The page at a path."""
        self.page.goto(self.address + path)
        return self.page


Open = Callable[..., Watched]


@pytest.fixture
def browse(chromium: Browser, address: str) -> Iterator[Open]:
    """browse("alice"): a signed-in page in a browser context of its own. At the end none may have complained."""
    contexts: list[BrowserContext] = []
    opened: list[Watched] = []

    def open_(who: str, *, scripts: bool = True, width: int = 1440) -> Watched:
        context = chromium.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 900})
        contexts.append(context)
        watched = Watched(context, address)
        opened.append(watched)
        if who:
            sign_in(watched.page, address, who)
        return watched

    yield open_
    for context in contexts:
        context.close()
    assert [complaint for watched in opened for complaint in watched.complaints] == []
