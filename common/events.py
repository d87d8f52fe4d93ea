"""The base of all events, so that a pure engine can name its own. No Django."""

from typing import ClassVar

import msgspec


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Immutable, past tense, versioned; its type is the class's name. An unknown field is an error."""

    VERSION: ClassVar[int] = 1
