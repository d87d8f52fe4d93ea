"""What OpenAPI says of views: one decorator that takes the names of components."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.views import APIView

View = TypeVar("View", bound=type[APIView])
CURSOR = {"cursor": "from `next` of the page before"}
REASON = {"reason": "why, for the ledger (DELETE only)"}
_LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    description="how many a page may hold",
)
_ONCE = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="The request happens once under this key; a repeat gets the first answer.",
)
ANY_ID = {"type": "string", "pattern": "^[1-9A-Za-z]{1,22}-[0-9]{1,19}$"}
_OF_DELETE = {"reason", "participant_id", "asset", "side", "exchange", "agent_id", "market_id"}
_VERBS = {"get": "read", "post": "do", "patch": "change", "delete": "remove"}


def described(
    answer: str,
    *,
    page: bool = False,
    posted: str = "",
    body: str = "",
    deleted: str = "",
    status: int = 201,
    parameters: Mapping[str, str] | None = None,
    anything: str = "",
    prefix: str = "",
    media_type: str = "application/json",
) -> Callable[[View], View]:
    """Say what a view's methods take and answer, by the names of components.

    `posted`: what POST and PATCH answer if not `answer`; `deleted`: what DELETE answers, "" for 204; `anything`: the
    meaning of query parameters of any name; `prefix`: what the names of operations begin with.
    """
    query = [OpenApiParameter(name, str, description=text) for name, text in (parameters or {}).items()]

    def decorate(view: View) -> View:
        names: dict[str, Collection[str] | None] = {}
        for method in ("get", "post", "patch", "delete"):
            if not hasattr(view, method) or method not in view.http_method_names:
                continue
            told = _parameters(method, query, page=page, anything=anything)
            in_query = [one.name for one in told if one.location == OpenApiParameter.QUERY]
            names[method.upper()] = None if anything and method == "get" else in_query
            described_once = extend_schema(
                operation_id=f"{_VERBS[method]}{prefix}{view.__name__}",
                description=view.__doc__ or "",
                request=_request(body) if method in {"post", "patch"} else None,
                responses=_responses(method, answer, posted, deleted, status, page=page, media_type=media_type),
                parameters=told,
            )
            setattr(view, method, described_once(_own(view, method)))
        view.parameters = names  # type: ignore[attr-defined]  # of a CallerView
        return view

    return decorate


def _own(view: type[APIView], method: str) -> Any:
    """The method as this class's own, so that two classes that inherit it are described apart."""
    inherited = getattr(view, method)
    if method in vars(view):
        return inherited

    def own(self: Any, *args: Any, **kwargs: Any) -> Any:
        return inherited(self, *args, **kwargs)

    return own


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _request(body: str) -> Any:
    return {"application/json": _reference(body)} if body else None


def _responses(
    method: str, answer: str, posted: str, deleted: str, status: int, *, page: bool, media_type: str
) -> dict[Any, Any]:
    problem = {("default", "application/problem+json"): OpenApiResponse(_reference("Problem"), "Refused, and why.")}
    if method == "delete":
        done = (
            {200: OpenApiResponse(_reference(deleted), "Done.")} if deleted else {204: OpenApiResponse(None, "Gone.")}
        )
        return {**done, **problem}
    if method == "get":
        shown: Any = {"type": "string"} if not answer else _page(answer) if page else _reference(answer)
        return {(200, media_type): OpenApiResponse(shown, "Found."), **problem}
    code = status if method == "post" else 200
    return {code: OpenApiResponse(_reference(posted or answer), "Done."), **problem}


def _page(answer: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": {"type": "array", "items": _reference(answer)},
            "next": {"type": "string", "nullable": True, "description": "The address of the next page."},
        },
    }


def _parameters(
    method: str, query: list[OpenApiParameter], *, page: bool, anything: str
) -> list[OpenApiParameter | Any]:
    if method == "post":
        return [_ONCE]
    if method == "patch":
        return []
    if method == "delete":
        return [one for one in query if one.name in _OF_DELETE]
    shown = [one for one in query if one.name != "reason"]
    if anything:
        prices = {"type": "object", "additionalProperties": {"type": "string"}}
        shown.append(OpenApiParameter("prices", prices, description=anything, style="form", explode=True))
    return [*shown, _LIMIT] if page or any(one.name == "interval" for one in query) else shown
