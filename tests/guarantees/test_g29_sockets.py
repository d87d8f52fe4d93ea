"""G29: no other site opens a WebSocket in somebody's name, and who may no longer listen is closed in five seconds."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from django.test import Client
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from accounts import keys
from accounts.facade import User
from accounts.models import ApiKey
from tests.guarantees.sizes import ONCE, size
from tests.live.floor import Ear, Server, Session, aside, closed_with, listening, open_session, serving

SOCKETS = size(2, 30, 150)
pytestmark = [ONCE, pytest.mark.usefixtures("ledger"), pytest.mark.timeout(240 + 2 * SOCKETS)]


@pytest.fixture
def server(ledger: None, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "--no-clock") as running:
        yield running


def test_only_a_key_or_a_page_of_ours_with_its_cookie_opens_a_socket(
    server: Server, tell: Callable[[str], None]
) -> None:
    session = open_session("alice")
    other = server.port + 1 if server.port < 65535 else 1
    ours, secret = {f"http://{server.host}", f"https://{server.host}"}, session.secrets["alice"]
    foreign = (
        "http://evil.example", "null", f"http://127.0.0.1:{other}", "http://127.0.0.1",
        f"http://127.0.0.1.evil.example:{server.port}", f"http://{server.host}@evil.example",
    )  # fmt: skip
    cookie = f"sessionid={browser_of('alice').cookies['sessionid'].value}"
    key = f"Bearer {secret}"
    keys_given = (None, key, "Bearer sm_00000000_nonsense", f"Basic {secret}", "Bearer")
    cases = list(itertools.product((None, *ours, *foreign), (None, cookie, "sessionid=nonsense"), keys_given))

    async def story() -> None:
        url = f"ws://{server.host}/ws/sessions/floor"
        for origin, worn, given in cases:
            headers = {name: value for name, value in (("Cookie", worn), ("Authorization", given)) if value}
            by_key = given == key and (origin is None or origin in ours)
            by_cookie = not given and worn == cookie and origin in ours
            expected = 101 if by_key or by_cookie else 403
            assert await status(url, headers, origin) == expected, (origin, worn, given)
        for path in (f"?key={secret}", f"?token={secret}&access_token={secret}"):
            assert await status(url + path, {}) == 403
        for path in ("nowhere", "floor/", "%00", "floor?format=html"):
            expected = 101 if "html" in path else 403
            assert await status(f"ws://{server.host}/ws/sessions/{path}", {"Authorization": key}) == expected, path

    asyncio.run(story())
    assert secret not in server.log.read_text()
    tell(f"{len(cases)} combinations of origin, cookie and key")


def browser_of(name: str) -> Client:
    """Somebody's browser, signed in."""
    browser = Client()
    browser.force_login(User.objects.get(username=name))
    return browser


async def status(url: str, headers: dict[str, str], origin: str | None = None) -> int:
    """The handshake's HTTP status, with exactly these headers."""
    try:
        async with connect(url, additional_headers=headers, origin=origin):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_a_stranger_and_a_key_of_another_session_are_refused(server: Server) -> None:
    session = open_session("alice")
    other = open_session("bob", session_id="other")
    alice = User.objects.get(username="alice")
    bound = keys.issue(alice, name="bound", scopes=["read"], session_id="other")[1]
    here = keys.issue(alice, name="here", scopes=["read"], session_id="floor")[1]
    deaf = keys.issue(alice, name="writes only", scopes=["trade"])[1]

    async def story() -> None:
        url = f"ws://{server.host}/ws/sessions/floor"
        for secret in (other.secrets["bob"], bound, deaf):
            assert await status(url, {"Authorization": f"Bearer {secret}"}) == 403
        for secret in (here, session.secrets["alice"], session.secrets["boss"]):
            assert await status(url, {"Authorization": f"Bearer {secret}"}) == 101

    asyncio.run(story())


def test_revoked_keys_and_browsers_that_signed_out_are_closed_within_five_seconds(
    server: Server, tell: Callable[[str], None]
) -> None:
    names = [f"user{number}" for number in range(SOCKETS)]
    session = open_session(*names)
    browsers = {name: browser_of(name) for name in names[1::2]}

    async def story() -> None:
        async with AsyncExitStack() as ends, listening(server, session, None) as boss:
            ears = [
                await ends.enter_async_context(opened(server, session, name, browsers.get(name))) for name in names
            ]
            for ear in ears:
                await ear.hear()
            await asyncio.sleep(3)  # nobody is closed who did nothing
            closing = [asyncio.create_task(closed_with(ear, 5)) for ear in ears]
            await asyncio.sleep(0)
            await aside(revoke)
            assert await asyncio.gather(*closing) == [4401] * SOCKETS
            await boss.hear_kind("heartbeat", 6)

    def revoke() -> None:
        for row in ApiKey.objects.filter(user__username__in=names[::2]):
            keys.revoke(row)
        for browser in browsers.values():
            browser.session.flush()

    asyncio.run(story())
    tell(f"{SOCKETS} sockets of keys and of browsers, all closed within 5 s")


@asynccontextmanager
async def opened(server: Server, session: Session, name: str, browser: Client | None) -> AsyncIterator[Ear]:
    """A socket by a browser's cookie from our own page, or else by the person's key."""
    if browser is None:
        async with listening(server, session, name) as ear:
            yield ear
        return
    headers = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    url, ours = f"ws://{server.host}/ws/sessions/floor", f"http://{server.host}"
    async with connect(url, additional_headers=headers, origin=ours, max_size=None) as page:  # type: ignore[arg-type]
        yield Ear(page, name)
