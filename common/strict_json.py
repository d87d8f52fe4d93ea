"""Bytes → JSON as the standard has it, for every door: UTF-8, no NaN, no name twice, not too deep, exact numbers."""

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from common.errors import InvalidInput

MOST_DEPTH = 10
_SUSPICIOUS = (b"\\u", b"NaN", b"Infinity")
"""Without these no text can hold a NUL or half a surrogate pair, and no number be none."""


class _NoNumber(Decimal):
    """NaN and Infinity are no JSON; remembered until their place in the body is known."""


def parse(data: bytes) -> Any:
    """Raises InvalidInput naming the member, or `body`."""
    try:
        found = _DECODER.decode(data.decode())
    except UnicodeDecodeError:
        raise InvalidInput("body", "The body is not UTF-8.") from None
    except RecursionError:
        raise InvalidInput("body", f"The body is nested deeper than {MOST_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        detail = f"The body is not JSON: look at line {error.lineno}, column {error.colno}."
        raise InvalidInput("body", detail) from None
    if any(sign in data for sign in _SUSPICIOUS):
        _check(found, "", MOST_DEPTH)
    elif _is_deeper(found, MOST_DEPTH):
        raise InvalidInput("body", f"The body is nested deeper than {MOST_DEPTH} levels.")
    return found


def _is_deeper(value: Any, depth: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if depth == 0:
        return isinstance(value, dict | list)
    return any(_is_deeper(item, depth - 1) for item in items if type(item) in {dict, list})


def _number(text: str) -> Decimal:
    """A fraction or power of ten, exactly; one whose exponent no Decimal can hold counts as infinite."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("Infinity")


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            shown = name[:80].encode(errors="replace").decode()
            raise InvalidInput(shown, f"{shown!r} is there twice.")
        found[name] = value
    return found


def _check(value: Any, path: str, depth: int) -> None:
    """Refuse what JSON can say and nothing after it can keep: depth, NaN, NUL, halves of surrogate pairs."""
    if isinstance(value, str):
        if not _is_plain(value):
            raise InvalidInput(path or "body", f"{path or 'The body'} holds characters that are no text.")
        return
    if isinstance(value, _NoNumber):
        raise InvalidInput(path or "body", f"{path or 'The body'} must be a finite number.")
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise InvalidInput("body", f"The body is nested deeper than {MOST_DEPTH} levels.")
    items = value.items() if isinstance(value, dict) else ((str(index), item) for index, item in enumerate(value))
    for name, item in items:
        if not _is_plain(name):
            raise InvalidInput(path or "body", "A name in the body holds characters that are no text.")
        _check(item, f"{path}.{name}" if path else name, depth - 1)


def _is_plain(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


_DECODER = json.JSONDecoder(
    parse_float=_number,
    parse_int=lambda digits: int(digits) if len(digits) < 100 else Decimal(digits),
    parse_constant=lambda text: _NoNumber("NaN"),
    object_pairs_hook=_without_doubles,
)
