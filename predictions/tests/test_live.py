"""A market's socket: what everybody hears and what only its owner does, in order, with snapshot and resume."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.core.management import call_command
from django.utils.module_loading import import_string

from predictions.api.tests.conftest import Caller, World
from predictions.api.tests.conftest import world as world  # the fixture
from predictions.ws import asyncapi
from predictions.ws.messages import DATA

ROOT = Path(__file__).resolve().parents[2]
application = import_string(settings.ASGI_APPLICATION)
OURS = (b"origin", b"http://localhost"), (b"host", b"localhost")


class Ear:
    """A client that holds every message against its documented type and the one before it."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self._socket, self.heard, self.seq = socket, list[dict[str, Any]](), 0

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self._socket.receive_from(timeout=10))
        assert message["prev"] == self.seq or message["type"] == "snapshot", message
        assert message["seq"] >= message["prev"]
        for kind in DATA[message["type"]]:
            try:
                msgspec.convert(message["data"], kind)
                break
            except msgspec.ValidationError as error:
                wrong = error
        else:
            raise AssertionError(f"{wrong}: {message}")
        self.seq = message["seq"]
        self.heard.append(message)
        return message

    async def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The data of the next message of this kind that says so."""
        while True:
            message = await self.next()
            if message["type"] == kind and wanted.items() <= message["data"].items():
                return dict(message["data"])

    async def say(self, **what: Any) -> None:
        await self._socket.send_to(text_data=json.dumps(what))


@asynccontextmanager
async def listening(market: str, who: Caller | None = None, *headers: tuple[bytes, bytes]) -> Any:
    """An ear at the market's socket, its snapshot heard."""
    own = [(b"authorization", f"Bearer {who.secret}".encode())] if who else []
    socket = WebsocketCommunicator(application, f"/ws/predictions/{market}", headers=[*own, *headers])
    connected, code = await socket.connect(timeout=10)
    if not connected:
        yield code
        return
    ear = Ear(socket)
    assert (await ear.next())["type"] == "snapshot"
    yield ear
    await socket.disconnect()


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


@pytest.fixture
def market(world: World) -> str:
    made = world.market()
    assert world["alice"].id
    assert world["bob"].id
    return made


async def place(world: World, who: str, *order: Any, **more: Any) -> Any:
    return await asyncio.to_thread(lambda: world[who].place(*order, **more))


def test_a_whole_life_is_heard_in_order(world: World, market: str) -> None:
    async def story() -> None:
        async with listening(market) as public, listening(market, world["alice"]) as alice:
            first = await place(world, "alice", market, "YES", 100, 0.60)
            shown = await public.until("order", id=first["id"])
            assert (shown["remaining"], shown["price"], shown["mine"]) == (100, 0.6, False)
            assert "agent_id" not in shown
            own = await alice.until("order", id=first["id"])
            assert (own["agent_id"], own["locked"], own["mine"]) == (world["alice"].id, 60, True)
            assert (await public.until("book"))["best_bid"] == 0.6
            await place(world, "bob", market, "NO", 30, 0.40)
            trade = await public.until("trade")
            assert (trade["kind"], trade["price"], trade["size"]) == ("mint", 0.6, 30)
            assert (await public.until("price"))["yes_price"] == 0.6
            assert (await alice.until("position"))["yes_shares"] == 30
            await asyncio.to_thread(world["alice"].call, "delete", f"orders/{first['id']}")
            assert (await public.until("order", status="cancelled"))["remaining"] == 70
            assert (await public.until("book"))["bids"] == []
            await asyncio.to_thread(world.resolve, market, "YES")
            assert (await public.until("status", step="closed"))["status"] == "closed"
            resolved = await public.until("status", step="resolved")
            assert (resolved["status"], resolved["market"]["outcome"]) == ("resolved", "YES")
            assert not [message for message in public.heard if message["type"] == "position"]

    run(story)


def test_who_was_away_hears_what_was_missed_and_a_snapshot(world: World, market: str) -> None:
    async def story() -> None:
        async with listening(market) as ear:
            await place(world, "alice", market, "YES", 10, 0.60)
            await ear.until("book")
            await place(world, "bob", market, "NO", 5, 0.40)
            await ear.until("book")
            held = ear.heard[0]["seq"]
            await ear.say(op="resume", seq=held)
            again = list[dict[str, Any]]()
            while not again or again[-1]["type"] != "snapshot":
                ear.seq = again[-1]["seq"] if again else held
                again.append(await ear.next())
            assert [message["type"] for message in again].count("trade") == 1
            assert again[0]["prev"] == held
            book = again[-1]["data"]["book"]
            assert book["bids"] == [{"price": 0.6, "size": 5, "orders": 1}]
            await ear.say(op="sing")
            assert (await ear.until("error"))["code"] == "invalid_input"

    run(story)


def test_an_order_that_waits_for_approval_is_its_owners_secret(world: World, market: str) -> None:
    made = world.root.post("agents", {"name": "careful"})
    agent = Caller(made["api_key"], made["id"])
    agent.call("patch", f"agents/{agent.id}", {"trading_mode": "manual"})

    async def story() -> None:
        async with (
            listening(market) as public,
            listening(market, agent) as own,
            listening(market, world.root) as owner,
        ):
            waiting = await asyncio.to_thread(agent.place, market, "YES", 10, 0.50)
            for ear in (own, owner):
                assert (await ear.until("order"))["status"] == "pending_approval"
            await asyncio.to_thread(world.root.post, f"orders/{waiting['id']}/reject")
            await place(world, "alice", market, "YES", 1, 0.10)
            await public.until("order", price=0.1)
            assert [message["data"]["id"] for message in public.heard if message["type"] == "order"] != [
                waiting["id"]
            ]
            assert waiting["id"] not in json.dumps(public.heard)

    run(story)


def test_only_its_own_market_is_heard(world: World, market: str) -> None:
    other = world.market(question="Will it snow tomorrow?")

    async def story() -> None:
        async with listening(market) as ear:
            await place(world, "alice", other, "YES", 10, 0.60)
            await place(world, "alice", market, "YES", 10, 0.30)
            assert (await ear.until("order"))["price"] == 0.3

    run(story)


def test_strangers_keys_origins_and_markets_are_refused(world: World, market: str) -> None:
    foreign = (b"origin", b"https://evil.example"), (b"host", b"localhost")

    async def story() -> None:
        async with listening(market, Caller("sm_00000000_nobody")) as refused:
            assert isinstance(refused, int)
        async with listening(market, None, *foreign) as refused:
            assert isinstance(refused, int)
        async with listening(market, None, *OURS) as ear:
            assert isinstance(ear, Ear)
        async with listening(world["alice"].id.replace("-", "1-")) as refused:
            assert isinstance(refused, int)

    run(story)


def test_a_revoked_key_is_shown_the_door(world: World, market: str) -> None:
    async def story() -> None:
        socket = WebsocketCommunicator(
            application,
            f"/ws/predictions/{market}",
            headers=[(b"authorization", f"Bearer {world['alice'].secret}".encode())],
        )
        assert (await socket.connect(timeout=10))[0]
        await socket.receive_from(timeout=10)
        await asyncio.to_thread(world["alice"].post, f"agents/{world['alice'].id}/key")
        closed = await socket.receive_output(timeout=10)
        assert (closed["type"], closed["code"]) == ("websocket.close", 4401)

    run(story)


def test_the_committed_description_is_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("describe_predictions_live")
    assert (ROOT / "docs" / "asyncapi-predictions.yaml").read_text() == capsys.readouterr().out == asyncapi.text()
