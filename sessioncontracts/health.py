"""Is this process fit to serve? Nothing secret, nobody asked who they are."""

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 with status ok; 503 where the database does not answer."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return JsonResponse({"status": "down", "database": "down"}, status=503, headers={"Retry-After": "5"})
    return JsonResponse({"status": "ok", "database": "ok"})
