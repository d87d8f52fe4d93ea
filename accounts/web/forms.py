"""Registration as a Django form."""

from django import forms
from django.conf import settings
from django.contrib.auth.forms import UserCreationForm
from django.utils.crypto import constant_time_compare

from accounts.models import User


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
