"""Pages by cursor on a unique column that only grows: nothing is skipped or doubled while rows are added."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from rest_framework.request import Request

from common.errors import InvalidInput
from common.fields import Fields

DEFAULT, MOST = 100, 500
_PLACE = re.compile(r"-?[0-9]{1,39}(\.-?[0-9]{1,39})*")
Item = TypeVar("Item")


class Query:
    """A request's query string, whose names the view has looked at already."""

    def __init__(self, request: Request) -> None:
        self._path = request.path
        self._given: dict[str, str] = request.query_params.dict()
        self.fields = Fields(self._given)

    def all(self) -> dict[str, str]:
        """Everything, for an address that takes any name."""
        return self._given

    def text(self, name: str) -> str | None:
        """A text; None where there is none."""
        return self.fields.text(name, "") or None

    def number(self, name: str, *, default: int, least: int = 0, most: int = (1 << 63) - 1) -> int:
        """A whole number within bounds."""
        value = self.fields.units(name, 0, default=default, minimum=least)
        if value > most:
            raise InvalidInput(name, f"{name} must be at most {most}.")
        return value

    def limit(self) -> int:
        """How many a page may hold."""
        return self.number("limit", default=DEFAULT, least=1, most=MOST)

    def page(self, rows: Sequence[Item], limit: int, cursor: object, *, name: str = "cursor") -> str | None:
        """The address of the next page, after the row that `cursor` names; None where this is the last."""
        if len(rows) < limit:
            return None
        return f"{self._path}?{urlencode({**self._given, name: str(cursor)})}"

    def page_by(self, rows: Sequence[Item], key: Callable[[Item], tuple[int, ...]]) -> tuple[list[Item], str | None]:
        """The page of `rows` in the order of a unique `key`, and the next one's address.

        It begins after a place, not after a number of rows: what comes or goes before it moves nothing.
        """
        limit, after = self.limit(), self._place()
        if after and rows and len(after) != len(key(rows[0])):
            raise _foreign()
        found = [row for row in rows if after is None or key(row) > after][:limit]
        return found, self.page(found, limit, ".".join(map(str, key(found[-1]))) if found else "")

    def _place(self) -> tuple[int, ...] | None:
        text = self.text("cursor")
        if text is None:
            return None
        if not _PLACE.fullmatch(text):
            raise _foreign()
        return tuple(map(int, text.split(".")))


def _foreign() -> InvalidInput:
    return InvalidInput("cursor", "cursor comes from `next` of the page before; this one doesn't.")


def listed(results: Sequence[Any], following: str | None) -> dict[str, Any]:
    """A page."""
    return {"results": list(results), "next": following}
