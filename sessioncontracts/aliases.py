"""Addresses that others know the API by."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_ROOTS = ("/sessions", "/rfq/", "/quotes/")


class WithoutPrefix:
    """`/sessions...` with a key or JSON means `/api/v1/sessions...`, as the prototype had it; else it is a page."""

    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_program = "HTTP_AUTHORIZATION" in request.META or request.content_type == "application/json"
        if is_program and request.path_info.startswith(_ROOTS):
            request.path_info = f"/api/v1{request.path_info}"
        return self._get_response(request)
