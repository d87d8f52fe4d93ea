"""The URL map of the whole project."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from sessioncontracts import api_errors, health

handler400 = api_errors.bad_request
handler500 = api_errors.server_error
urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.health, name="health"),
    path("health/ready", health.ready, name="health-ready"),
    path("api/v1/", include("markets.api.urls")),
    path("api/v1/predictions/", include("predictions.api.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("docs/problems", api_errors.problems_page, name="problems"),
    re_path(r"^api(/|$)", api_errors.not_found),
    path("admin/", admin.site.urls),
    path("", include("accounts.web.urls")),
    path("", include("predictions.web.urls")),
    path("", include("markets.web.urls")),
]
