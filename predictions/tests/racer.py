"""One process of several that call the API at one moment: `python -m predictions.tests.racer`.

Reads a line of JSON, a list of calls; says "ready"; reads another line, and makes all calls at once, each on a thread
of its own. Answers a line of JSON: what each was told.
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

from ledger.runtime import runtime  # noqa: E402


def call(one: dict[str, Any], start: Barrier) -> list[Any]:
    """[status, code of the refusal or ""]."""
    bearer = {"Authorization": f"Bearer {one['secret']}"}
    client = Client(headers=bearer, SERVER_NAME="localhost", raise_request_exception=False)
    start.wait(30)
    path = f"/api/v1/predictions/{one['path']}"
    answer = client.post(path, one["body"], content_type="application/json")
    connection.close()
    return [answer.status_code, answer.json().get("code", "")]


def main() -> None:
    calls = json.loads(sys.stdin.readline())
    start = Barrier(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        told = list(pool.map(lambda one: call(one, start), calls))
    runtime.stop()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
