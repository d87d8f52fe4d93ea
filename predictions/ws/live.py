"""/ws/predictions/{market_id}: the ASGI application behind a socket. Admit, give everything, listen, close."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec

from accounts import handshake
from common.clock import now_us
from common.ids import parse_public_id
from common.live.connection import FRAMES, GONE, RESTART, TOO_SLOW, Batch
from common.live.threads import in_thread
from predictions.ws.feed import Feed, Guest, Watcher
from predictions.ws.hub import ExchangeHub, user_of
from predictions.ws.messages import Message, Resume

log = logging.getLogger("predictions.ws")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_MOST_CHARACTERS = 1024
_NOT_TEXT, _POLICY, _TOO_BIG, _INTERNAL = 1003, 1008, 1009, 1011
_BURST, _PER_SECOND = 20.0, 5.0
_RESUME = msgspec.json.Decoder(Resume, strict=True)


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """One connection, from handshake to close. Refused handshakes are answered 403."""
    await receive()
    guest = await _admitted(scope)
    feed = await ExchangeHub.current().follower(guest.stream) if guest else None
    if guest is None or feed is None:
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    watcher = Watcher(guest, send, as_html=False, takes_frames=FRAMES in scope.get("extensions", ()))
    try:
        code = await _serve(watcher, feed, receive)
    except asyncio.CancelledError:
        code = RESTART  # the server stops; the client may come back at once
    except Exception:
        log.exception("a live connection to market %s failed", guest.market)
        code = _INTERNAL
    if code is None:
        return
    if code == TOO_SLOW:
        reason = {"reason": "You read too slowly. Connect again."}
        await watcher.say(feed.message("resync", guest.market, now_us(), reason))
    await send({"type": "websocket.close", "code": code})


async def _admitted(scope: Scope) -> Guest | None:
    """What everybody may know takes no key; but whoever shows one, or comes from another page, is judged by it."""
    found = parse_public_id(scope["url_route"]["kwargs"]["market_id"])
    if found is None:
        return None
    guest = Guest(*found, user="", credentials=None)
    names = {name for name, _ in scope["headers"]}
    if b"authorization" not in names and b"origin" not in names:
        return guest
    if b"authorization" not in names and b"cookie" not in names:
        return guest if handshake.is_from_here(scope) else None
    shown = handshake.shown(scope)
    if shown is None:
        return guest if b"authorization" not in names and handshake.is_from_here(scope) else None
    known = replace(guest, credentials=shown)
    user = await in_thread(user_of, known)
    if user:
        return replace(known, user=user)
    return None if shown.secret else guest  # a cookie that ran out is no reason to be shut out


async def _serve(watcher: Watcher, feed: Feed, receive: Receive) -> int | None:
    """Until the client goes (None) or is to be closed (the code)."""
    tasks: set[asyncio.Future[Any]] = {watcher.closing, asyncio.create_task(watcher.pump())}
    try:
        if not await feed.join(watcher):
            return GONE
        tasks.add(asyncio.create_task(_listen(watcher, feed, receive)))
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if watcher.closing in done:
            return watcher.closing.result()
        for task in done:
            task.result()  # raises what stopped it
        return None
    finally:
        feed.leave(watcher)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(watcher: Watcher, feed: Feed, receive: Receive) -> None:
    """Hear the client out until it goes; answer what is not understood, and end floods."""
    allowance, last = _BURST, asyncio.get_running_loop().time()
    while True:
        frame = await receive()
        if frame["type"] == "websocket.disconnect":
            return
        now = asyncio.get_running_loop().time()
        allowance, last = min(_BURST, allowance + (now - last) * _PER_SECOND) - 1, now
        text = frame.get("text")
        if text is None or len(text) > _MOST_CHARACTERS or allowance < 0:
            watcher.close(_NOT_TEXT if text is None else _POLICY if allowance < 0 else _TOO_BIG)
            continue
        try:
            wish = _RESUME.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            watcher.offer(Batch([_refusal(watcher, feed, error)]))
        else:
            await feed.resume(watcher, wish)


def _refusal(watcher: Watcher, feed: Feed, error: Exception) -> Message:
    detail = f'Send {{"op": "resume", "seq": n}} or nothing: {error}'
    return feed.message("error", watcher.guest.market, now_us(), {"code": "invalid_input", "detail": detail})
