"""Django's admin, with every change on record in the platform's ledger: who, what, before and after, from where.

The ledger is for ever, so it names people by their opaque ids: of what is personal or secret it says only that it
changed.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import DatabaseError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.facade import User, actor_of
from common.errors import DomainError, Unavailable
from ledger.platform import record_act

log = logging.getLogger("sessioncontracts.audit")
_UNTOLD = frozenset({"username", "first_name", "last_name", "email", "password", "last_login", "date_joined"})
_NO_CHANGE = frozenset({"last_login", "date_changed", "last_run_at", "total_run_count"})
_LONGEST = 300

Values = Mapping[str, str]
if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Model]
else:
    _Admin = object


def values(row: Model) -> dict[str, str]:
    """A row as texts, with the rows it is joined to many-to-many."""
    found = {field.attname: str(field.value_from_object(row)) for field in row._meta.concrete_fields}
    for field in row._meta.many_to_many:
        found[field.name] = ", ".join(sorted(str(other) for other in getattr(row, field.name).all()))
    return found


def changes(before: Values, after: Values, *, untold: Iterable[str]) -> dict[str, str]:
    """{field: "before → after"} of what differs; nothing but "changed" for the untold."""
    names = sorted({*before, *after} - _NO_CHANGE)
    moved = [name for name in names if before.get(name) != after.get(name)]
    return {
        name: "changed" if name in untold else f"{before.get(name, '')} → {after.get(name, '')}"[:_LONGEST]
        for name in moved
    }


def subject_of(row: Model) -> str:
    """People by their opaque id, all else by model and key."""
    return row.uid if isinstance(row, User) else f"{row._meta.label_lower} {row.pk}"


def keep(request: HttpRequest, act: str, row: Model, before: Values, after: Values) -> None:
    """Put a change on record, once it is committed: the ledger has transactions of its own."""
    untold = _UNTOLD if isinstance(row, User) else frozenset({"password"})
    facts, subject = changes(before, after, untold=untold), subject_of(row)
    actor = actor_of(request.user)

    def tell() -> None:
        try:
            record_act(act, actor, subject=subject, facts=facts)
        except (DomainError, Unavailable, DatabaseError):
            log.exception("not on record: %s of %s by %s: %s", act, subject, actor.id, facts)
            messages.error(
                request, "It is done, but it could not be put on the audit trail; the server's log has it."
            )

    transaction.on_commit(tell)


class Audited(_Admin):
    """Goes before a ModelAdmin, and sees all that it does: add, change, delete, actions."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """Also what every page that changes a row begins with: how it was."""
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            _before(request).setdefault(row.pk, values(row))
        return row

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: FBT001  Django's
        known = self.model._base_manager.filter(pk=obj.pk).first() if change else None
        if known is not None:
            _before(request).setdefault(known.pk, values(known))
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        keep(request, f"{obj._meta.verbose_name} added", obj, {}, values(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        after = values(self.model._base_manager.get(pk=obj.pk))
        keep(request, f"{obj._meta.verbose_name} changed", obj, _before(request).get(obj.pk, {}), after)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            keep(request, f"{obj._meta.verbose_name} deleted", obj, values(obj), {})
        return super().log_deletions(request, queryset)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Model], *args: Any, **options: Any) -> Any:
        """An action of the list: who ran it on what, and what it changed. Deletions tell of themselves."""
        name = request.POST.get("action", "")
        chosen = [text for text in request.POST.getlist(ACTION_CHECKBOX_NAME) if text.isascii() and text.isdecimal()]
        rows = queryset if request.POST.get("select_across") == "1" else queryset.filter(pk__in=chosen)
        before = [] if name in {"", "delete_selected"} else [(row, values(row)) for row in rows]
        answer = super().response_action(request, queryset, *args, **options)
        now = {row.pk: row for row in self.model._base_manager.filter(pk__in=[row.pk for row, _ in before])}
        for row, was in before:
            keep(
                request, f"{name} on {row._meta.verbose_name}", row, was, values(now[row.pk]) if row.pk in now else {}
            )
        return answer


def _before(request: HttpRequest) -> dict[Any, dict[str, str]]:
    """{key: how the row was} of this request."""
    found: dict[Any, dict[str, str]] = request.__dict__.setdefault("_as_it_was", {})
    return found


class AuditedSite(admin.AdminSite):
    """The admin, where whatever is registered is audited: ours, Django's, and other packages'."""

    def register(
        self, model_or_iterable: Any, admin_class: "type[admin.ModelAdmin[Any]] | None" = None, **options: Any
    ) -> None:
        plain = admin_class or admin.ModelAdmin
        super().register(model_or_iterable, type(plain.__name__, (Audited, plain), {}), **options)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """One's own password."""
        known = request.user
        was = values(known) if isinstance(known, User) else {}
        answer = super().password_change(request, extra_context)
        if isinstance(known, User) and answer.status_code == 302:
            keep(request, "user changed", known, was, values(User.objects.get(pk=known.pk)))
        return answer
