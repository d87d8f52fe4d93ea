"""/ws/sessions/{id}: the ASGI application behind a socket. Admit, give everything, listen, close."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from common.clock import now_us
from common.errors import InvalidInput
from common.live.connection import FRAMES, GONE, RESTART, TOO_SLOW, Connection
from common.live.message import Message
from common.live.threads import in_thread
from markets.ws import credentials
from markets.ws.credentials import Guest
from markets.ws.hub import SessionHub
from markets.ws.messages import Resume
from markets.ws.tailer import Tailer
from markets.ws.trading import COMMANDS, Asked, NotUnderstood, OrderEntry, hear

log = logging.getLogger("markets.ws")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MOST_BYTES = 16 * 1024
"""Of a message from a client; the server refuses larger ones with 1009 before they get here."""
_NOT_TEXT, _POLICY, _TOO_BIG, _INTERNAL = 1003, 1008, 1009, 1011
_BURST, _PER_SECOND = 20.0, 5.0


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """One connection, from handshake to close. Refused handshakes are answered 403."""
    await receive()
    guest = await _admitted(scope)
    if guest is None:
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    query = parse_qs(scope["query_string"].decode("latin1"))
    as_html, is_quiet = query.get("format") == ["html"], query.get("feed") == ["none"]
    takes_frames = FRAMES in scope.get("extensions", ())
    connection = Connection(guest, send, as_html=as_html, is_quiet=is_quiet, takes_frames=takes_frames)
    try:
        code = await _serve(connection, receive, since=_number(query.get("seq", [""])[0]))
    except asyncio.CancelledError:
        code = RESTART  # the server stops; the client may come back at once
    except Exception:
        log.exception("a live connection to %s failed", guest.session_id)
        code = _INTERNAL
    if code is None:
        return
    if code == TOO_SLOW and not connection.as_html:
        reason = {"reason": "You read too slowly. Connect again."}
        await connection.say(Message("resync", guest.session_id, 0, now_us(), reason))
    await send({"type": "websocket.close", "code": code})


async def _admitted(scope: Scope) -> Guest | None:
    shown = credentials.shown(scope)
    if shown is None:
        return None
    found = await in_thread(credentials.admit, scope["url_route"]["kwargs"]["session_id"], shown)
    return found if isinstance(found, Guest) else None


async def _serve(connection: Connection[Guest], receive: Receive, *, since: int | None) -> int | None:
    """Until the client goes (None) or is to be closed (the code)."""
    tailer = await SessionHub.current().follower(connection.guest.stream)
    if tailer is None:
        return GONE
    entry = OrderEntry(connection)
    tasks: set[asyncio.Future[Any]] = {connection.closing, asyncio.create_task(connection.pump())}
    try:
        await tailer.join(connection, since=since)
        listening = asyncio.create_task(_listen(connection, entry, tailer, receive))
        tasks.add(listening)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if connection.closing in done:
            return connection.closing.result()
        for task in done:
            task.result()  # raises what stopped it
        return None
    finally:
        tailer.leave(connection)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.gather(*tasks, return_exceptions=True)
            await entry.close()


async def _listen(connection: Connection[Guest], entry: OrderEntry, tailer: Tailer, receive: Receive) -> None:
    """Hear the client out until it goes. Commands have limits of their own; floods of anything else are ended."""
    allowance, last = _BURST, asyncio.get_running_loop().time()
    while True:
        frame = await receive()
        if frame["type"] == "websocket.disconnect":
            return
        text = frame.get("text")
        if text is None or len(text) > MOST_BYTES:
            connection.close(_NOT_TEXT if text is None else _TOO_BIG)
            continue
        try:
            asked = hear(text)
            if asked.op in COMMANDS:
                await entry.take(asked)
                continue
            resume = _resume(asked) if asked.op == "resume" else None
        except NotUnderstood as error:
            asked, resume = None, None
            entry.refuse(error.asked, error.refusal)
        now = asyncio.get_running_loop().time()
        allowance, last = min(_BURST, allowance + (now - last) * _PER_SECOND) - 1, now
        if allowance < 0:
            connection.close(_POLICY)
        elif resume:
            await tailer.resume(connection, resume)
        elif asked:
            await entry.switch(asked)


def _resume(asked: Asked) -> Resume:
    """Raises NotUnderstood."""
    try:
        return msgspec.convert({"op": asked.op, **asked.body}, Resume)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise NotUnderstood(asked, InvalidInput("body", f"resume takes seq and feed_seq: {error}")) from None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
