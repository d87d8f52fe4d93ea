"""G30: nobody reaches what is not theirs. Every address, as nobody, as a stranger, and as another member."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, User
from ledger.models import Event, Stream
from markets.api.tests.conftest import Caller, Hire
from tests.guarantees import events
from tests.guarantees.addresses import addresses, filled, is_of_events, of_events, world
from tests.guarantees.sizes import ONCE

pytestmark = [pytest.mark.usefixtures("ledger"), ONCE, pytest.mark.timeout(600)]
METHODS = ("get", "post", "patch", "delete")
FOR_ALL = {
    "health", "health/ready", "api/schema", "docs", "docs/problems", "theme", "sign-in", "sign-out", "join",
    "join/<str:code>", "register", "admin/login/", "admin/logout/", "admin/jsi18n/",
}  # fmt: skip
"""What nobody need sign in for."""
FOR_WHO_IS_SIGNED_IN = {
    "", "sessions", "keys", "api/v1/me", "api/v1/keys", "api/v1/sessions", "api/v1/limits", "api/v1/feeds",
    "api/v1/sessions/<api_session:session_id>", "api/v1/sessions/<api_session:session_id>/participants",
    "sessions/<session:session_id>/join",
}  # fmt: skip
"""What a stranger may ask for, be it their own keys, the public listing, or to join."""
ANSWERED_ALL_THE_SAME = {"keys/<int:key_id>/revoke", "sessions/<session:session_id>/delete"}
"""Forms that answer a stranger with a page: the list of their own keys, a refusal. Nothing happens."""
FOR_MEMBERS = {
    "api/v1/rfq/<api_id:rfq_id>", "api/v1/rfq/<api_id:rfq_id>/quote", "api/v1/trades/<api_id:trade_id>",
    "api/v1/feeds/<api_feed:feed_id>", "api/v1/sessions/<api_session:session_id>/participants/<api_handle:handle>",
    "sessions/<session:session_id>/rfq/<str:rfq_id>/form", "sessions/<session:session_id>/rfq/<str:rfq_id>/quote",
}  # fmt: skip
"""What the other members may ask about a thing of one of them."""


@pytest.fixture
def ids(hire: Hire, organiser: Caller) -> dict[str, str]:
    return world(organiser, hire("alice"), hire("bob"))


def answers(client: Client, route: str, ids: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """(method, response) of every method on an address."""
    for method in METHODS:
        body = events.body(method, route, of_events(ids)) if is_of_events(route) else {}
        content: dict[str, Any] = {"data": body} if method == "post" else {}
        if "api/" in route and method != "get":
            content = {"data": body, "content_type": "application/json"}
        yield method, getattr(client, method)(filled(route, ids), **content)


def traces() -> tuple[int, int, int]:
    """What would be different if anything had happened: events, live sessions, usable keys."""
    live = Stream.objects.filter(deleted_at=None).count()
    return Event.objects.count(), live, ApiKey.objects.filter(revoked_at=0).count()


def is_refused(answer: Any) -> bool:
    """Refused, also by a page in words, or sent to sign in."""
    if answer.status_code == 302:
        return str(answer["Location"]).startswith(("/sign-in", "/admin/login/"))
    return answer.status_code in {401, 403, 404, 405, 422}


def test_the_lists_name_addresses_that_there_are() -> None:
    rows = FOR_ALL | FOR_WHO_IS_SIGNED_IN | FOR_MEMBERS | ANSWERED_ALL_THE_SAME
    assert set(addresses()) >= rows | {route for _, route in events.FOR_MEMBERS}


def test_nobody_gets_anything_without_signing_in(ids: dict[str, str]) -> None:
    before = traces()
    reached = [
        f"{method} {route}: {answer.status_code}"
        for route in addresses()
        if route not in FOR_ALL
        for method, answer in answers(Client(), route, ids)
        if (method, route) not in events.FOR_ALL and not is_refused(answer)
    ]
    assert reached == []
    assert traces() == before


@pytest.mark.parametrize("who", ["stranger", "other organiser"])
def test_a_stranger_finds_nothing_of_a_session(ids: dict[str, str], hire: Hire, who: str) -> None:
    mallory = hire("mallory", scopes="read trade organise", organiser=who == "other organiser")
    browser = Client()
    browser.force_login(mallory.user)
    before = traces()
    reached = [
        f"{method} {route}: {answer.status_code}"
        for route in addresses()
        if route not in FOR_ALL | FOR_WHO_IS_SIGNED_IN | ANSWERED_ALL_THE_SAME
        for method, answer in answers(browser, route, ids)
        if (method, route) not in events.FOR_WHO_IS_SIGNED_IN and not is_refused(answer)
    ]
    assert reached == []
    assert traces() == before


def test_a_member_reaches_nothing_that_is_anothers(ids: dict[str, str]) -> None:
    browser = Client()
    browser.force_login(User.objects.get(username="bob"))
    before = traces()
    alices = ("order_id", "order>", "rfq_id", "trade_id", "key_id", "feed_id", "<api_handle", "agent_id", "comment")
    reached = [
        f"{method} {route}: {answer.status_code}"
        for route in addresses()
        if route not in FOR_MEMBERS | ANSWERED_ALL_THE_SAME and any(gap in route for gap in alices)
        for method, answer in answers(browser, route, ids)
        if (method, route) not in events.FOR_MEMBERS and not is_refused(answer)
    ]
    assert reached == []
    assert traces() == before
