"""Bytes → JSON in exact numbers, within limits; and answers in JSON whatever is asked for."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import IO, Any

import msgspec
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from common.errors import InvalidInput

MOST_BYTES = 1_000_000
MOST_DEPTH = 10
_SUSPICIOUS = (b"\\u", b"NaN", b"Infinity")
"""Without these no text can hold a NUL or half a surrogate pair, and no number be none."""


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = f"A body has at most {MOST_BYTES} bytes."


class _NoNumber(Decimal):
    """NaN and Infinity are no JSON; remembered until their place in the body is known."""


class DecimalJSONParser(BaseParser):
    """JSON as the standard has it: UTF-8, no NaN, no name twice, not too deep; fractions as Decimal, never float."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any] | None,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        data = stream.read(MOST_BYTES + 1) if stream else b""
        if len(data) > MOST_BYTES:
            raise BodyTooLarge
        return parse(data)


def parse(data: bytes) -> Any:
    """Raises InvalidInput naming the member, or `body`."""
    try:
        found = json.loads(
            data.decode(),
            parse_float=_number,
            parse_int=lambda digits: int(digits) if len(digits) < 100 else Decimal(digits),
            parse_constant=lambda text: _NoNumber("NaN"),
            object_pairs_hook=_without_doubles,
        )
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


_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class PlainJSONRenderer(JSONRenderer):
    """Answers are plain data already; msgspec writes them many times faster than DRF would. Decimals stay exact."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return b"" if data is None else _ENCODER.encode(data)


class AlwaysJSON(BaseContentNegotiation):
    """The first parser that fits the Content-Type, and always the first renderer: Accept changes nothing."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        wanted = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == wanted), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""
