"""Who may hear that something moved."""

import asyncio
from typing import Any

import pytest

from markets.ws.lobby import lobby, projector

HOST = (b"host", b"localhost")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "headers",
    [
        [HOST],
        [HOST, (b"cookie", b"sessionid=made-up")],
        [HOST, (b"origin", b"http://localhost"), (b"cookie", b"sessionid=made-up")],
        [HOST, (b"origin", b"http://elsewhere"), (b"cookie", b"sessionid=made-up")],
        [HOST, (b"authorization", b"Bearer sm_made-up")],
    ],
)
def test_the_lobby_is_for_signed_in_browsers_only(headers: list[tuple[bytes, bytes]]) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(lobby({"headers": headers, "query_string": b""}, receive, send))
    assert sent == [{"type": "websocket.close"}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("token", ["made-up", "..", "\u0660"])
def test_a_made_up_address_of_a_rooms_screen_hears_nothing(token: str) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"headers": [HOST], "query_string": b"", "url_route": {"kwargs": {"token": token}}}
    asyncio.run(projector(scope, receive, send))
    assert sent == [{"type": "websocket.close"}]
