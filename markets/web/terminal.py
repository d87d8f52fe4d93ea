"""The terminal: what its page shows, and what it answers to its forms."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from common.clock import now_us
from common.ids import public_id
from common.money import format_units
from markets import queries
from markets.engine.state import CASH
from markets.queries import SessionInfo
from markets.web import forms, panels
from markets.web import prices as quoted
from markets.web.access import Visitor
from markets.web.answers import Attempt, Refusal, page, status_of
from markets.web.charts import Chart, candles

_CHART_TICKS = 240
_FORMS = ("ticket", "replace", "ask", "quote", "organiser", "flash")


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader looks at: one book, and what its forms are filled with."""

    asset: str
    quote_asset: str
    values: forms.Body


def look(request: HttpRequest, session: SessionInfo) -> Look:
    """From a form that was sent, or the address; anything unknown falls back to the first leg against cash."""
    data = request.POST if request.method == "POST" else request.GET
    asset = data.get("asset", "") if data.get("asset") in session.legs else session.legs[0]
    others = {leg for leg in session.legs if leg != asset}
    quote = data.get("quote_asset", "")
    return Look(asset, quote if quote in others else CASH, forms.values(data))


def live(who: Visitor, seen: Look) -> dict[str, panels.Context]:
    """The fragments that a push may change, by template, as this visitor sees them now."""
    session = who.session
    found = {
        "status": panels.status(session),
        "prices": panels.prices(session),
        "book": panels.book(session, seen.asset, seen.quote_asset),
        "tape": panels.tape(session),
        "rfqs": panels.rfqs(session, who.handle),
    }
    if who.handle:
        found["orders"] = panels.orders(session, who.handle)
        found["holdings"] = panels.holdings(session, who.handle)
    return found


def context(request: HttpRequest, who: Visitor, *, form: str = "", refusal: Refusal | None = None) -> dict[str, Any]:
    """All that the page and each of its fragments need."""
    seen = look(request, who.session)
    merged: dict[str, Any] = {}
    for part in live(who, seen).values():
        merged |= part
    merged |= {
        "session": who.session,
        "who": who,
        "handle": who.handle,
        "look": seen,
        "quote_options": [CASH, *(leg for leg in who.session.legs if leg != seen.asset)],
        "head": queries.head(who.stream),
        "chart": chart(who.session, seen.asset),
        "now": now_us(),
        "tab": "terminal",
    }
    for name in _FORMS:
        tried = name == form
        values = seen.values if tried or request.method == "GET" else {}
        merged[f"{name}_form"] = Attempt(values, refusal if tried else None)
    return merged | _chosen(request, who)


def _chosen(request: HttpRequest, who: Visitor) -> dict[str, Any]:
    """The order to replace and the RFQ to quote on, where the address names one that may be."""
    found = {}
    replace, rfq = request.GET.get("replace", ""), request.GET.get("quote_on", "")
    context = panels.orders(who.session, who.handle) if replace and who.handle else {}
    for row in context.get("orders", ()):  # type: ignore[attr-defined]  # a list of rows
        if public_id(who.stream, row.number) == replace and row.status in queries.OPEN:
            found["replacing"] = row
    if rfq and who.handle:
        for ask in panels.rfqs(who.session, who.handle)["rfqs"]:  # type: ignore[attr-defined]  # a list of Ask
            if public_id(who.stream, ask.row.number) == rfq and ask.row.status == "open" and not ask.mine:
                found["quoting"] = ask.row
    return found


def chart(session: SessionInfo, asset: str) -> Chart | None:
    """The candles of a leg's newest ticks."""
    ticks = quoted.series(session, limit=_CHART_TICKS)
    return candles([(tick.at, tick.prices[asset]) for tick in ticks if asset in tick.prices])


def address(who: Visitor, seen: Look) -> str:
    """The terminal's address with the book that is looked at."""
    query = urlencode({"asset": seen.asset, "quote_asset": seen.quote_asset})
    return f"{reverse('terminal', args=[who.session.session_id])}?{query}"


def answer(request: HttpRequest, who: Visitor, *, form: str, refusal: Refusal | None, said: str = "") -> HttpResponse:
    """After a form: the page (by redirect when done), or with HTMX the fragments that it may have changed."""
    if getattr(request, "htmx", False):
        shown = context(request, _again(who), form=form, refusal=refusal)
        shown |= {"form": form, "said": said, "oob": True}
        if refusal is None:
            shown |= {f"{form}_form": Attempt({}), "replacing": None, "quoting": None}
        return page(request, "markets/parts/answer.html", shown, status=status_of(refusal))
    if refusal is None:
        messages.success(request, said, extra_tags="good")
        return HttpResponseRedirect(address(who, look(request, who.session)))
    shown = context(request, _again(who), form=form, refusal=refusal)
    return page(request, "markets/terminal.html", shown, status=status_of(refusal))


def _again(who: Visitor) -> Visitor:
    """The visitor with the session as it is after the command."""
    return Visitor(queries.session_of(who.stream), who.actor, who.handle, who.is_organiser)


def quantity(session: SessionInfo, value: int) -> str:
    """A quantity as text, for sentences."""
    return format_units(value, session.quantity_decimals).rstrip("0").rstrip(".")
