"""Exchanges in Django's admin: the list is Django's own, other pages are ours, outside its transactions."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from accounts.facade import actor_of
from common.clock import now_us
from predictions import queries
from predictions.admin import tables, views
from predictions.engine.decide.access import money
from predictions.models import Exchange

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Exchange]
else:
    _Admin = admin.ModelAdmin

MOST = 10
"""How many exchanges the first page shows."""


@admin.register(Exchange)
class ExchangeAdmin(_Admin):
    """The way in. Django never saves an exchange here: what its own forms would do is replaced."""

    list_display = ("name", "created", "money_issued", "fees")
    list_display_links = ("name",)
    search_fields = ("name",)
    ordering = ("-created_at",)
    list_per_page = 50
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        """An organiser's own exchanges; all of them for an administrator."""
        rows = super().get_queryset(request)
        actor = actor_of(request.user)
        return rows if actor.organiser else rows.filter(organiser=actor.id)

    def front(self, request: HttpRequest) -> dict[str, Any]:
        """On the console's first page: the newest exchanges, and how many of their markets wait for a decision."""
        rows = list(self.get_queryset(request).order_by("-created_at")[:MOST])
        waiting = queries.waiting([row.stream_id for row in rows], now_us())
        exchanges = [(row, *waiting.get(row.stream_id, (0, 0))) for row in rows]
        return {"template": "predictions/admin/_front.html", "exchanges": exchanges}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Exchanges of event markets", **(extra_context or {})})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return views.may_enter(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Exchange | None = None) -> bool:
        return views.may_enter(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return views.may_enter(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Exchange | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Exchange | None = None) -> bool:
        return False

    @admin.display(description="Created (UTC)", ordering="created_at")
    def created(self, row: Exchange) -> str:
        return tables.moment(row.created_at)

    @admin.display(description="Money issued", ordering="issued")
    def money_issued(self, row: Exchange) -> str:
        return money(row.issued)

    @admin.display(description="Fees held", ordering="platform")
    def fees(self, row: Exchange) -> str:
        return money(row.platform)

    def get_urls(self) -> list[URLPattern]:
        """The list, and our pages under Django's own names where it has some."""
        at = "<uuid:stream>/"
        pages: list[tuple[str, str, type[views.ConsoleView]]] = [
            ("add/", "add", views.CreateView),
            (at, "change", views.DetailView),
            (f"{at}role/", "role", views.RoleView),
            (f"{at}house/<int:market>/", "house", views.HouseView),
            (f"{at}delete/", "delete", views.DeleteView),
        ]
        wrap = self.admin_site.admin_view
        found = [(route, name, kind.as_view(model_admin=self)) for route, name, kind in pages]
        found += [
            (f"{at}{name}/", name, views.RowsView.as_view(model_admin=self, name=name)) for name in tables.LISTS
        ]
        return [
            path("", wrap(self.changelist_view), name="predictions_exchange_changelist"),
            *[path(route, wrap(view), name=f"predictions_exchange_{name}") for route, name, view in found],
        ]
