"""Order entry over the socket: everything the API does with an order, pipelined, one answer each."""

import asyncio
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from accounts import keys
from accounts.facade import User
from common.ids import public_id
from ledger.runtime import committed_events
from markets import queries
from markets.engine import commands as c
from markets.handlers import participants, sessions
from markets.handlers.orders import cancel_order
from tests.live.floor import LEG, Session, aside, check, open_session
from tests.live.line import dialed

pytestmark = pytest.mark.usefixtures("ledger")
ORDER = {"asset": LEG, "side": "sell", "quantity": "5", "price": "150"}


@pytest.fixture(autouse=True)
def _fresh_keys() -> Iterator[None]:
    yield
    keys.forget()


def by_api(session: Session, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The API's answer to the same caller."""
    given = {"Authorization": f"Bearer {session.secrets[who]}", **headers}
    content = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(Client(raise_request_exception=False), method)(f"/api/v1/{path}", headers=given, **content)


def key(name: str, *scopes: str, session_id: str = "") -> str:
    return keys.issue(User.objects.get(username=name), name="x", scopes=scopes, session_id=session_id)[1]


def test_an_order_is_placed_replaced_and_cancelled_and_each_ack_is_what_the_api_says() -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with dialed(session, "alice") as alice, dialed(session, "bob") as bob:
            placed = await alice.ask("order.new", **ORDER, id="mine", client_order_id="c1")
            order_id = placed["data"]["order"]["order_id"]
            assert placed["type"] == "ack"
            assert (placed["data"]["id"], placed["data"]["op"], placed["data"]["replayed"]) == (
                "mine",
                "order.new",
                False,
            )
            shown = await aside(by_api, session, "alice", "get", f"orders/{order_id}")
            assert placed["data"]["order"] == shown.json()
            await bob.ask("order.new", asset=LEG, side="buy", quantity=2, price="150")
            replaced = await alice.ask("order.replace", order_id=order_id, quantity="4", price="151")
            shown = await aside(by_api, session, "alice", "get", f"orders/{order_id}")
            assert replaced["data"]["order"] == shown.json()
            assert replaced["data"]["order"]["filled_quantity"] == "2.0000"
            crossing = await bob.ask("order.new", asset=LEG, side="buy", quantity=1, price="151", time_in_force="ioc")
            assert crossing["data"]["order"]["status"] == "filled"
            assert crossing["data"]["order"]["trades"][0]["liquidity"] == "taker"
            gone = await alice.ask("order.cancel", order_id=order_id)
            shown = await aside(by_api, session, "alice", "get", f"orders/{order_id}")
            assert gone["data"]["order"] == shown.json()
            assert gone["data"]["order"]["status"] == "cancelled"
            events = await aside(committed_events, session.stream, 0)
            assert gone["data"]["event_seq"] == events[-1].seq

    asyncio.run(story())


def test_a_hundred_commands_in_flight_are_done_in_the_order_sent_and_each_is_answered_once() -> None:
    session = open_session("alice")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            ids = [await alice.send("order.new", **ORDER) for _ in range(60)]
            ids += [await alice.send("order.cancel_all")]
            ids += [await alice.send("order.new", **ORDER, id=f"late-{n}") for n in range(39)]
            answers: list[dict[str, Any]] = []
            while len(answers) < 100:
                message = await alice.hear()
                answers += [message] if message["type"] in {"ack", "error"} else []
            assert [answer["data"]["id"] for answer in answers] == ids
            assert {answer["type"] for answer in answers} == {"ack"}
            first = [answer["data"]["order"]["order_id"] for answer in answers[:60]]
            assert answers[60]["data"]["cancelled"] == first
            seqs = [answer["data"]["event_seq"] for answer in answers]
            assert seqs == sorted(seqs)

    asyncio.run(story())
    assert len(queries.orders_page(session.stream, 0, 500, status="open")) == 39


def test_a_thousand_may_be_on_their_way_on_a_connection_and_what_is_more_is_told_to_wait() -> None:
    session = open_session("alice", bounds={"orders_per_second": 10_000})

    async def story() -> None:
        async with dialed(session, "alice", query="feed=none") as alice:
            for number in range(1100):
                await alice.send("order.new", **{**ORDER, "quantity": "0.1"}, id=number)
            answers = [await alice.hear_until(lambda said: said["type"] != "heartbeat") for _ in range(1100)]
            assert sorted(answer["data"]["id"] for answer in answers) == list(range(1100))
            acks = sum(answer["type"] == "ack" for answer in answers)
            assert acks >= 1000
            assert {answer["data"].get("code") for answer in answers} <= {None, "busy"}
            assert (await alice.ask("order.cancel_all"))["type"] == "ack"

    asyncio.run(story())


def test_a_connection_for_orders_alone_hears_answers_and_heartbeats_and_costs_the_feed_nothing() -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with dialed(session, "alice", query="feed=none") as alice:
            await alice.ask("order.new", **ORDER)
            order_id = (await alice.ask("order.new", **ORDER))["data"]["order"]["order_id"]
            async with dialed(session, "bob") as bob:  # who comes later hears everything from then on
                assert bob.book[LEG, "CASH", "asks"] == {Decimal(150): (Decimal(10), 2)}
                assert (await alice.ask("order.cancel", order_id=order_id))["type"] == "ack"
                assert (await bob.hear_kind("book"))["data"]["asks"][0]["quantity"] == "5.0000"
            gone = c.RemoveParticipant(participant="alice")
            await aside(participants.remove_participant, session.stream, gone, session.organiser)
            with pytest.raises(ConnectionClosedError, match="4403"):
                await alice.hear_kind("snapshot")
        assert {message["type"] for message in alice.messages} <= {"ack", "heartbeat"}

    asyncio.run(story())


BAD: list[tuple[str, dict[str, Any]]] = [
    ("order.new", {}),
    ("order.new", {**ORDER, "quantity": "NaN"}),
    ("order.new", {**ORDER, "quantity": "1e400"}),
    ("order.new", {**ORDER, "quantity": -1}),
    ("order.new", {**ORDER, "quantity": "5000"}),
    ("order.new", {**ORDER, "price": None}),
    ("order.new", {**ORDER, "asset": "GOLD"}),
    ("order.new", {**ORDER, "side": ["buy"]}),
    ("order.new", {**ORDER, "colour": "red"}),
    ("order.new", {**ORDER, "order_type": "market"}),
    ("order.new", {**ORDER, "participant_id": "bob"}),
    ("order.new", {**ORDER, "participant_id": "nobody"}),
    ("order.new", {**ORDER, "client_order_id": "x" * 65}),
    ("order.new", {**ORDER, "asset": "\0"}),
]


def test_what_is_refused_has_the_api_s_own_code_detail_and_fields() -> None:
    session = open_session("alice", "bob")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            for op, body in BAD:
                answer = await alice.ask(op, **body)
                api = await aside(by_api, session, "alice", "post", "sessions/floor/orders", body)
                assert answer["type"] == "error", body
                assert {name: answer["data"][name] for name in ("code", "detail", "errors")} == {
                    name: api.json()[name] for name in ("code", "detail", "errors")
                }, body

    asyncio.run(story())
    assert queries.orders_page(session.stream, 0, 500) == []


def test_another_s_order_is_not_there_whether_open_or_not_and_nor_is_one_that_never_was() -> None:
    session = open_session("alice", "bob")
    resting = session.place("alice", side="sell", quantity=1, price=150)
    ended = session.place("alice", side="sell", quantity=1, price=150)
    cancel_order(session.stream, c.CancelOrder(order=ended.number), session.people["alice"])

    asked: list[tuple[str, dict[str, str]]] = [("order.cancel", {}), ("order.replace", {"quantity": "1"})]

    async def story() -> None:
        async with dialed(session, "bob") as bob, dialed(session, "alice") as alice:
            for number in (resting.number, ended.number, 999_999):
                order_id = public_id(session.stream, number)
                for op, more in asked:
                    answer = await bob.ask(op, order_id=order_id, **more)
                    assert answer["data"]["code"] == "not_found", number
            assert (await bob.ask("order.cancel", order_id="nonsense"))["data"]["code"] == "not_found"
            assert (await bob.ask("order.cancel", order_id=7))["data"]["errors"][0]["field"] == "order_id"
            again = await alice.ask("order.cancel", order_id=public_id(session.stream, ended.number))
            assert again["data"]["code"] == "order_not_open"
            assert (await bob.ask("order.cancel_all", participant_id="alice"))["data"]["code"] == "not_yours"

    asyncio.run(story())
    assert queries.order(session.stream, resting.number).status == "open"


def test_a_text_id_is_an_idempotency_key_through_both_doors_and_a_number_is_not() -> None:
    session = open_session("alice")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            first = await alice.ask("order.new", **ORDER, id="once")
            again = await alice.ask("order.new", **ORDER, id="once")
            assert again["data"] == first["data"] | {"replayed": True}
            api = await aside(
                by_api, session, "alice", "post", "sessions/floor/orders", ORDER, **{"Idempotency-Key": "once"}
            )
            assert (api.json(), api["Idempotent-Replayed"]) == (first["data"]["order"], "true")
            other = await alice.ask("order.new", **{**ORDER, "price": "151"}, id="once")
            assert other["data"]["code"] == "idempotency_conflict"
            order_id = first["data"]["order"]["order_id"]
            gone = await alice.ask("order.cancel", order_id=order_id, id="bye")
            repeated = await alice.ask("order.cancel", order_id=order_id, id="bye")
            assert repeated["data"] == gone["data"] | {"replayed": True}
            by_client_id = [await alice.ask("order.new", **ORDER, client_order_id="c1") for _ in range(2)]
            assert [answer["data"]["replayed"] for answer in by_client_id] == [False, True]
            assert by_client_id[0]["data"]["order"] == by_client_id[1]["data"]["order"]
            numbered = [await alice.ask("order.new", **ORDER, id=7) for _ in range(2)]
            assert len({answer["data"]["order"]["order_id"] for answer in numbered}) == 2

    asyncio.run(story())


def test_a_key_may_do_what_it_may_in_the_api() -> None:
    session = open_session("alice", "bob")
    boss = session.organiser
    participants.join_session(session.stream, c.JoinSession(participant="boss", user=boss.id), boss)
    resting = session.place("alice", side="sell", quantity=1, price=150)

    async def story() -> None:
        order_id = public_id(session.stream, resting.number)
        reader = await aside(key, "alice", "read")
        async with dialed(session, "alice", secret=reader) as alice:
            assert (await alice.ask("order.new", **ORDER))["data"]["code"] == "missing_scope"
        async with dialed(session, "boss") as narrow:
            assert (await narrow.ask("order.new", **ORDER, participant_id="alice"))["data"]["code"] == "not_yours"
            assert (await narrow.ask("order.cancel", order_id=order_id))["data"]["code"] == "not_found"
            assert (await narrow.ask("order.cancel_all", participant_id="alice"))["data"]["code"] == "not_yours"
        wide = await aside(key, "boss", "read", "trade", "organise")
        async with dialed(session, "boss", secret=wide) as organiser:
            placed = await organiser.ask("order.new", **ORDER, participant_id="alice")
            assert placed["data"]["order"]["participant_id"] == "alice"
            gone = await organiser.ask("order.cancel_all", participant_id="alice", side="sell")
            assert gone["data"]["cancelled"] == [order_id, placed["data"]["order"]["order_id"]]

    asyncio.run(story())


def test_a_revoked_key_places_nothing_more_and_its_connection_is_closed() -> None:
    session = open_session("alice")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            assert (await alice.ask("order.new", **ORDER))["type"] == "ack"
            await aside(lambda: keys.revoke(keys.ApiKey.objects.get(user__username="alice")))
            await alice.send("order.new", **ORDER)
            with pytest.raises(ConnectionClosedError, match="4401"):
                await alice.hear_kind("ack")

    asyncio.run(story())
    assert len(queries.orders_page(session.stream, 0, 10)) == 1


def test_orders_and_cancels_are_paid_from_the_same_buckets_as_in_the_api() -> None:
    session = open_session("alice", bounds={"orders_per_second": 1, "order_burst": 5})

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            answers = [await alice.ask("order.new", **ORDER) for _ in range(7)]
            assert [answer["type"] for answer in answers[:5]] == ["ack"] * 5
            assert answers[-1]["data"]["code"] == "throttled"
            assert answers[-1]["data"]["retry_after"] == 1
            assert (await alice.ask("order.cancel_all"))["type"] == "ack"
            api = await aside(by_api, session, "alice", "post", "sessions/floor/orders", ORDER)
            assert api.status_code in {201, 429}

    asyncio.run(story())


def test_a_session_that_does_not_trade_says_so() -> None:
    session = open_session("alice")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            await aside(sessions.halt_session, session.stream, session.organiser, reason="tea")
            assert (await alice.ask("order.new", **ORDER))["data"]["code"] == "session_halted"
            assert (await alice.ask("order.cancel_all"))["data"]["cancelled"] == []

    asyncio.run(story())


def test_ids_and_ops_that_are_none_are_answered_with_what_could_be_read() -> None:
    session = open_session("alice")

    async def story() -> None:
        async with dialed(session, "alice") as alice:
            for text, field, shown in (
                ('{"op":"order.new"}', "id", None),
                ('{"op":"order.new","id":""}', "id", None),
                ('{"op":"order.new","id":true}', "id", None),
                ('{"op":"order.new","id":1.5}', "id", None),
                ('{"op":"order.new","id":{}}', "id", None),
                ('{"op":"order.new","id":"\\u0000"}', "id", None),
                ('{"op":"order.fly","id":"a"}', "op", "a"),
                ('{"id":3,"op":null}', "op", 3),
                ('{"id":3,"op":"order.new","op":"order.cancel"}', "op", 3),
                ("[]", "body", None),
                ("{", "body", None),
                ('{"op":"resume","seq":-1}', "body", None),
            ):
                await alice.socket.send(text)
                answer = await alice.hear_kind("error")
                assert answer["data"]["code"] == "invalid_input", text
                assert answer["data"]["errors"][0]["field"] == field, text
                assert answer["data"]["id"] == shown, text

    asyncio.run(story())


def test_hundreds_of_random_frames_are_all_answered_or_end_the_connection_and_nobody_else_notices() -> None:
    session = open_session("alice", "bob")
    chance = random.Random(7)

    def junk(depth: int = 0) -> str:
        made = chance.choice(('"x"', "7", "-1e9999", "null", "true", "NaN", '"\\ud800"', '"order.new"', "{", "[]"))
        if depth > 3 or chance.random() < 0.4:
            return made
        names = chance.sample(["op", "id", "order_id", "asset", "side", "quantity", "price", "x"], 4)
        return "{" + ",".join(f'"{name}":{junk(depth + 1)}' for name in names) + "}"

    async def story() -> None:
        async with dialed(session, "bob") as bob:
            left, ends = 300, list[Close | None]()
            while left > 0:
                try:
                    async with dialed(session, "alice") as alice:
                        for _ in range(min(left, 40)):
                            left -= 1
                            await alice.socket.send(junk())
                            check(await alice.hear_kind("error"), "alice")
                except ConnectionClosedError as end:
                    ends.append(end.rcvd)
            assert {end.code for end in ends if end} == {1008}  # too much nonsense at once
            assert (await bob.ask("order.new", **ORDER))["type"] == "ack"

    asyncio.run(story())
