"""Django's ASGI handler on a few threads that stay: a request is served by one of them, from its start to its end.

Django's own starts a thread per request and crosses into it for every signal; each of these threads opens a database
connection of its own. Here threads, and with SQLite their connections, are used again: see docs/benchmarks.md.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.urls import set_script_prefix

_T = TypeVar("_T")


class ThreadedHandler(ASGIHandler):
    """The middleware and all views run as they would under WSGI."""

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(settings.HTTP_THREADS, thread_name_prefix="http")

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        response = await self._in_thread(lambda: self._answer(scope, body))
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def stop(self) -> None:
        """End the threads once they have served what they are at."""
        self._threads.shutdown()

    def _answer(self, scope: Any, body: Any) -> Any:
        """On one of the threads. What is to be streamed is closed by `_stream`, everything else here."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        response: Any = self.get_response(request) if request is not None else refusal
        if not response.streaming:
            response.close()
            body.close()
        return response

    async def _stream(self, response: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Until all is sent or the client is gone."""
        if not response.is_async:
            response.streaming_content = self._from_threads(iter(response.streaming_content))
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()  # raises what stopped it
        finally:
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError, RequestAborted):
                    await task
            await self._in_thread(response.close)

    async def _from_threads(self, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        """A part at a time: the event loop never waits for files or the database."""
        while part := await self._in_thread(lambda: next(parts, b"")):
            yield part

    async def _in_thread(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _tidily, function)


def _tidily(function: Callable[[], _T]) -> _T:
    try:
        return function()
    finally:
        close_old_connections()
