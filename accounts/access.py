"""Who calls the API, what their key allows, and under which id a request happens once: the base of all views."""

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import facade as accounts
from accounts.keys import KeyInfo
from common.errors import DomainError, InvalidInput
from common.ids import Actor


class HasScope(BasePermission):
    """A key needs the scope that the view names for the method; who is signed in has them all."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(view, CallerView)
        method = request.method or ""
        needed = view.scopes.get(method, "read" if method in {"GET", "HEAD", "OPTIONS"} else "trade")
        if not isinstance(request.auth, KeyInfo) or not needed or needed in request.auth.scopes:
            return True
        raise DomainError("missing_scope", f"This key lacks the scope {needed}.")


class CallerView(APIView):
    """Base of the API's views: scopes by method, and the caller."""

    permission_classes = [*APIView.permission_classes, HasScope]  # noqa: RUF012  DRF's own way
    scopes: dict[str, str] = {}  # noqa: RUF012  read for GET, trade for the rest, where nothing is said

    parameters: Mapping[str, Collection[str] | None] = {}
    """The names that a query may hold, by method; None: any. `described` says them."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who calls may; and the query holds names that mean something here, each once. Raises InvalidInput."""
        super().initial(request, *args, **kwargs)
        known = self.parameters.get("GET" if request.method == "HEAD" else request.method or "", ())
        for name, values in request.query_params.lists():
            shown = name[:80]
            if len(values) > 1:
                raise InvalidInput(shown, f"{shown!r} is there twice.")
            if known is not None and name not in known:
                raise InvalidInput(shown, f"There is no query parameter {shown!r} here.")

    @property
    def key(self) -> KeyInfo | None:
        """The key that the caller came with."""
        return self.request.auth if isinstance(self.request.auth, KeyInfo) else None

    @cached_property
    def actor(self) -> Actor:
        """The caller, as the ledger will name them; organiser of all only with the scope for it."""
        actor = accounts.actor_of(self.request.user)
        return actor._replace(organiser=actor.organiser and self.may_organise)

    @property
    def may_organise(self) -> bool:
        """Whether the caller may use an organiser's rights at all."""
        return self.key is None or "organise" in self.key.scopes

    @property
    def command_id(self) -> str:
        """The id under which this request happens once; "" where the caller gave none."""
        given = self.request.META.get("HTTP_IDEMPOTENCY_KEY")
        if given is None:
            return ""
        if not 1 <= len(given) <= 128 or not given.isascii() or not given.isprintable():
            raise InvalidInput("Idempotency-Key", "Idempotency-Key is 1 to 128 printable ASCII characters.")
        return f"key:{given}"


def reply(body: dict[str, Any] | list[Any], *, status: int = 200, replayed: bool = False) -> Response:
    """An answer; one that was given before says so."""
    return Response(body, status=status, headers={"Idempotent-Replayed": "true"} if replayed else None)
