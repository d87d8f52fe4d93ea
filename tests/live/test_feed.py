"""The live feed, heard through a real server: what everybody and only the right people hear, in order and in time."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from markets import requests
from markets.engine import commands as c
from markets.handlers import orders, participants, prices, rfq, sessions
from markets.handlers.announcements import announce
from tests.guarantees.sizes import size
from tests.live.floor import (
    LEG,
    Ear,
    Server,
    aside,
    closed_with,
    listening,
    open_session,
    rest_book,
    serving,
    trade_wildly,
)

ROUNDS = size(60, 400, 4_000)
pytestmark = [pytest.mark.usefixtures("ledger"), pytest.mark.timeout(300 + ROUNDS)]


@pytest.fixture
def server(ledger: None, tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, "--no-clock") as running:
        yield running


def test_an_order_is_seen_by_others_within_a_second_and_a_fill_by_both(server: Server) -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with listening(server, session, "alice") as alice, listening(server, session, "bob") as bob:
            for ear in (alice, bob):
                snapshot = await ear.hear()
                assert snapshot["type"] == "snapshot"
                assert snapshot["data"]["holdings"][LEG]["available"] == "1000.0000"
            began = time.monotonic()
            placed = await aside(session.place, "alice", side="sell", quantity=5, price=150)
            book = await bob.hear_kind("book")
            assert time.monotonic() - began < 1
            assert book["data"]["asks"] == [{"price": "150.0000", "quantity": "5.0000", "orders": 1}]
            assert book["seq"] == placed.number
            order = await alice.hear_kind("order")
            assert (order["data"]["status"], order["seq"]) == ("open", placed.number)
            await aside(session.place, "bob", side="buy", quantity=2, price=151)
            trade = await alice.hear_kind("trade")
            assert (trade["data"]["price"], trade["data"]["amount_from"]) == ("150.0000", "2.0000")
            held = await alice.hear_kind("allocation")
            assert held["data"]["holdings"][LEG] == {
                "total": "998.0000",
                "reserved": "3.0000",
                "available": "995.0000",
            }
            order = await alice.hear_kind("order")
            assert order["data"]["filled_quantity"] == "2.0000"
            assert [fill["liquidity"] for fill in order["data"]["trades"]] == ["maker"]
            held = await bob.hear_until(
                lambda m: m["type"] == "allocation" and m["data"]["holdings"][LEG]["total"] > "1000"
            )
            assert held["data"]["holdings"]["CASH"]["total"] == "99700.00000000"

    asyncio.run(story())


def test_an_announcement_is_heard_by_all_and_a_private_one_by_its_receiver_alone(server: Server) -> None:
    session = open_session("alice", "bob")

    def say(text: str, to: str = "") -> None:
        announce(session.stream, c.Announce(text=text, participant=to), session.organiser)

    async def story() -> None:
        async with (
            listening(server, session, "alice") as alice,
            listening(server, session, "bob") as bob,
            listening(server, session, None) as boss,
        ):
            for ear in (alice, bob, boss):
                await ear.hear_kind("snapshot")
            held = bob.seq
            await aside(say, "bob alone", "bob")
            await aside(say, "five minutes left")
            for ear in (alice, boss):
                heard = await ear.hear_kind("announcement")
                assert (heard["data"]["text"], heard["data"]["participant_id"]) == ("five minutes left", None)
            assert [(await bob.hear_kind("announcement"))["data"]["text"] for _ in range(2)] == [
                "bob alone",
                "five minutes left",
            ]
            await bob.socket.send(json.dumps({"op": "resume", "seq": held}))
            bob.seq = held  # as if nothing of it had come
            assert (await bob.hear_kind("announcement"))["data"]["participant_id"] == "bob"

    asyncio.run(story())


def test_a_snapshot_of_a_deep_book_is_larger_than_what_clients_may_send(server: Server) -> None:
    session = open_session("alice")
    bodies = [
        {"participant_id": "alice", "asset": LEG, "side": "sell", "quantity": 1, "price": 100 + n} for n in range(500)
    ]
    orders.bulk_orders(
        session.stream, [requests.place_order(session.info, body) for body in bodies], session.people["alice"]
    )

    async def story() -> None:
        async with listening(server, session, "alice") as alice:
            snapshot = await alice.hear()
            assert len(snapshot["data"]["orders"]) == 500
            assert alice.levels() == await aside(rest_book, session)

    asyncio.run(story())


def test_nobody_hears_of_anybody_elses_orders_or_holdings_and_all_keep_the_same_book(server: Server) -> None:
    """`Ear.apply` checks every message of the run."""
    session = open_session("alice", "bob", "carol")

    async def story() -> None:
        async with (
            listening(server, session, "alice") as alice,
            listening(server, session, "bob") as bob,
            listening(server, session, None) as boss,
        ):
            ears = (alice, bob, boss)
            trading = [trade_wildly(session, who, ROUNDS, seed) for seed, who in enumerate(session.people)]
            hearing = [
                asyncio.create_task(ear.hear_until(lambda m: m["type"] == "status", 120 + ROUNDS / 4)) for ear in ears
            ]
            await asyncio.gather(*trading)
            await aside(sessions.halt_session, session.stream, session.organiser, reason="enough")
            for last in await asyncio.gather(*hearing):
                assert (last["data"]["status"], last["data"]["reason"]) == ("halted", "enough")
            expected = await aside(rest_book, session)
            traded = set(alice.trades)
            for ear in ears:
                assert ear.levels() == expected
                assert set(ear.trades) == traded
            assert traded
            assert {m["type"] for m in boss.messages} >= {"snapshot", "book", "trade", "status"}
            assert not {m["type"] for m in boss.messages} & {"order", "allocation"}

    asyncio.run(story())


def test_a_client_that_lost_a_message_gets_it_again_from_where_it_stood(server: Server) -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with listening(server, session, "bob") as bob:
            await bob.hear()
            held = bob.seq
            for price in (101, 102):
                await aside(session.place, "alice", side="sell", quantity=1, price=price)
                await aside(session.place, "bob", side="buy", quantity=1, price=price)
            for _ in range(2):
                await bob.hear_until(lambda m: m["type"] == "order" and m["data"]["status"] == "filled")
            told = [m for m in bob.messages if m["type"] in {"trade", "order"}]
            await bob.socket.send(json.dumps({"op": "resume", "seq": held}))
            bob.seq = held  # as if nothing of it had come
            del bob.messages[:]
            await bob.hear_kind("snapshot")
            again = [m for m in bob.messages[:-1] if m["seq"] > held]
            assert [(m["type"], m["seq"], m["data"]) for m in again] == [
                (m["type"], m["seq"], m["data"]) for m in told
            ]
            assert again[0]["prev"] == held

    asyncio.run(story())


def test_a_burst_that_is_not_read_is_not_kept_for_ever(server: Server) -> None:
    """It ends long before an unanswered ping would end it."""
    session = open_session("alice", "bob", bounds={"orders_per_second": 10_000})

    def burst() -> None:
        for who, side in (("alice", "sell"), ("bob", "buy")):
            body = {"participant_id": who, "asset": LEG, "side": side, "quantity": "0.01", "price": 100}
            command = requests.place_order(session.info, body)
            orders.bulk_orders(session.stream, [command] * 60, session.people[who])

    async def story() -> None:
        headers = {"Authorization": f"Bearer {session.secrets['bob']}"}
        url = f"ws://{server.host}/ws/sessions/{session.session_id}"
        deaf = await connect(url, additional_headers=headers, max_queue=1, ping_interval=None)
        deaf.transport.pause_reading()
        async with listening(server, session, "alice") as alice:
            hearing = asyncio.create_task(_drain(alice))
            began = time.monotonic()
            while time.monotonic() - began < 7:
                await aside(burst)
                await asyncio.sleep(0.1)
            deaf.transport.resume_reading()
            assert await closed_with(Ear(deaf, "bob"), 2) == 4408
            await aside(sessions.halt_session, session.stream, session.organiser)
            assert '"status":"halted"' in await asyncio.wait_for(hearing, 5)

    asyncio.run(story())


async def _drain(ear: Ear) -> str:
    """Read without looking, up to the session's next change of life: that message."""
    while '"type":"status"' not in (text := str(await ear.socket.recv())):
        pass
    return text


def test_who_joins_gets_what_is_theirs_and_who_is_removed_leaves(server: Server) -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with listening(server, session, None) as boss, listening(server, session, "bob") as bob:
            await boss.hear()
            await bob.hear()
            command = c.JoinSession(participant="chief", user=session.organiser.id)
            await aside(participants.join_session, session.stream, command, session.organiser)
            boss.who = "chief"
            snapshot = await boss.hear_kind("snapshot")
            assert snapshot["data"]["holdings"]["CASH"]["total"] == "100000.00000000"
            removing = c.RemoveParticipant(participant="bob", reason="left")
            await aside(participants.remove_participant, session.stream, removing, session.organiser)
            assert await closed_with(bob, 3) == 4403

    asyncio.run(story())


def test_a_deleted_session_closes_its_feed(server: Server) -> None:
    session = open_session("alice")

    async def story() -> None:
        async with listening(server, session, "alice") as alice:
            await alice.hear()
            await aside(sessions.delete_session, "floor", session.organiser)
            assert await closed_with(alice, 3) == 4404

    asyncio.run(story())


def test_prices_come_in_order_and_can_be_resumed(server: Server) -> None:
    session = open_session("alice")

    def push(price: int) -> None:
        prices.push_prices(session.info, {LEG: str(price), "NVDA": "1.5"})

    async def story() -> None:
        async with listening(server, session, "alice") as alice:
            snapshot = await alice.hear()
            assert (snapshot["data"]["prices"], snapshot["data"]["feed_seq"]) == ({}, 0)
            for price in (10, 11, 12):
                await aside(push, price)
            heard = await alice.hear_until(lambda m: m.get("feed_seq") == 3)
            assert heard["data"]["prices"] == {LEG: "12.0000", "NVDA": "1.5000"}
        async with listening(server, session, "alice") as alice:
            assert (await alice.hear())["data"]["prices"][LEG] == "12.0000"
            await alice.socket.send(json.dumps({"op": "resume", "seq": alice.seq, "feed_seq": 1}))
            alice.feed_seq = 1
            ticks = [await alice.hear_kind("tick") for _ in range(2)]
            assert [tick["feed_seq"] for tick in ticks] == [2, 3]
            assert (await alice.hear_kind("snapshot"))["data"]["feed_seq"] == 3

    asyncio.run(story())


def test_rfqs_and_quotes_are_told_to_all(server: Server) -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with listening(server, session, None) as boss:
            await boss.hear()
            asked = c.RequestQuote(participant="alice", leg_from=LEG, leg_to="NVDA", amount_from=10_0000)
            number = (await aside(rfq.request_quote, session.stream, asked, session.people["alice"])).first_seq
            assert (await boss.hear_kind("rfq"))["data"]["status"] == "open"
            given = c.ProvideQuote(rfq=number, participant="bob", rate=62_000_000)
            quote = (await aside(rfq.provide_quote, session.stream, given, session.people["bob"])).first_seq
            assert (await boss.hear_kind("quote"))["data"]["rate"] == "0.62000000"
            async with listening(server, session, "alice") as alice:
                snapshot = await alice.hear()
                assert [len(snapshot["data"][name]) for name in ("rfqs", "quotes")] == [1, 1]
                await aside(rfq.accept_quote, session.stream, c.AcceptQuote(quote=quote), session.people["alice"])
                trade = await alice.hear_kind("trade")
                assert trade["data"]["quote_id"]
                assert (await alice.hear_kind("rfq"))["data"]["status"] == "executed"
                await aside(rfq.bust_trade, session.stream, trade["seq"], session.organiser, reason="a slip")
                undone = await alice.hear_kind("trade")
                assert (undone["data"]["trade_id"], undone["data"]["busted"]) == (trade["data"]["trade_id"], True)

    asyncio.run(story())


NONSENSE = [
    "",
    "{",
    "[]",
    "null",
    "1",
    '{"op":"buy"}',
    '{"op":"resume"}',
    '{"op":"resume","seq":"1"}',
    '{"op":"resume","seq":-1}',
    '{"op":"resume","seq":1e400}',
    '{"op":"resume","seq":true}',
    '{"op":"resume","seq":1,"x":1}',
    '{"op":"resume","seq":99999999999999999999999}',
    "[" * 9000,
    '"\\ud800"',
]


def test_what_is_not_understood_is_answered_and_the_connection_stays(server: Server) -> None:
    session = open_session("alice")

    async def story() -> None:
        async with listening(server, session, "alice") as alice:
            await alice.hear()
            for text in NONSENSE:
                await alice.socket.send(text)
                answer = await alice.hear_kind("error")
                assert answer["data"]["code"] == "invalid_input", text
                await asyncio.sleep(0.05)
            await alice.socket.send(json.dumps({"op": "resume", "seq": alice.seq}))
            await alice.hear_kind("snapshot")

    asyncio.run(story())


def test_frames_that_are_binary_or_too_large_and_floods_are_closed(server: Server) -> None:
    session = open_session("alice")

    async def story() -> None:
        for frames, code in (([b"x"], 1003), (["x" * 20_000], 1009), (["{}"] * 60, 1008)):
            async with listening(server, session, "alice") as alice:
                await alice.hear()
                try:
                    for frame in frames:
                        await alice.socket.send(frame)
                except ConnectionClosed:
                    pass
                assert await closed_with(alice, 3) == code

    asyncio.run(story())


def test_pages_get_fragments(server: Server) -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        url = f"ws://{server.host}/ws/sessions/floor?format=html"
        headers = {"Authorization": f"Bearer {session.secrets['alice']}"}
        async with connect(url, additional_headers=headers) as page:
            first = await asyncio.wait_for(page.recv(), 3)
            assert "hx-swap-oob" in first
            await aside(session.place, "bob", side="sell", quantity=5, price=150)
            async with asyncio.timeout(2):
                while "150.0000" not in (text := str(await page.recv())):
                    pass
            assert "hx-swap-oob" in text

    asyncio.run(story())


def test_a_stop_tells_clients_to_come_back_and_takes_less_than_ten_seconds(ledger: None, tmp_path: Path) -> None:
    session = open_session("alice")
    with serving(tmp_path) as server:

        async def story() -> None:
            async with listening(server, session, "alice") as alice:
                await alice.hear()
                began = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                assert await closed_with(alice, 5) == 1012
                assert await asyncio.to_thread(server.process.wait, 10) == 0
                assert time.monotonic() - began < 10

        asyncio.run(story())
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_form_that_is_broken_is_a_problem_too(server: Server) -> None:
    head = b"POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(head + b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\n{}")
        answer = client.recv(4096)
    assert b"application/problem+json" in answer, answer


def test_a_request_that_is_too_large_is_refused_before_it_was_sent(server: Server) -> None:
    """By the length that it announces, or as soon as it exceeds the limit without one."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for head, body in ((b"Content-Length: 10000000000", b""), (b"Transfer-Encoding: chunked", chunk * 129)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n" + body)
            answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 413 "), answer
        assert b'"code": "body_too_large"' in answer
    assert server.process.poll() is None
