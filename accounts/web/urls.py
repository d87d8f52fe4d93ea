"""Where people sign in, register and keep their keys."""

from django.urls import path

from accounts.web import theme, views

urlpatterns = [
    path("theme", theme.theme, name="theme"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("join", views.join, name="join"),
    path("join/<str:code>", views.join_link, name="join-link"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("register", views.register, name="register"),
    path("keys", views.key_list, name="keys"),
    path("keys/<int:key_id>/revoke", views.key_revoke, name="key-revoke"),
]
