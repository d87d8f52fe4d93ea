"""Who was signed out meanwhile: a part of a page is answered 401. The sign-in page has no place there."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

Respond = Callable[[HttpRequest], HttpResponseBase]


def refuse_parts(get_response: Respond) -> Respond:
    """Middleware: what HTMX asked for and would be led to the sign-in page is refused; app.js says so."""

    def serve(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        asks = request.headers
        is_part = asks.get("HX-Request") == "true" and "HX-History-Restore-Request" not in asks  # that is a page
        if is_part and response.status_code == 302 and response["Location"].startswith(f"{settings.LOGIN_URL}?"):
            return HttpResponse(status=401)
        return response

    return serve
