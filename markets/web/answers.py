"""Outcome of a form → response: done goes back to the page, refused is 422 with the form and a sentence.

With HTMX the answer is what changes on the page; without it a redirect, or the whole page again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from common.errors import DomainError, Unavailable
from markets import presence


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a form was not done. `command_id` is kept where the outcome is unknown: sending again tells."""

    detail: str
    field: str = ""
    command_id: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was sent, to be shown again, and why it was refused; empty for a fresh form."""

    values: Mapping[str, Any]
    refusal: Refusal | None = None


def attempt(
    request: HttpRequest, act: Callable[[], Any], *, of: tuple[UUID, str] | None = None
) -> tuple[Any, Refusal | None]:
    """Do `act`; (its answer, None), or (None, why it was refused). `of`: whose refusal the organiser may hear of."""
    try:
        return act(), None
    except DomainError as refused:
        if of is not None:
            presence.refused(*of, refused)
        return None, Refusal(refused.spoken, refused.field)
    except Unavailable as away:
        return None, Refusal(away.detail, command_id=request.POST.get("command_id", "")[:64])


def done(request: HttpRequest, text: str, to: str) -> HttpResponse:
    """Say what was done on the page that the form came from."""
    messages.success(request, text, extra_tags="good")
    if getattr(request, "htmx", False):
        return HttpResponse(status=200, headers={"HX-Redirect": to})
    return HttpResponseRedirect(to)


def page(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """A page or fragment. Never kept by the browser: prices are stale a moment later."""
    response = render(request, template, dict(context), status=status)
    response["Cache-Control"] = "no-store"
    response["Vary"] = "HX-Request, Cookie"
    return response


def status_of(refusal: Refusal | None) -> int:
    """200 for a page as asked for, 422 for one that tells a refusal."""
    return 422 if refusal else 200
