"""HTTP on threads that stay: what goes in and out of the ASGI application, without a server around it."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from sessioncontracts.handler import ThreadedHandler

pytestmark = pytest.mark.django_db(transaction=True)
_THREADS: list[str] = []


class Caller:
    """One request: what the application is told, and what it answers."""

    def __init__(self, address: str, *, body: bytes = b"", method: str = "GET", leaves: bool = False) -> None:
        self.scope = {
            "type": "http", "method": method, "path": address, "raw_path": address.encode(), "root_path": "",
            "scheme": "http", "query_string": b"", "http_version": "1.1", "client": ["127.0.0.1", 1],
            "server": ["127.0.0.1", 2],
            "headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())],
        }  # fmt: skip
        self.parts: list[bytes] = []
        self.status = 0
        self.gone = asyncio.Event()
        self._says = [] if leaves else [{"type": "http.request", "body": body}]

    async def receive(self) -> dict[str, Any]:
        if self._says:
            return self._says.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.parts.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)


def ask(*callers: Caller) -> Sequence[Caller]:
    """Let them all in at once."""
    handler = ThreadedHandler()

    async def all_of_them() -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*[handler(one.scope, one.receive, one.send) for one in callers])

    asyncio.run(all_of_them())
    handler.stop()
    return callers


@csrf_exempt
def name_thread(request: HttpRequest) -> HttpResponse:
    _THREADS.append(threading.current_thread().name)
    return HttpResponse(f"{request.method} {request.body.decode()}")


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError("nobody foresaw this")


def endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(b"x" * 1000 for _ in iter(int, 1))


def counted(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(str(number).encode() for number in range(5))


urlpatterns = [path("name", name_thread), path("fail", fail), path("endless", endless), path("counted", counted)]
here = override_settings(ROOT_URLCONF=__name__)


@here
def test_a_request_gets_its_answer_and_threads_are_used_again() -> None:
    _THREADS.clear()
    callers = ask(*[Caller("/name", body=str(number).encode(), method="PUT") for number in range(100)])
    assert [one.body for one in callers] == [f"PUT {number}".encode() for number in range(100)]
    assert len(_THREADS) == 100
    assert len(set(_THREADS)) <= 16


@here
def test_what_a_view_did_not_foresee_is_a_500_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    failed, after = ask(Caller("/fail"), Caller("/name"))
    assert (failed.status, after.status) == (500, 200)
    assert b"nobody foresaw" not in failed.body


@here
def test_a_stream_arrives_part_by_part_and_its_request_ends() -> None:
    begun, ended = list[object](), list[object]()
    request_started.connect(begin := lambda **_: begun.append(1), weak=False)
    request_finished.connect(end := lambda **_: ended.append(1), weak=False)
    try:
        (one,) = ask(Caller("/counted"))
    finally:
        request_started.disconnect(begin)
        request_finished.disconnect(end)
    assert [part for part in one.parts if part] == [b"0", b"1", b"2", b"3", b"4"]
    assert len(begun) == len(ended) == 1


@here
def test_a_stream_ends_when_its_client_leaves() -> None:
    one = Caller("/endless")

    async def leave_soon() -> None:
        while len(one.parts) < 3:
            await asyncio.sleep(0.01)
        one.gone.set()

    handler = ThreadedHandler()

    async def both() -> None:
        async with asyncio.timeout(10):
            await asyncio.gather(handler(one.scope, one.receive, one.send), leave_soon())

    asyncio.run(both())
    handler.stop()
    assert one.status == 200


def test_a_client_that_leaves_before_its_request_is_whole_gets_nothing() -> None:
    one = Caller("/", leaves=True)
    one.gone.set()
    ask(one)
    assert (one.status, one.parts) == (0, [])


def test_static_files_and_problems_come_as_before() -> None:
    style, nothing = ask(Caller("/static/css/app.css"), Caller("/api/v1/nowhere"))
    assert (style.status, nothing.status) == (200, 404)
    assert b"{" in style.body
    assert json.loads(nothing.body)["code"] == "not_found"
