"""The market page: what it shows as a whole, and what it answers to its forms."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from common.ids import parse_public_id, public_id
from predictions import queries
from predictions.models import Market, Order
from predictions.preview import Preview
from predictions.web import forms, panels, reads
from predictions.web.access import Visitor, again
from predictions.web.answers import Attempt, Refusal, is_htmx, page, status_of

_FORMS = ("ticket", "sets", "replace", "talk", "challenge", "flash")


def context(
    request: HttpRequest,
    who: Visitor,
    market: Market,
    *,
    form: str = "",
    refusal: Refusal | None = None,
    review: Preview | None = None,
) -> dict[str, Any]:
    """All that the page and each of its fragments need."""
    typed = forms.values(request.POST if request.method == "POST" else request.GET)
    merged = {"who": who, "review": review, "typed": typed, "tab": "market", **live(who, market)}
    merged |= panels.talk(market, who, str(request.GET.get("sort", "")))
    for name in _FORMS:
        tried = name == form
        shown = typed if tried or request.method == "GET" else {}
        merged[f"{name}_form"] = Attempt(shown, refusal if tried else None)
    merged["replacing"] = order_to_replace(who, market, str(request.GET.get("replace", "")))
    return merged


def live(who: Visitor, market: Market) -> dict[str, Any]:
    """What a push may change, as this visitor sees it now."""
    found = queries.book(who.stream, market.number)
    return {
        "head": reads.head(who.stream),
        "page_id": public_id(who.stream, market.number),
        **panels.status(market, who, found),
        **panels.book(found),
        **panels.tape(market, who),
        **panels.orders(market, who),
        **panels.position(market, who),
        **panels.chart(market, who),
        **panels.resolution(market, who),
    }


def order_to_replace(who: Visitor, market: Market, outside: str) -> Order | None:
    """The acting agent's own open order of this name, in this market."""
    parsed = parse_public_id(outside)
    if parsed is None or parsed[0] != who.stream or not who.agent:
        return None
    rows = queries.orders(who.stream, who.number, market=market.number)
    return rows.filter(number=parsed[1], status__in=queries.OPEN).first()


def address(who: Visitor, market: int) -> str:
    """Where a market's page is."""
    return reverse("event-market", args=[public_id(who.stream, market)])


def answer(
    request: HttpRequest,
    who: Visitor,
    market: Market,
    *,
    form: str,
    said: str = "",
    refusal: Refusal | None = None,
    review: Preview | None = None,
    anchor: str = "",
) -> HttpResponse:
    """After a form that did what `said` tells: the page by redirect, or with HTMX the fragments that may differ.

    Without it nothing was done, and the form is shown again as it was sent.
    """
    if is_htmx(request):
        now = queries.market(who.stream, market.number)
        shown = context(request, again(who), now, form=form, refusal=refusal, review=review)
        shown |= {"form": form, "said": said, "oob": True}
        if said:
            shown |= {f"{form}_form": Attempt({}), "replacing": None}
        return page(request, "parts/answer.html", shown, status=status_of(refusal))
    if said:
        messages.success(request, said, extra_tags="good")
        return HttpResponseRedirect(f"{address(who, market.number)}{f'#{anchor}' if anchor else ''}")
    shown = context(request, who, market, form=form, refusal=refusal, review=review)
    return page(request, "market.html", shown, status=status_of(refusal))
