"""The export as an ASGI server asks for it: chunk by chunk, whole."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from markets.api.tests.conftest import Caller

pytestmark = pytest.mark.usefixtures("ledger")


def test_export_under_asgi_is_streamed_and_whole(organiser: Caller, alice: Caller, bob: Caller) -> None:
    for caller in (alice, alice, bob):
        caller.post("sessions/demo/orders/bulk", {"orders": [_order() for _ in range(400)]})

    async def fetch() -> list[str]:
        answer: Any = await AsyncClient().get(
            "/api/v1/sessions/demo/export", headers={"Authorization": f"Bearer {organiser.secret}"}
        )
        assert answer.is_async
        return [chunk.decode() async for chunk in answer.streaming_content]

    chunks = async_to_sync(fetch)()
    header, *events = [json.loads(line) for line in "".join(chunks).splitlines()]
    assert len(chunks) > 2
    assert header["seq"] == len(events) >= 1200
    assert header["head"] == events[-1]["hash"]


def _order() -> dict[str, object]:
    return {"asset": "AAPL", "side": "buy", "quantity": "0.0001", "price": "0.01"}
