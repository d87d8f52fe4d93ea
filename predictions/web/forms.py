"""A posted form → commands in integers. The only place of the pages where text becomes units."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from common.clock import parse_time
from common.errors import InvalidInput
from common.money import parse_units
from predictions.engine import commands as c
from predictions.engine.pricing import MONEY_DECIMALS

Body = dict[str, Any]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NAME = re.compile(r"[^\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]{1,100}")


def values(data: Mapping[str, Any] | QueryDict) -> Body:
    """What was typed, to be shown again; the last value of each field."""
    return {str(name): data[name] for name in data if name not in {"csrfmiddlewaretoken", "command_id"}}


def text(data: QueryDict, name: str) -> str:
    """A text without blanks around it and without control characters; line ends as \\n."""
    found = data.get(name, "").replace("\r\n", "\n").replace("\r", "\n").strip()
    if _CONTROL.search(found):
        raise InvalidInput(name, f"{name} holds a character that cannot be shown.")
    return found


def whole(data: QueryDict, name: str, what: str, *, blank: int | None = None) -> int:
    """A whole number of at least 1; `blank` where the field may be left empty."""
    given = data.get(name, "").strip().replace(",", "")
    if not given and blank is not None:
        return blank
    if not given:
        raise InvalidInput(name, f"Say {what}.")
    if not (given.isascii() and given.isdecimal()):
        raise InvalidInput(name, f"{what.capitalize()} is a whole number.")
    return parse_units(given, 0, name, minimum=1)


def cents(data: QueryDict, name: str, what: str = "the price", *, blank: int | None = None) -> int:
    """A probability as whole cents (61), or as a fraction of one (0.61)."""
    given = data.get(name, "").strip().removesuffix("¢").strip()
    if "." in given:
        return parse_units(given, 2, name, minimum=1)
    if not given and blank is not None:
        return blank
    if not (given.isascii() and given.isdecimal()):
        raise InvalidInput(name, f"Say {what} in whole cents, from 1 to 99.")
    return parse_units(given, 0, name, minimum=1)


def money(data: QueryDict, name: str) -> int:
    """An amount → hundredths of a cent."""
    return parse_units(data.get(name, "").strip().replace(",", ""), MONEY_DECIMALS, name, minimum=1)


def when(data: QueryDict, name: str) -> int:
    """A time, in UTC if it names no zone; 0 where the field is empty."""
    given = data.get(name, "").strip()
    return parse_time(given, name) if given else 0


def agent_name(data: QueryDict) -> str:
    """1 to 100 characters that can be seen."""
    found = data.get("name", "").strip()
    if not _NAME.fullmatch(found):
        raise InvalidInput("name", "A name is 1 to 100 characters that can be seen.")
    return found


def order(data: QueryDict, agent: int, market: int) -> c.PlaceOrder:
    """The order ticket."""
    kind, time_in_force = data.get("order_type", "limit"), data.get("time_in_force", "")
    return c.PlaceOrder(
        agent=agent,
        market=market,
        outcome=data.get("outcome", ""),
        action=data.get("action", "buy"),
        order_type=kind,
        size=whole(data, "size", "how many shares"),
        price=0 if kind == "market" else cents(data, "price"),
        time_in_force=time_in_force,
        expires_at=when(data, "expires_at") if time_in_force == "gtd" else 0,
    )


def market(data: QueryDict, creator: int) -> c.CreateMarket:
    """The create-a-market form."""
    deadline = when(data, "deadline")
    if not deadline:
        raise InvalidInput("deadline", "Say when trading ends, in UTC.")
    return c.CreateMarket(
        creator=creator,
        question=text(data, "question"),
        description=text(data, "description"),
        category=data.get("category", ""),
        criteria=text(data, "criteria"),
        source=text(data, "source"),
        deadline=deadline,
    )
