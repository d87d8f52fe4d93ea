"""Pages by cursor on a unique column that only grows: nothing is skipped or doubled while rows are added."""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from rest_framework.request import Request

from common.errors import InvalidInput
from common.fields import Fields

DEFAULT, MOST = 100, 500
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


def listed(results: Sequence[Any], following: str | None) -> dict[str, Any]:
    """A page."""
    return {"results": list(results), "next": following}
