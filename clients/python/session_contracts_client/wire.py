"""JSON ↔ Python, exactly: numbers are Decimals, never floats; answers become the dataclasses of shapes."""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, TypeVar

from session_contracts_client.errors import UnexpectedAnswer

T = TypeVar("T")
_Converter = Callable[[Any], Any]


def dumps(value: object) -> bytes:
    """A request's body. Raises TypeError on a float: 0.1 is not a tenth."""
    return json.dumps(_plain(value), separators=(",", ":")).encode()


def loads(text: str | bytes) -> Any:
    """An answer; numbers with a fraction are Decimals."""
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise UnexpectedAnswer(f"This is not JSON: {text[:80]!r}") from error


def decode(kind: type[T], data: object) -> T:
    """A dataclass of what the server sent. Members it does not know are passed over: servers may say more."""
    try:
        answer: T = _converter(typing.cast(Any, kind))(data)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise UnexpectedAnswer(f"The server's {kind.__name__} cannot be read: {error!r}") from error
    return answer


def as_text(value: object) -> str:
    """A value in an address."""
    plain = _plain(value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _plain(value: object) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    raise TypeError(f"{value!r} cannot be sent: numbers are Decimal, int or text.")


def _of_dataclass(kind: Any) -> _Converter:
    hints = typing.get_type_hints(kind)
    fields = [
        (field.name, _converter(hints[field.name]), field.default is dataclasses.MISSING)
        for field in dataclasses.fields(kind)
    ]

    def convert(data: Any) -> Any:
        found = {}
        for name, converter, is_required in fields:
            if is_required or name in data:
                found[name] = converter(data[name])
        return kind(**found)

    return convert


@cache
def _converter(hint: Any) -> _Converter:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Decimal:
        return Decimal
    if hint is datetime:
        return datetime.fromisoformat
    if dataclasses.is_dataclass(hint):
        return _of_dataclass(hint)
    if origin is types.UnionType:
        inner = _converter(arguments[0])
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        entry = _converter(arguments[0])
        return lambda values: tuple(entry(value) for value in values)
    if origin is dict:
        value_of = _converter(arguments[1])
        return lambda entries: {name: value_of(value) for name, value in entries.items()}
    return lambda value: value
