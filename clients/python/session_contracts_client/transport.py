"""One server, one key: requests that are sent until they are answered, at most once each in effect."""

import http.client
import random
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from session_contracts_client import wire
from session_contracts_client.errors import ApiError, FieldError, UnexpectedAnswer, Unreachable

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_AGAIN = {429, 502, 503, 504}
"""Whoever said so, the server or a proxy before it: what changes something bears a key, so it is not done twice."""


class Transport:
    """Safe to use from several threads: each has a connection of its own.

    A request that was not answered, or answered 429, 502, 503 or 504, is sent again with the same Idempotency-Key, so
    that it happens once, until `patience` seconds are over.
    """

    def __init__(self, url: str, key: str, *, patience: float, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// address.")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path.rstrip("/")
        self._key, self._patience, self._timeout = key, patience, timeout
        self._mine = threading.local()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        idempotency_key: str = "",
    ) -> Any:
        """The answer's JSON, None where there is none. Raises ApiError, Unreachable, UnexpectedAnswer."""
        content_type, answer = self.fetch(method, path, body=body, query=query, idempotency_key=idempotency_key)
        if not answer:
            return None
        if not content_type.startswith("application/json"):
            raise UnexpectedAnswer(f"{method} {path} answered {content_type or 'nothing'}, not JSON.")
        return wire.loads(answer)

    def fetch(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        idempotency_key: str = "",
    ) -> tuple[str, bytes]:
        """As `call`: (content type, body)."""
        target = self._prefix + path
        if given := {name: wire.as_text(value) for name, value in (query or {}).items() if value is not None}:
            target += f"?{urlencode(given)}"
        content = wire.dumps(body) if body is not None else None
        headers = self._headers(method, content, idempotency_key)
        give_up_at, pause = time.monotonic() + self._patience, _FIRST_PAUSE_S
        while True:
            wait = pause * random.uniform(0.5, 1)  # noqa: S311  spreads clients, guards nothing
            try:
                status, answered, data = self._once(method, target, content, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                failure: Exception = Unreachable(f"{self._host} did not answer {method} {path}: {error!r}")
            else:
                content_type = answered.get("content-type", "")
                if status < 300:
                    return content_type, data
                failure = _refusal(status, content_type, data)
                if status not in _AGAIN:
                    raise failure
                wait = max(wait, _seconds(answered.get("retry-after", "")))
            if time.monotonic() + wait > give_up_at:
                raise failure
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def close(self) -> None:
        """Close this thread's connection; the next request opens another."""
        connection = getattr(self._mine, "connection", None)
        if connection is not None:
            connection.close()
            self._mine.connection = None

    def _headers(self, method: str, content: bytes | None, idempotency_key: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        if method != "GET":
            headers["Idempotency-Key"] = idempotency_key or uuid.uuid4().hex
        return headers

    def _once(
        self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        connection = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self._kind(self._host, self._port, timeout=self._timeout)
        connection.request(method, target, body=content, headers=dict(headers))
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data


def _refusal(status: int, content_type: str, data: bytes) -> ApiError:
    """problem+json → ApiError; anything else (a proxy's page) → one with the code `http_<status>`."""
    if not content_type.startswith("application/problem+json"):
        return ApiError(status, f"http_{status}", f"The server answered {status}.")
    problem = wire.loads(data)
    errors = tuple(
        FieldError(str(entry.get("field", "")), str(entry.get("code", "")), str(entry.get("detail", "")))
        for entry in problem.get("errors", ())
    )
    return ApiError(status, str(problem.get("code", "")), str(problem.get("detail", "")), errors)


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0.0
