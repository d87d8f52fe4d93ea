"""Pokes between processes: "this stream moved". Small, lossy, and never in anybody's way.

The poll finds what a lost poke would have said, a moment later. With the layer in memory there is nobody to poke.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from channels.layers import InMemoryChannelLayer, get_channel_layer

log = logging.getLogger("markets.ws")
_GROUP = "live"
_LIMIT_S = 0.25
_FIRST_REST_S = 1.0
_LONGEST_REST_S = 30.0


class Breaker:
    """After a failure leave it alone for a while, each time for longer; a success forgets."""

    def __init__(self, *, first: float = _FIRST_REST_S, longest: float = _LONGEST_REST_S) -> None:
        self._first, self._longest = first, longest
        self._rest, self._until = first, 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._until

    def failed(self) -> float:
        """How many seconds it will rest."""
        rest, self._rest = self._rest, min(self._rest * 2, self._longest)
        self._until = time.monotonic() + rest
        return rest

    def succeeded(self) -> None:
        self._rest, self._until = self._first, 0.0


class Pokes:
    """`heard` is called with each stream that another process moved."""

    def __init__(self, heard: Callable[[UUID], None]) -> None:
        layer = get_channel_layer()
        self._layer = None if layer is None or isinstance(layer, InMemoryChannelLayer) else layer
        self._heard = heard
        self._to_say: set[UUID] = set()
        self._something = asyncio.Event()
        self.breaker = Breaker()

    def spread(self, stream: UUID) -> None:
        """Have the other processes told. Does not wait."""
        if self._layer is not None and not self.breaker.is_open:
            self._to_say.add(stream)
            self._something.set()

    async def announce(self) -> None:
        """The side task that tells them: a batch at a time, a quarter of a second at most."""
        while self._layer is not None:
            await self._something.wait()
            self._something.clear()
            streams, self._to_say = self._to_say, set()
            if self.breaker.is_open:
                continue  # what came in during the failure
            message = {"type": "poke", "streams": [stream.hex for stream in streams]}
            try:
                await asyncio.wait_for(self._layer.group_send(_GROUP, message), _LIMIT_S)
            except Exception as error:  # whatever the layer's client raises
                log.warning("no pokes for %.0f s: %r", self.breaker.failed(), error)
            else:
                self.breaker.succeeded()

    async def listen(self) -> None:
        """Hear the others, and come back after every failure."""
        breaker = Breaker()
        while self._layer is not None:
            try:
                channel = await self._layer.new_channel()
                await self._layer.group_add(_GROUP, channel)
                while True:
                    message = await self._layer.receive(channel)
                    breaker.succeeded()
                    for stream in message.get("streams", ()):
                        self._heard(UUID(hex=stream))
            except Exception as error:
                rest = breaker.failed()
                log.warning("no pokes are heard for %.0f s: %r", rest, error)
                await asyncio.sleep(rest)
