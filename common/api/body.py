"""DRF's doors: a body within its size → JSON, and answers in JSON whatever is asked for."""

from collections.abc import Iterable, Mapping
from typing import IO, Any

import msgspec
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from common import strict_json

MOST_BYTES = 1_000_000


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = f"A body has at most {MOST_BYTES} bytes."


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
        return strict_json.parse(data)


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
