"""A JSON object's members at an edge, each read once and by type. No Django."""

from collections.abc import Mapping
from typing import Any

from common.clock import parse_time
from common.errors import InvalidInput
from common.money import parse_units

LONGEST_TEXT = 2000
_LINES = dict.fromkeys(map(ord, "\n\r\t"), " ")


class Fields:
    """A JSON object's members, each read once and by type; what nobody read is refused at the end."""

    def __init__(self, body: object, *, at: str = "") -> None:
        if not isinstance(body, Mapping):
            raise InvalidInput(at or "body", f"{at or 'The body'} must be an object.")
        if not all(isinstance(name, str) and _is_plain(name) for name in body):
            raise InvalidInput(at or "body", "Names must be text.")
        self._body: dict[str, Any] = dict(body)
        self._at = f"{at}." if at else ""

    def path(self, name: str) -> str:
        """A member's full name for an error."""
        return f"{self._at}{name}"

    def take(self, name: str, default: Any = None) -> Any:
        """A member as it is; null counts as absent."""
        value = self._body.pop(name, None)
        return default if value is None else value

    def text(self, name: str, default: str | None = None) -> str:
        """A text without control characters or lone surrogates; required where there is no default."""
        value = self.take(name, default)
        if value is None:
            raise InvalidInput(self.path(name), f"{name} is required.")
        if not isinstance(value, str) or not _is_plain(value):
            raise InvalidInput(self.path(name), f"{name} must be a text.")
        if len(value) > LONGEST_TEXT:
            raise InvalidInput(self.path(name), f"{name} has at most {LONGEST_TEXT} characters.")
        return value

    def prose(self, name: str, default: str = "", *, most: int = LONGEST_TEXT) -> str:
        """A text of several lines, at most `most` characters."""
        value = self.take(name, default)
        if not isinstance(value, str) or not _is_plain(value.translate(_LINES)):
            raise InvalidInput(self.path(name), f"{name} must be a text.")
        if len(value) > most:
            raise InvalidInput(self.path(name), f"{name} has at most {most} characters.")
        return value

    def flag(self, name: str) -> bool:
        """true or false, false by default."""
        value = self.take(name, default=False)
        if not isinstance(value, bool):
            raise InvalidInput(self.path(name), f"{name} must be true or false.")
        return value

    def units(self, name: str, decimals: int, *, default: int | None = None, minimum: int = 0) -> int:
        """A decimal number as integer units; required where there is no default."""
        value = self.take(name)
        if value is None:
            if default is None:
                raise InvalidInput(self.path(name), f"{name} is required.")
            return default
        return parse_units(value, decimals, self.path(name), minimum=minimum)

    def time(self, name: str) -> int:
        """A moment in µs, 0 where there is none."""
        value = self.take(name)
        return 0 if value is None else parse_time(value, self.path(name))

    def choice(self, name: str, options: tuple[str, ...], default: str | None = None) -> str:
        """One of `options`."""
        value = self.text(name, default)
        if value not in options and value != default:
            raise InvalidInput(self.path(name), f"{name} must be one of: {', '.join(options)}.")
        return value

    def end(self) -> None:
        """Refuse what nobody asked for."""
        if self._body:
            name = min(self._body)[:80]
            raise InvalidInput(self.path(name), f"There is no field {name!r} here.")


def _is_plain(text: str) -> bool:
    """No control characters, and no lone surrogates: JSON can spell them, UTF-8 and databases can't."""
    if text.isascii() and text.isprintable():
        return True
    return not any(sign < " " or "\ud800" <= sign <= "\udfff" for sign in text)
