"""The URL map of the whole project. Empty until the doors open."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
