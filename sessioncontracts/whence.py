"""Tells common.whence, for as long as a request is served, the address that it came from."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from common import whence


def note_address(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware. sessioncontracts.proxy has put the caller's own address where a trusted proxy's would be."""

    def serve(request: HttpRequest) -> HttpResponseBase:
        mark = whence.address.set(str(request.META.get("REMOTE_ADDR", ""))[:45])
        try:
            return get_response(request)
        finally:
            whence.address.reset(mark)

    return serve
