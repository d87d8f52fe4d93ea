"""Behind a proxy the client is whom a trusted proxy names; anybody else's word counts for nothing."""

import asyncio
import ipaddress
from typing import Any

import pytest

from sessioncontracts.proxy import TrustedProxies

NETWORKS = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1")]


def seen(client: str, *headers: tuple[str, str], kind: str = "http") -> dict[str, Any]:
    """The scope that the application gets."""
    found: dict[str, Any] = {}

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found.update(scope)

    scope = {
        "type": kind,
        "client": [client, 1234],
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "scheme": {"http": "http", "websocket": "ws"}[kind],
    }
    asyncio.run(TrustedProxies(application, NETWORKS)(scope, None, None))
    return found


@pytest.mark.parametrize(
    ("client", "chain", "believed"),
    [
        ("10.1.1.1", "203.0.113.7", "203.0.113.7"),
        ("10.1.1.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),  # what the client itself made up stands first
        ("10.1.1.1", "6.6.6.6, 203.0.113.7, 10.2.2.2", "203.0.113.7"),  # two proxies of ours
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "unknown", "10.1.1.1"),
        ("10.1.1.1", "<script>, 10.9.9.9", "10.9.9.9"),
        ("198.51.100.1", "203.0.113.7", "198.51.100.1"),  # no proxy of ours
        ("", "203.0.113.7", ""),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_of_ours(client: str, chain: str, believed: str) -> None:
    assert seen(client, ("x-forwarded-for", chain))["client"][0] == believed


def test_several_headers_are_one_chain() -> None:
    both = (("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.7"))
    assert seen("10.1.1.1", *both)["client"][0] == "203.0.113.7"


@pytest.mark.parametrize(
    ("client", "proto", "kind", "scheme"),
    [
        ("10.1.1.1", "https", "http", "https"),
        ("10.1.1.1", "https", "websocket", "wss"),
        ("10.1.1.1", "http", "http", "http"),
        ("10.1.1.1", "gopher", "http", "http"),
        ("198.51.100.1", "https", "http", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(client: str, proto: str, kind: str, scheme: str) -> None:
    assert seen(client, ("x-forwarded-proto", proto), kind=kind)["scheme"] == scheme


def test_nobody_behind_us_sees_the_headers() -> None:
    given = (("x-forwarded-for", "1.2.3.4"), ("x-forwarded-host", "evil.example"), ("host", "market.example.org"))
    for client in ("10.1.1.1", "198.51.100.1"):
        assert seen(client, *given)["headers"] == [(b"host", b"market.example.org")]
