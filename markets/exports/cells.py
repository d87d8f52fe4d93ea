"""What a cell of an export may hold, and how none of them becomes a formula."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from common.clock import isoformat
from common.money import format_units

Kind = Literal["text", "whole", "decimal", "time", "flag"]
Value = str | int | bool | None
_FORMULA = re.compile("('*)[=+\\-@\t\r＝＋－＠]")
"""What spreadsheets take for the beginning of a formula, full-width signs included; apostrophes before it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and what it means. Values are text, whole numbers, units of 10^-`decimals`, µs, or flags; None is
    empty."""

    name: str
    kind: Kind
    meaning: str
    decimals: int = 0


def disarmed(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe goes before what looks like one."""
    return f"'{text}" if _FORMULA.match(text) else text


def armed(text: str) -> str:
    """The text that `disarmed` was given."""
    found = _FORMULA.match(text)
    return text[1:] if found and found[1] else text


def as_text(column: Column, value: Value) -> str:
    """A value as text files have it: exact decimals, RFC 3339, true and false."""
    if value is None:
        return ""
    match column.kind:
        case "text":
            return str(value)
        case "decimal":
            return format_units(int(value), column.decimals)
        case "time":
            return isoformat(int(value))
        case "flag":
            return "true" if value else "false"
    return str(value)


def as_number(column: Column, value: Value) -> Decimal | int | None:
    """A whole or decimal value as an exact number."""
    if value is None:
        return None
    return Decimal(int(value)).scaleb(-column.decimals) if column.decimals else int(value)
