"""G34: no secret is in the logs, at DEBUG, when requests are refused and when they fail with a traceback."""

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.guarantees.harness import House

PASSWORD, WRONG = "canary-of-a-password-7b1", "canary-of-a-wrong-guess-9c2"
FALSE_KEY = "sm_canary00_" + "k" * 43
pytestmark = pytest.mark.timeout(240)


class Browser:
    """Forms with cookies and tokens, as a person sends them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        self.tokens: set[str] = set()

    def send(self, path: str, **form: str) -> None:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self._open(path, None))
        assert token, path
        self.tokens.add(token[1])
        self._open(path, urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **form}).encode())

    @property
    def cookies(self) -> set[str]:
        return {str(cookie.value) for cookie in self._jar}

    def _open(self, path: str, form: bytes | None) -> str:
        try:
            with self._opener.open(f"{self._url}{path}", form, timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.read().decode()


def test_no_secret_is_in_the_logs(market: House, tell: Callable[[str], None]) -> None:
    market.open_session("g34")
    statuses = set()
    with market.broken("commits_fail", SM_LOG_LEVEL="DEBUG"):
        browser = Browser(market.url)
        browser.send("/register", username="canary", password1=PASSWORD, password2=PASSWORD)
        other = Browser(market.url)
        other.send("/sign-in", username="canary", password=WRONG)
        other.send("/sign-in", username="canary", password=PASSWORD)
        with market.wires("p0", 1) as (wire,):
            for _ in range(6):
                order = {"asset": "AAPL", "side": "sell", "order_type": "limit", "quantity": 1, "price": 10}
                statuses.add(wire.ask("POST", "/sessions/g34/orders", order).status)
        for path in ("/api/v1/me", f"/api/v1/me?key={FALSE_KEY}"):
            request = urllib.request.Request(f"{market.url}{path}", headers={"Authorization": f"Bearer {FALSE_KEY}"})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=20)
            refused.value.close()
    assert 500 in statuses, "nothing failed, so no traceback was tried"
    environment = market.stack.environment
    secrets = {
        PASSWORD, WRONG, FALSE_KEY, market.keys["p0"], environment["SM_SECRET_KEY"],
        *browser.cookies, *browser.tokens, *other.cookies, *other.tokens,
    }  # fmt: skip
    if password := urlsplit(environment["DATABASE_URL"]).password:
        secrets.add(password)
    logs = "".join(web.log.read_text(errors="replace") for web in market.stack.webs)
    assert "on purpose" in logs, "the traceback is there"
    assert [secret for secret in secrets if secret in logs] == []
    tell(f"{len(secrets)} secrets, {len(logs)} characters of logs")
