"""The terminal: what its page shows, and what it answers to its forms."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from common.clock import SECOND, now_us
from common.ids import parse_public_id, public_id
from common.money import format_units
from markets import queries, valuation
from markets.engine.state import CASH
from markets.models import Order
from markets.queries import SessionInfo
from markets.web import forms, news, panels
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
        "rfqs": panels.rfqs(session, who.handle or None),
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
        "chart": chart(who.session, seen.asset) if seen.quote_asset == CASH else None,
        "legs_json": json.dumps(who.session.legs, ensure_ascii=False),
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
    replace, rfq = request.GET.get("replace", ""), request.GET.get("quote_on", "")
    found: dict[str, Any] = {}
    if replace and who.handle:
        found["replacing"] = order_to_replace(who, replace)
    if rfq and who.handle:
        found |= request_to_quote(who, rfq)
    return found


def order_to_replace(who: Visitor, outside: str) -> Order | None:
    """The visitor's own open order of this name; None where there is none."""
    parsed = parse_public_id(outside)
    if parsed is None or parsed[0] != who.stream:
        return None
    row = queries.orders_numbered(who.stream, [parsed[1]]).get(parsed[1])
    return row if row is not None and row.participant == who.handle and row.status in queries.OPEN else None


def request_to_quote(who: Visitor, outside: str) -> dict[str, Any]:
    """The open RFQ of this name that is somebody else's, and the rate that the last prices would make fair."""
    for ask in panels.rfqs(who.session, who.handle)["rfqs"]:  # type: ignore[attr-defined]  # a list of Ask
        if public_id(who.stream, ask.row.number) == outside and ask.row.status == "open" and not ask.mine:
            prices = valuation.current_prices(who.session).by_leg
            fair = prices[ask.row.leg_from] * 10_000 // prices[ask.row.leg_to] if prices else 0
            return {"quoting": ask.row, "fair_rate": f"{fair // 10_000}.{fair % 10_000:04d}" if fair else ""}
    return {}


def chart(session: SessionInfo, asset: str, *, until: int | None = None) -> Chart | None:
    """The candles of a leg's newest ticks, or of those up to a moment (µs)."""
    ticks = quoted.series(session, limit=_CHART_TICKS, until=until)
    return candles([(tick.at, tick.prices[asset]) for tick in ticks if asset in tick.prices])


_INTERVALS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 900, 3600)
_MOST_CANDLES = 300


def chart_data(who: Visitor, seen: Look, *, from_trades: bool, interval: int, until: int = 0) -> dict[str, Any]:
    """What chart.js draws: candles of `interval` seconds (0: what fits), times in s, prices in units; own fills.

    `until` (µs): as it looked then.
    """
    session, quote = who.session, seen.quote_asset
    end = queries.ended_at(session) or now_us()
    # Where nothing has moved since trading began, what was before.
    for start in (min(session.t1 or session.created_at, end), session.created_at):
        chosen = interval or _fitting((end - start) // SECOND)
        found = valuation.candles(
            session,
            seen.asset,
            interval=chosen * SECOND,
            end=(min(end, until) if until else end) + 1,
            count=min(valuation.MOST_CANDLES, (end - start) // SECOND // chosen + 2),
            from_trades=from_trades or quote != CASH,
            quote_asset=quote,
        )
        if found:
            break
    fills = (
        queries.recent_fills(who.stream, who.handle, seen.asset, quote, until=until or end, limit=_MOST_FILLS)
        if who.handle
        else []
    )
    return {
        "interval": chosen,
        "candles": [[c.start // SECOND, c.open, c.high, c.low, c.close, c.volume] for c in found],
        "fills": [news.fill(session, row, who.handle or "") for row in fills],
    }


def _fitting(span: int) -> int:
    """The shortest interval, in s, at which a span of so many seconds makes a readable number of candles."""
    return next((each for each in _INTERVALS if span // each <= _MOST_CANDLES // 2), _INTERVALS[-1])


_MOST_FILLS = 300


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
