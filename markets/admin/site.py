"""Sessions in Django's admin: the list is Django's own, every other page is one of ours, outside its transactions."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html

from accounts import roster
from accounts.facade import actor_of
from markets import queries
from markets.admin import front
from markets.admin import rows as reads
from markets.admin.access import may_enter
from markets.admin.actions import ACTIONS
from markets.admin.tables import moment
from markets.admin.views import acting, audit, control, creating, detail, feeds, keys, people, prices, records
from markets.admin.views.frame import ConsoleView
from markets.models import MarketSession

_IMPORTED = format_html(' <span class="status" title="{}">⇩ imported</span>', "It happened on another installation")

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[MarketSession]
else:
    _Admin = admin.ModelAdmin


class _Sessions(ChangeList):
    """A page of sessions, with their organisers' names looked up at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        names = roster.names_of(row.organiser for row in rows)
        for row in rows:
            row.organiser_name = names.get(row.organiser, row.organiser)
        self.result_list = rows


@admin.register(MarketSession)
class SessionAdmin(_Admin):
    """The way in. Django never saves a session here: what its own forms would do is replaced."""

    list_display_links = ("session_id",)
    list_display = ("session_id", "state", "basket", "organiser_name", "created", "ends")
    list_filter = ("status",)
    search_fields = ("session_id",)
    ordering = ("-created_at",)
    list_per_page = 50
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[MarketSession]:
        """An organiser's own sessions; all of them for an administrator."""
        rows = super().get_queryset(request)
        actor = actor_of(request.user)
        return queries.marked(rows if actor.organiser else rows.filter(organiser=actor.id))

    def front(self, request: HttpRequest) -> dict[str, Any]:
        """On the console's first page: the sessions that are not over."""
        return {"template": "admin/console/_front.html", "table": front.under_way(self.get_queryset(request))}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's list, under our word for it."""
        return super().changelist_view(request, {"title": "Sessions", **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _Sessions

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_enter(request.user)

    def has_view_permission(self, request: HttpRequest, obj: MarketSession | None = None) -> bool:
        return may_enter(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_enter(request.user)

    def has_change_permission(self, request: HttpRequest, obj: MarketSession | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MarketSession | None = None) -> bool:
        return False

    @admin.display(description="Status", ordering="status")
    def state(self, row: MarketSession) -> str:
        badge = format_html('<span class="status status-{}">{}</span>', row.status, row.status)
        return badge + _IMPORTED if getattr(row, "is_imported", False) else badge

    @admin.display(description="Basket")
    def basket(self, row: MarketSession) -> str:
        return reads.basket_text(row)

    @admin.display(description="Organiser")
    def organiser_name(self, row: MarketSession) -> str:
        return str(getattr(row, "organiser_name", row.organiser))

    @admin.display(description="Created (UTC)", ordering="created_at")
    def created(self, row: MarketSession) -> str:
        return moment(row.created_at)

    @admin.display(description="Ends (UTC)", ordering="t2")
    def ends(self, row: MarketSession) -> str:
        return moment(row.t2)

    def get_urls(self) -> list[URLPattern]:
        """The list, and our pages under Django's own names where it has some."""
        at = "<uuid:stream>/"
        pages: list[tuple[str, str, type[ConsoleView]]] = [
            ("add/", "add", creating.CreateView),
            ("feeds/", "feeds", feeds.FeedsView),
            ("feeds/<uuid:feed>/", "feed", feeds.FeedView),
            ("audit/", "trail", audit.TrailView),
            (at, "change", detail.DetailView),
            (f"{at}clone/", "clone", creating.CloneView),
            (f"{at}control/", "control", control.ControlView),
            (f"{at}projector/", "projector", control.ProjectorView),
            (f"{at}people/", "people", people.PeopleView),
            (f"{at}roster/", "roster", people.RosterView),
            (f"{at}codes/", "codes", people.CodesView),
            (f"{at}keys/", "keys", keys.KeysView),
            (f"{at}keys/<int:key>/revoke/", "revoke", keys.RevokeView),
            (f"{at}prices/", "prices", prices.PricesView),
            (f"{at}settle/", "settle", acting.SettleView),
            (f"{at}correct/", "correct", acting.CorrectView),
            (f"{at}audit/", "audit", audit.AuditView),
            (f"{at}verify/", "verify", records.VerifyView),
            (f"{at}exports/", "exports", records.ExportsView),
            (f"{at}exports/file/", "download", records.DownloadView),
        ]
        wrap = self.admin_site.admin_view
        views = [(route, name, kind.as_view(model_admin=self)) for route, name, kind in pages]
        views += [(f"{at}{name}/", name, detail.rows_page(self, name)) for name in detail.LISTS]
        views += [
            (f"{at}{action.name}/", action.name, acting.ActionView.as_view(model_admin=self, action=action))
            for action in ACTIONS
        ]
        return [
            path("", wrap(self.changelist_view), name="markets_marketsession_changelist"),
            *[path(route, wrap(view), name=f"markets_marketsession_{name}") for route, name, view in views],
        ]
