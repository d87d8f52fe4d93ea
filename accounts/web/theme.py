"""Light or dark: what the reader chose, in a cookie, so that the first paint is right; else as their system is."""

from django.http import HttpRequest, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

COOKIE = "theme"
_THEMES = ("light", "dark")
_YEAR_S = 365 * 24 * 3600


def chosen(request: HttpRequest) -> dict[str, str]:
    """For every template: light, dark, or "" for as the system is."""
    theme = request.COOKIES.get(COOKIE, "")
    return {"theme": theme if theme in _THEMES else ""}


@require_POST
def theme(request: HttpRequest) -> HttpResponseRedirect:
    """Choose one; anything else goes back to the system's."""
    to, wanted = request.POST.get("next", ""), request.POST.get("theme", "")
    response = HttpResponseRedirect(to if url_has_allowed_host_and_scheme(to, allowed_hosts=None) else "/")
    if wanted in _THEMES:
        response.set_cookie(COOKIE, wanted, max_age=_YEAR_S, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response
