"""Sign-in, registration and keys as Django forms."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.web import throttle


class SignInForm(AuthenticationForm):
    """User name and password; refuses an account that had too many wrong ones."""

    def clean(self) -> dict[str, Any]:
        """Count wrong passwords per account. The same sentence whether there is such an account or not."""
        username = str(self.cleaned_data.get("username", ""))
        if throttle.is_blocked(username):
            raise forms.ValidationError(
                "Too many wrong passwords. Wait five minutes, then try again.", code="blocked"
            )
        try:
            found = super().clean()
        except forms.ValidationError:
            throttle.failed(username)
            raise
        throttle.succeeded(username)
        return found


class RegisterForm(UserCreationForm):  # type: ignore[type-arg]  # not generic at run time
    """A new account; with the code of this place where one is asked for."""

    code = forms.CharField(required=False, max_length=200, label="Registration code")

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)

    def clean_code(self) -> str:
        """Compared in constant time; an installation without a code lets nobody in by code."""
        given = str(self.cleaned_data["code"])
        wanted = settings.REGISTRATION_CODE
        if settings.REGISTRATION == "code" and not (wanted and constant_time_compare(given, wanted)):
            raise forms.ValidationError("This is not the registration code. Ask your organiser for it.")
        return given
