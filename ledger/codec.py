"""Events ↔ their canonical JSON text, by type and version."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from common.events import Event

_ENCODER = msgspec.json.Encoder(order="sorted")
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class BrokenEvent(Exception):
    """A stored event that no registered type can read."""


def canonical(value: object) -> str:
    """The one JSON text of `value`: keys sorted, no white space, UTF-8."""
    return _ENCODER.encode(value).decode()


class EventTypes:
    """The event types of one domain.

    `upcasters` maps (type name, version) to a function that turns that version's fields into the next one's,
    so that old events are read for ever without being rewritten.
    """

    def __init__(
        self, classes: Sequence[type[Event]], upcasters: Mapping[tuple[str, int], Upcaster] | None = None
    ) -> None:
        self.classes = {cls.__name__: cls for cls in classes}
        self._upcasters = dict(upcasters or {})
        self._decoders = {
            (name, cls.VERSION): msgspec.json.Decoder(cls, strict=True) for name, cls in self.classes.items()
        }

    def decode(self, name: str, version: int, payload: str) -> Event:
        """The event that was stored. Raises BrokenEvent on an unknown type, version, field or value."""
        decoder = self._decoders.get((name, version))
        try:
            if decoder is not None:
                return decoder.decode(payload)
            return self._upcast(name, version, payload)
        except msgspec.MsgspecError as error:
            raise BrokenEvent(f"{name} v{version}: {error}") from error

    def _upcast(self, name: str, version: int, payload: str) -> Event:
        cls = self.classes.get(name)
        if cls is None:
            raise BrokenEvent(f"unknown event type {name!r}")
        fields = msgspec.json.decode(payload, type=dict[str, Any])
        for step in range(version, cls.VERSION):
            upcaster = self._upcasters.get((name, step))
            if upcaster is None:
                break
            try:
                fields = upcaster(fields)
            except (LookupError, TypeError, ValueError) as error:
                raise BrokenEvent(f"{name} v{step}: {error!r}") from error
        else:
            if version < cls.VERSION:
                return msgspec.convert(fields, cls)
        raise BrokenEvent(f"{name} has no version {version} that leads to {cls.VERSION}")
