"""Who calls the API: the bearer of a key, or somebody signed in in a browser. The first in order gives the 401."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts import keys
from accounts.keys import KeyInfo
from accounts.models import User


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sm_...`; request.auth is then the key's KeyInfo. Never from the URL: it is logged."""

    def authenticate(self, request: Request) -> tuple[User, KeyInfo] | None:
        kind, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not kind:
            return None
        bearer = keys.lookup(secret.strip()) if kind.lower() == "bearer" else None
        if bearer is None:
            raise AuthenticationFailed("This key is unknown, revoked or expired.", code="invalid_credentials")
        return bearer.user, bearer.info

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class BrowserAuthentication(SessionAuthentication):
    """The session cookie. What changes something needs the CSRF token as well."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as refusal:
            raise PermissionDenied(
                "The CSRF token is missing or wrong: send it as X-CSRFToken, or use a key.", code="csrf_failed"
            ) from refusal


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: sm_..."}


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.BrowserAuthentication"
    name = "browser"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
