"""The live feed's parts alone: what is shown at the door, queues, pokes, the document, the ledger's listeners."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml

from common.ids import CLOCK
from common.live.connection import TOO_SLOW, Batch, Connection
from common.live.message import Answer, Message
from ledger.runtime import Runtime
from markets.ws import asyncapi, credentials, pokes
from markets.ws.credentials import Credentials, Guest
from markets.ws.messages import DATA, WISHES

ROOT = Path(__file__).resolve().parents[3]
GUEST = Guest(UUID(int=1), "demo", "somebody", sees_all=False, credentials=Credentials(secret="x"))


def scope(*headers: tuple[str, str]) -> dict[str, Any]:
    return {"headers": [(name.encode(), value.encode("latin1")) for name, value in headers]}


HOST = ("host", "localhost:8000")
COOKIE = ("cookie", "a=b; sessionid=abc")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([HOST, ("authorization", "Bearer sm_x")], Credentials(secret="sm_x")),
        ([HOST, ("authorization", "bearer  sm_x "), COOKIE], Credentials(secret="sm_x")),
        ([HOST, COOKIE, ("origin", "http://localhost:8000")], Credentials(cookie="abc")),
        ([HOST, COOKIE, ("origin", "https://localhost:8000")], Credentials(cookie="abc")),
        ([("host", "localhost"), COOKIE, ("origin", "http://localhost:80")], Credentials(cookie="abc")),
        ([HOST, COOKIE], None),
        ([HOST, COOKIE, ("origin", "null")], None),
        ([HOST, COOKIE, ("origin", "")], None),
        ([HOST, COOKIE, ("origin", "http://localhost:8001")], None),
        ([HOST, COOKIE, ("origin", "http://localhost")], None),
        ([HOST, COOKIE, ("origin", "http://localhost:99999999")], None),
        ([HOST, COOKIE, ("origin", "ftp://localhost:8000")], None),
        ([HOST, COOKIE, ("origin", "http://evil.example")], None),
        ([("host", "evil.example"), COOKIE, ("origin", "http://evil.example")], None),
        ([COOKIE, ("origin", "http://localhost:8000")], None),
        ([HOST, COOKIE, ("origin", "http://localhost:8000"), ("origin", "http://localhost:8000")], None),
        ([HOST, ("authorization", "Bearer a"), ("authorization", "Bearer b")], None),
        ([HOST, ("authorization", "Bearer sm_x"), ("origin", "http://evil.example")], None),
        ([HOST, ("origin", "http://localhost:8000")], None),
        ([HOST], None),
    ],
)
def test_what_is_shown_at_the_door(headers: list[tuple[str, str]], found: Credentials | None) -> None:
    assert credentials.shown(scope(*headers)) == found


def test_a_connection_that_is_not_sent_is_closed_when_its_queue_is_full() -> None:
    async def story() -> None:
        async def never(_: object) -> None:
            await asyncio.Event().wait()

        connection = Connection(GUEST, never, as_html=False)
        pump = asyncio.create_task(connection.pump())
        for seq in range(256):
            connection.offer(Batch([Message("heartbeat", "demo", seq, 0, {})]))
        await asyncio.sleep(0)
        assert not connection.closing.done()
        for seq in range(2):
            connection.offer(Batch([Message("heartbeat", "demo", seq, 0, {})]))
        assert connection.closing.result() == TOO_SLOW
        pump.cancel()

    asyncio.run(story())


def test_whoever_asks_for_ever_and_reads_no_answer_is_closed_too() -> None:
    async def ask() -> tuple[int, int]:
        async def never(message: Any) -> None:
            await asyncio.Event().wait()

        connection = Connection(GUEST, never, as_html=False)
        pump = asyncio.create_task(connection.pump())
        asked = 0
        while not connection.closing.done() and asked < 20_000:
            connection.answer(Answer("error", "demo", 0, {"id": asked, "detail": "x" * 400}))
            asked += 1
            if asked == 1:
                await asyncio.sleep(0)  # the first is on its way
        connection.answer(Answer("error", "demo", 0, {"id": asked}))
        pump.cancel()
        return asked, connection.closing.result()

    asked, code = asyncio.run(ask())
    assert code == TOO_SLOW
    assert 1000 < asked < 10_000, "a thousand unanswered commands are no reason"


def test_a_burst_larger_than_the_queue_is_no_reason_to_close_who_reads() -> None:
    async def story() -> None:
        sent: list[str] = []

        async def send(frame: dict[str, str]) -> None:
            sent.append(frame["text"])

        connection = Connection(GUEST, send, as_html=False)
        pump = asyncio.create_task(connection.pump())
        for _ in range(3):
            connection.offer(Batch([Message("trade", "demo", seq, 0, {"filler": "x" * 500}) for seq in range(9000)]))
            await asyncio.sleep(0.01)
        assert not connection.closing.done()
        assert len(sent) == 27_000
        pump.cancel()

    asyncio.run(story())


def test_prev_is_what_went_before_on_the_connection_and_ticks_count_apart() -> None:
    async def story() -> None:
        sent: list[dict[str, Any]] = []

        async def send(frame: dict[str, str]) -> None:
            sent.append(json.loads(frame["text"]))

        connection = Connection(GUEST, send, as_html=False)
        pump = asyncio.create_task(connection.pump())
        connection.offer(Batch([Message("snapshot", 'd"x', 7, 0, {})], held_tick=3))
        connection.offer(Batch([Message("tick", "d", 4, 0, {}), Message("trade", "d", 9, 0, {})]))
        connection.offer(Batch([Answer("ack", "d", 0, {})]))
        connection.offer(Batch([Message("order", "d", 8, 0, {})], held=7))
        await asyncio.sleep(0.01)
        assert [(m.get("prev"), m.get("seq")) for m in sent] == [(0, 7), (None, None), (7, 9), (9, 9), (7, 8)]
        assert (sent[1]["prev_feed_seq"], sent[1]["feed_seq"]) == (3, 4)
        assert sent[0]["session_id"] == 'd"x'
        pump.cancel()

    asyncio.run(story())


class _Layer:
    """A channel layer that hangs."""

    def __init__(self) -> None:
        self.calls = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.calls += 1
        await asyncio.sleep(10)


def test_a_layer_that_hangs_costs_a_quarter_of_a_second_and_is_then_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    layer = _Layer()
    monkeypatch.setattr(pokes, "get_channel_layer", lambda: layer)

    async def story() -> None:
        spreading = pokes.Pokes(lambda stream: None)
        task = asyncio.create_task(spreading.announce())
        for _ in range(10):
            spreading.spread(uuid4())
            await asyncio.sleep(0.05)
        assert layer.calls == 1
        assert spreading.breaker.is_open
        task.cancel()

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert "no pokes for" in caplog.text


def test_a_breaker_rests_longer_each_time_and_forgets_after_a_success() -> None:
    breaker = pokes.Breaker(first=1, longest=4)
    assert [breaker.failed() for _ in range(4)] == [1, 2, 4, 4]
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.failed() == 1


def test_the_document_is_what_the_types_say() -> None:
    assert (ROOT / "docs" / "asyncapi.yaml").read_text() == asyncapi.text()


def test_the_document_describes_every_message_and_every_reference_leads_somewhere() -> None:
    document = yaml.safe_load(asyncapi.text())
    assert set(document["components"]["messages"]) == {*DATA, *WISHES}

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            found = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return found + [ref for value in node.values() for ref in references(value)]
        return [ref for value in node for ref in references(value)] if isinstance(node, list) else []

    for reference in references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


@pytest.mark.usefixtures("transactional_db")
def test_a_listener_that_fails_is_only_logged_and_callers_have_their_answer(caplog: pytest.LogCaptureFixture) -> None:
    from ledger.tickets import Opens
    from markets.engine import commands as c

    heard: list[UUID] = []

    def failing(stream: UUID) -> None:
        heard.append(stream)
        raise RuntimeError("a listener's own trouble")

    runtime = Runtime()
    runtime.after_commit += [failing, heard.append]
    command = c.CreateSession(session_id="x", legs=("A",), q=(1,))
    outcome = runtime.open(Opens("session", "x"), command, CLOCK)
    runtime.stop()
    assert heard == [outcome.stream, outcome.stream]
    assert "a listener failed" in caplog.text
