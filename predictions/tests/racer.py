"""One process of several that call the API at one moment: `python -m predictions.tests.racer`.

For each line of JSON, a list of calls: says "ready", reads another line, makes all calls at once, each on a thread of
its own, and answers a line of JSON: what each was told.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  after the setup
from django.test import Client  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from accounts import keys  # noqa: E402
from ledger.runtime import runtime  # noqa: E402


def call(one: dict[str, Any], start: Barrier) -> list[Any]:
    """[status, code of the refusal or ""]."""
    bearer = {"Authorization": f"Bearer {one['secret']}"}
    client = Client(headers=bearer, SERVER_NAME="localhost", raise_request_exception=False)
    start.wait(30)
    try:
        path = f"/api/v1/predictions/{one['path']}"
        answer = client.post(path, one["body"], content_type="application/json")
        return [answer.status_code, answer.json().get("code", "")]
    finally:
        connection.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Until nothing more is asked."""
    assert get_resolver().url_patterns  # loaded now, and not by the first of the calls
    for line in sys.stdin:
        calls = json.loads(line)
        start = Barrier(len(calls))
        with ThreadPoolExecutor(len(calls)) as pool:
            say("ready")
            sys.stdin.readline()
            told = list(pool.map(lambda one: call(one, start), calls))  # noqa: B023  done before the next round
        runtime.stop()  # the next round is on other tables: nothing is remembered, and no connection kept
        keys.forget()
        say(json.dumps(told))


if __name__ == "__main__":
    main()
