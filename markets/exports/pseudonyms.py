"""Names that say nothing: the same person has the same one in all of a session's exports; nobody can work back."""

import hmac
import json
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings

from markets.engine.state import TREASURY

_HANDLES = {"participant", "participant_a", "participant_b"}
_USERS = {"user", "organiser"}
_FREE_TEXTS = {"reason", "text", "client_order_id"}
"""What people wrote themselves may name anybody: it is left out."""
_BY_HANDLE = {"payouts", "differences"}


class Pseudonyms:
    """Keyed with this installation's secret: whoever has the handles cannot try them out."""

    def __init__(self, stream: UUID, *, is_wanted: bool) -> None:
        self._stream, self.is_wanted = stream, is_wanted

    def who(self, handle: str) -> str:
        """A handle, or what stands for it."""
        return handle if not self.is_wanted or handle in {"", TREASURY} else self._mark("P", handle)

    def user(self, uid: str) -> str:
        """A person's opaque id, or what stands for it."""
        return self._mark("U", uid) if self.is_wanted and uid else uid

    def text(self, text: str) -> str:
        """What somebody wrote, or nothing."""
        return "" if self.is_wanted else text

    def payload(self, text: str) -> str:
        """An event's payload with everybody in it renamed."""
        return json.dumps(self._walk(json.loads(text)), ensure_ascii=False) if self.is_wanted else text

    def _walk(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            renames = name in _BY_HANDLE
            return {self.who(key) if renames else key: self._walk(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._walk(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if name in _HANDLES:
            return self.who(value)
        if name in _USERS:
            return self.user(value)
        return "" if name in _FREE_TEXTS else value

    def _mark(self, kind: str, name: str) -> str:
        told = f"pseudonym/{self._stream.hex}/{kind}/{name}".encode()
        return f"{kind}-{hmac.new(settings.SECRET_KEY.encode(), told, sha256).hexdigest()[:10]}"
