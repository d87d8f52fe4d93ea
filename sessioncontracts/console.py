"""Django's admin with a first page of our own: what is under way and what waits, before the list of tables."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse

from sessioncontracts.audit import AuditedSite


class Console(AuditedSite):
    """A ModelAdmin with a `front(request)` puts a panel on the first page: {"template": …, what that needs}."""

    site_header = "Session contracts: console"
    site_title = "Console"
    index_title = "Console"
    enable_nav_sidebar = False

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        entered = [admin for admin in self._registry.values() if admin.has_module_permission(request)]
        panels = [admin.front(request) for admin in entered if hasattr(admin, "front")]
        return super().index(request, {"panels": panels, **(extra_context or {})})
