"""The content security policy, on every address there is: nothing inline, nothing evaluated, nothing elsewhere."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.facade import User

_SAMPLES = {"uuid": "8e0a3f5c-52a6-4c07-9c56-6f0f86a6d9c4", "int": "1"}


def addresses(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """An address for every pattern, with samples for its parameters."""
    for pattern in patterns:
        route = re.sub(r"<(?:(\w+):)?\w+>", lambda found: _SAMPLES.get(found[1], "none"), str(pattern.pattern))
        route = re.sub(r"[\^$]|\\Z|\(.*\)", "", route)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, before + route)
        else:
            yield before + route


@pytest.mark.django_db(transaction=True)
def test_no_page_allows_inline_or_evaluated_code() -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    answered = []
    for address in addresses(get_resolver().url_patterns):
        answer = browser.get(address)
        policy = answer.headers.get("Content-Security-Policy", "")
        assert "default-src 'self'" in policy, address
        assert "unsafe-inline" not in policy, address
        assert "unsafe-eval" not in policy, address
        answered.append(answer.status_code)
    assert len(answered) > 100
    assert answered.count(200) > 25
