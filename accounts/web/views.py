"""Sign in, register, and one's own API keys."""

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import acts, codes, keys, throttle
from accounts.facade import actor_of
from accounts.models import User
from accounts.web.forms import RegisterForm
from common.clock import parse_time
from common.errors import DomainError, Throttled


class SignIn(LoginView):
    """User name and password; then where they wanted to go."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True
    extra_context = {"registration": settings.REGISTRATION}  # noqa: RUF012  Django's own way

    def form_invalid(self, form: Any) -> HttpResponse:
        """422 with the form."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


sign_in = SignIn.as_view()
sign_out = LogoutView.as_view(http_method_names=["post", "options"])


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """A new account, where SM_REGISTRATION allows it."""
    to = _next(request)
    shown: dict[str, Any] = {"registration": settings.REGISTRATION, "next": to}
    if settings.REGISTRATION == "closed":
        return render(request, "accounts/register.html", shown, status=422 if request.method == "POST" else 200)
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and _may_register(request, form) and form.is_valid():
        login(request, form.save())
        messages.success(request, "Welcome. Join a session to trade.", extra_tags="good")
        return HttpResponseRedirect(to or reverse("dashboard"))
    shown["form"] = form
    return render(request, "accounts/register.html", shown, status=422 if request.method == "POST" else 200)


def _next(request: HttpRequest) -> str:
    """Where they wanted to go, if it is a page of ours."""
    to = request.POST.get("next", "") or request.GET.get("next", "")
    hosts = {request.get_host()}
    return to if url_has_allowed_host_and_scheme(to, allowed_hosts=hosts, require_https=request.is_secure()) else ""


def _may_register(request: HttpRequest, form: RegisterForm) -> bool:
    """Not too often from one address; what is refused does not tell whether the code was right either."""
    try:
        throttle.take(throttle.REGISTRATIONS, str(request.META.get("REMOTE_ADDR", "")))
    except Throttled as refusal:
        form.errors.clear()
        form.add_error(None, refusal.detail)
        return False
    return True


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Sign in with a one-time code from the organiser, and go to its session."""
    shown: dict[str, Any] = {"code": request.POST.get("code", "")[:40]}
    if request.method == "POST":
        try:
            throttle.take(throttle.JOIN_CODES, str(request.META.get("REMOTE_ADDR", "")))
            found = codes.redeem(shown["code"])
        except Throttled as refusal:
            response = render(request, "accounts/join.html", {**shown, "refusal": refusal}, status=429)
            response["Retry-After"] = str(refusal.retry_after)
            return response
        except DomainError as refusal:
            shown["refusal"] = refusal
        else:
            login(request, found.user)
            return HttpResponseRedirect(reverse("terminal", args=[found.session_id]))
    return render(request, "accounts/join.html", shown, status=422 if "refusal" in shown else 200)


@require_safe
def join_link(request: HttpRequest, code: str) -> HttpResponseRedirect:
    """A typed link: the code goes behind the #, out of the way of later logs; only sending the form uses it up."""
    return HttpResponseRedirect(f"{reverse('join')}#{quote(code[:40])}")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def key_list(request: HttpRequest) -> HttpResponse:
    """My keys; a new one's secret is shown this once."""
    user = _user(request)
    shown: dict[str, Any] = {"values": {}}
    if request.method == "POST":
        try:
            shown["issued"], shown["secret"] = _issue(request, user)
        except DomainError as refusal:
            shown |= {"refusal": refusal, "values": request.POST, "ticked": request.POST.getlist("scopes")}
    shown |= {"keys": keys.keys_of(user), "scopes": _scopes(user)}
    return render(request, "accounts/keys.html", shown, status=422 if "refusal" in shown else 200)


def _issue(request: HttpRequest, user: User) -> tuple[Any, str]:
    data = request.POST
    expires = data.get("expires_at", "").strip()
    key, secret = keys.issue(
        user,
        name="".join(sign for sign in data.get("name", "") if sign.isprintable()).strip(),
        scopes=data.getlist("scopes"),
        session_id=_plain(data.get("session_id", "")),
        expires_at=parse_time(expires, "expires_at") if expires else 0,
        issuer=user,
        request_id=_plain(data.get("command_id", ""))[:64],
    )
    if not key.replayed:
        _record("key issued", user, key)
    return key, secret


def _record(act: str, user: User, key: keys.ApiKey) -> None:
    facts = {"key": str(key.pk), "scopes": key.scopes}
    acts.record(act, actor_of(user), subject=key.user.uid, stream=key.stream_id, facts=facts)


def _plain(text: str) -> str:
    """What no name holds is left out: control characters, and text of any length."""
    return "".join(sign for sign in text.strip()[:200] if sign.isascii() and sign.isprintable())


def _scopes(user: User) -> list[tuple[str, str]]:
    """What this user may give a key."""
    found = [("read", "read: what you may see"), ("trade", "trade: your orders and quotes")]
    if user.is_organiser or user.is_superuser:
        found.append(("organise", "organise: run your sessions"))
    if user.is_superuser:
        found.append(("feed", "feed: publish prices"))
    return found


@login_required
@require_POST
def key_revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """The key is worth nothing from now on."""
    try:
        key = keys.key_of(_user(request), key_id)
        keys.revoke(key)
        _record("key revoked", _user(request), key)
    except DomainError:
        messages.error(request, "There is no such key any more.", extra_tags="bad")
    else:
        messages.success(request, "The key is revoked.", extra_tags="good")
    return HttpResponseRedirect(reverse("keys"))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
