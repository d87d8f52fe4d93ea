"""Signing in by password, wherever it is asked for: pages, admin, and whatever comes later."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts import throttle
from accounts.models import User
from common.errors import Throttled


class Passwords(ModelBackend):
    """An account with too many wrong passwords lets nobody in for a while, whatever they type.

    Every try is paid for before it is judged, so that many at once get no further; the right one gives all back.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Raises ValidationError, which a sign-in form shows; the same whether there is such an account or not."""
        if not username or password is None:
            return None
        name = username.casefold()
        try:
            if request is not None:
                throttle.take(throttle.SIGN_INS, str(request.META.get("REMOTE_ADDR", "")))
            throttle.take(throttle.PASSWORDS, name)
        except Throttled as refusal:
            raise ValidationError(refusal.detail, code="blocked") from refusal
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is not None:
            throttle.give_back(throttle.PASSWORDS, name)
        return user
