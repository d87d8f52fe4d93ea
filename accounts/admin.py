"""People in Django's admin: sign-in names, passwords, who organises; many at once from a pasted list."""

import secrets
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.hashers import make_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.models import User

_MOST = 100

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin


class ManyForm(forms.Form):
    """Names, one a line; what they get in common."""

    names = forms.CharField(
        label="Names",
        max_length=50_000,
        help_text="One a line: letters, digits and @ . + - _",
        widget=forms.Textarea(attrs={"rows": 12, "cols": 40}),
    )
    is_organiser = forms.BooleanField(
        label="Organisers", required=False, help_text="May open sessions and run their own, here in the admin, too."
    )

    def clean_names(self) -> list[str]:
        """The names, each good and new. Every bad one is told."""
        names = [line.strip() for line in self.cleaned_data["names"].splitlines() if line.strip()]
        if len(names) > _MOST:
            raise ValidationError(f"At most {_MOST} at once.")
        problems = [f"{name!r} is there twice." for name in sorted({n for n in names if names.count(n) > 1})]
        for name in dict.fromkeys(names):
            try:
                UnicodeUsernameValidator()(name)
            except ValidationError:
                problems.append(f"{name[:60]!r} is no sign-in name.")
            if len(name) > 150:
                problems.append(f"{name[:60]!r}… is too long.")
        taken = User.objects.filter(username__in=names).values_list("username", flat=True)
        problems += [f"{name!r} is taken." for name in taken]
        if problems:
            raise ValidationError(problems)
        return names


def make_users(names: list[str], *, is_organiser: bool) -> list[tuple[str, str]]:
    """(name, password) of each new user; all of them or none. Passwords are made up and kept nowhere.

    They are hashed before the transaction, because that is slow on purpose. Raises IntegrityError for a taken name.
    """
    made = [(name, secrets.token_urlsafe(9)) for name in names]
    users = [
        User(username=name, password=make_password(password), is_organiser=is_organiser, is_staff=is_organiser)
        for name, password in made
    ]
    User.objects.bulk_create(users)
    return made


@admin.register(User)
class PeopleAdmin(_UserAdmin):
    """Django's own user pages, with what is ours. The uid stands in ledgers and never changes."""

    list_display = ("username", "first_name", "last_name", "is_organiser", "is_staff", "is_active", "last_login")
    list_filter = ("is_organiser", "is_staff", "is_superuser", "is_active")
    search_fields = ("username", "first_name", "last_name", "email", "uid")
    readonly_fields = ("uid", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "uid")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May", {"fields": ("is_active", "is_organiser", "is_staff", "is_superuser")}),
        ("More", {"classes": ("collapse",), "fields": ("groups", "user_permissions", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2", "is_organiser", "is_staff")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Nobody shuts themselves out: one's own way in is for another administrator to close."""
        own = ("is_active", "is_staff", "is_superuser") if obj == request.user else ()
        return (*self.readonly_fields, *own)

    def get_urls(self) -> list[URLPattern]:
        many = path("many/", self.admin_site.admin_view(self.many_view), name="accounts_user_many")
        return [many, *super().get_urls()]

    def many_view(self, request: HttpRequest) -> HttpResponse:
        """Make users from a pasted list; their passwords are shown once, in the answer."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ManyForm(request.POST if request.method == "POST" else None)
        made: list[tuple[str, str]] = []
        if form.is_valid():
            try:
                made = make_users(form.cleaned_data["names"], is_organiser=form.cleaned_data["is_organiser"])
            except IntegrityError:
                form.add_error("names", "Somebody took one of these names just now.")
        if made:
            for user in User.objects.filter(username__in=[name for name, _ in made]).order_by("pk"):
                self.log_addition(request, user, "Added with many others.")
            messages.success(request, f"{len(made)} users are made." if len(made) > 1 else "One user is made.")
            form = ManyForm()
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add many users",
            "form": form,
            "made": made,
        }
        return TemplateResponse(request, "admin/accounts/user/many.html", context, status=422 if form.errors else 200)
