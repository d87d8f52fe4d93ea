"""The order line against a server that is made up: how much it sends at once, what it says of what it cannot know."""

import json
import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest
from session_contracts_client import ClientError, OrderLine
from session_contracts_client.errors import Unreachable
from session_contracts_client.feed import HungUp


class Server:
    """One connection after the other; what is sent over each is in `heard`, and nothing is answered by itself."""

    def __init__(self) -> None:
        self.heard: list[list[dict[str, Any]]] = []
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def dial(self) -> "Server":
        self.heard.append([])
        return self

    def send(self, text: str) -> None:
        self.heard[-1].append(json.loads(text))

    def receive(self, timeout: float) -> str:
        try:
            said = self._said.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        if said is None:
            raise HungUp(1006)
        return said

    def close(self) -> None:
        pass

    def acknowledge(self, asked: dict[str, Any]) -> None:
        self._say("ack", {"id": asked["id"], "cancelled": [], "order": None})

    def refuse(self, asked: dict[str, Any], code: str) -> None:
        self._say("error", {"id": asked["id"], "code": code, "detail": "No.", "errors": []})

    def hang_up(self) -> None:
        self._said.put(None)

    def _say(self, kind: str, data: dict[str, Any]) -> None:
        self._said.put(json.dumps({"type": kind, "data": data}))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def line(server: Server) -> Iterator[OrderLine]:
    with OrderLine("", "", "", dial=server.dial) as made:
        made.cancel_all(asset="hello")
        eventually(lambda: bool(server.heard and server.heard[-1]))
        server.acknowledge(server.heard[-1].pop())
        yield made


def eventually(holds: Any) -> None:
    for _ in range(2000):
        if holds():
            return
        time.sleep(0.005)
    raise AssertionError("it never happened")


def test_no_more_than_a_thousand_are_on_their_way_and_the_rest_follows_in_order(
    server: Server, line: OrderLine
) -> None:
    answers = [line.cancel_all(asset=str(number)) for number in range(2500)]
    for number in range(2500):
        eventually(lambda number=number: len(server.heard[0]) > number)
        assert len(server.heard[0]) <= number + 1000
        assert server.heard[0][number]["asset"] == str(number)
        server.acknowledge(server.heard[0][number])
    assert [answer.result(5) for answer in answers] == [[]] * 2500


def test_after_a_break_all_is_sent_again_under_its_ids_a_thousand_at_a_time(server: Server, line: OrderLine) -> None:
    answers = [line.cancel_all(asset=str(number)) for number in range(1500)]
    eventually(lambda: len(server.heard[0]) == 1000)
    server.hang_up()
    eventually(lambda: len(server.heard) == 2 and len(server.heard[1]) == 1000)
    assert server.heard[1] == server.heard[0]
    for number in range(1500):
        eventually(lambda number=number: len(server.heard[1]) > number)
        server.acknowledge(server.heard[1][number])
    assert [answer.result(5) for answer in answers] == [[]] * 1500


@pytest.mark.parametrize("code", ["busy", "unavailable"])
def test_what_was_sent_before_and_is_not_taken_again_is_not_called_refused(
    server: Server, line: OrderLine, code: str
) -> None:
    answer = line.cancel_all(asset="x")
    server.hang_up()
    eventually(lambda: len(server.heard) == 2 and len(server.heard[1]) == 1)
    server.refuse(server.heard[1][0], code)
    with pytest.raises(Unreachable, match="may have been done"):
        answer.result(5)


def test_what_is_too_long_is_not_sent_and_spoils_nothing(server: Server, line: OrderLine) -> None:
    with pytest.raises(ClientError, match="16384 bytes"):
        line.cancel_all(asset="é" * 9000)
    answer = line.cancel_all(asset="x")
    eventually(lambda: bool(server.heard[0]))
    (asked,) = server.heard[0]
    server.acknowledge(asked)
    assert answer.result(5) == []
