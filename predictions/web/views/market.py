"""The market page, and what is done there: orders and complete sets. Parse, one domain call, answer."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from common.errors import DomainError
from common.ids import parse_public_id, public_id
from predictions import preview, queries
from predictions.engine import commands as c
from predictions.handlers import markets, orders
from predictions.models import Market
from predictions.web import board, forms
from predictions.web.access import Visitor, command_id, market_of
from predictions.web.answers import attempt, page

Act = Callable[[Visitor, Market, str], Any]
Say = Callable[[Any], str]


@login_required
@require_safe
def market_page(request: HttpRequest, market_id: str) -> HttpResponse:
    """Everything about one question."""
    who, market = market_of(request, market_id)
    return page(request, "market.html", board.context(request, who, market))


@login_required
@require_safe
def live(request: HttpRequest, market_id: str) -> HttpResponse:
    """Every live fragment of the page, for one that has missed something."""
    who, market = market_of(request, market_id)
    return page(request, "parts/live.html", {"who": who, **board.live(who, market), "oob": True})


@login_required
@require_safe
def chart(request: HttpRequest, market_id: str) -> JsonResponse:
    """[time in s, cents of YES] of the newest trades, the oldest first; one point per second."""
    who, market = market_of(request, market_id)
    points = {at // 1_000_000: price for at, price in queries.price_history(who.stream, market.number, limit=2000)}
    response = JsonResponse({"points": sorted(points.items())})
    response["Cache-Control"] = "no-store"
    return response


def _do(request: HttpRequest, market_id: str, form: str, act: Act, say: Say) -> HttpResponse:
    """Let the visitor `act` under the form's id, and answer with what changed or why not."""
    who, market = market_of(request, market_id)
    outcome, refusal = attempt(request, lambda: act(who, market, command_id(request)))
    said = "" if refusal else say(outcome)
    return board.answer(request, who, market, form=form, refusal=refusal, said=said)


@login_required
@require_POST
def order_place(request: HttpRequest, market_id: str) -> HttpResponse:
    """The ticket: first what the order would cost and win, then, confirmed, the order."""
    step = request.POST.get("step", "review")
    if step == "place":
        return _do(request, market_id, "ticket", _place(request), _placed)
    who, market = market_of(request, market_id)
    found, refusal = (None, None) if step == "change" else attempt(request, lambda: _preview(request, who, market))
    return board.answer(request, who, market, form="ticket", refusal=refusal, review=found)


def _place(request: HttpRequest) -> Act:
    def act(who: Visitor, market: Market, once: str) -> orders.Receipt:
        command = forms.order(request.POST, who.acting().number, market.number)
        return orders.place_order(who.stream, command, who.actor, command_id=once)

    return act


def _placed(receipt: orders.Receipt) -> str:
    verb = "Buy" if receipt.action == "buy" else "Sell"
    state = receipt.status.replace("_", " ")
    why = f" ({receipt.reason.replace('_', ' ')})" if receipt.reason else ""
    return f"{verb} {receipt.size} {receipt.outcome}: {state}{why}, {receipt.filled} filled."


def _preview(request: HttpRequest, who: Visitor, market: Market) -> preview.Preview:
    """What the typed order would do. Raises DomainError where it could not be placed at all."""
    agent = who.acting()
    command = forms.order(request.POST if request.method == "POST" else request.GET, agent.number, market.number)
    preview.check(command, market, agent)
    book, held = queries.book(who.stream, market.number), queries.position(who.stream, market.number, agent.number)
    own = queries.own_prices(who.stream, market.number, who.agents, is_bid=not preview.is_bid(command))
    return preview.preview(who.exchange, agent, command, book, held, own)


@login_required
@require_safe
def order_estimate(request: HttpRequest, market_id: str) -> HttpResponse:
    """What the order would cost and win, while it is being typed; empty until it can be said."""
    who, market = market_of(request, market_id)
    found, _ = attempt(request, lambda: _preview(request, who, market))
    return page(request, "parts/preview.html", {"who": who, "exchange": who.exchange, "review": found})


@login_required
@require_POST
def order_cancel(request: HttpRequest, market_id: str, order: str) -> HttpResponse:
    """Take one order back."""

    def act(who: Visitor, market: Market, once: str) -> orders.Receipt:
        return orders.cancel_order(who.stream, number_of(who, order, "order"), who.actor, command_id=once)

    return _do(request, market_id, "flash", act, lambda receipt: "The order is cancelled.")


@login_required
@require_POST
def order_cancel_all(request: HttpRequest, market_id: str) -> HttpResponse:
    """Take all open orders of this market back."""

    def act(who: Visitor, market: Market, once: str) -> list[int]:
        command = c.CancelOrders(agent=who.acting().number, market=market.number)
        return orders.cancel_orders(who.stream, command, who.actor, command_id=once)

    return _do(request, market_id, "flash", act, lambda numbers: f"{len(numbers)} orders cancelled.")


@login_required
@require_POST
def order_replace(request: HttpRequest, market_id: str, order: str) -> HttpResponse:
    """A new total, a new price, or both."""

    def act(who: Visitor, market: Market, once: str) -> orders.Receipt:
        size = forms.whole(request.POST, "size", "how many shares in all", blank=0)
        price = forms.cents(request.POST, "price", blank=0)
        command = c.ReplaceOrder(order=number_of(who, order, "order"), size=size, price=price)
        return orders.replace_order(who.stream, command, who.actor, command_id=once)

    return _do(request, market_id, "replace", act, lambda receipt: f"Replaced. {_placed(receipt)}")


@login_required
@require_safe
def order_edit(request: HttpRequest, market_id: str, order: str) -> HttpResponse:
    """The row of one's own open order with fields to type into."""
    who, market = market_of(request, market_id)
    row = board.order_to_replace(who, market, order)
    if row is None:
        raise Http404
    shown = {"who": who, "exchange": who.exchange, "market": market, "order": row, "replacing": row}
    return page(request, "live/_order_row.html", shown | {"page_id": public_id(who.stream, market.number)})


@login_required
@require_POST
def sets(request: HttpRequest, market_id: str) -> HttpResponse:
    """Cash into complete sets, or complete sets into cash."""
    is_split = request.POST.get("do") != "merge"

    def act(who: Visitor, market: Market, once: str) -> int:
        size = forms.whole(request.POST, "size", "how many sets")
        terms = {"agent": who.acting().number, "market": market.number, "size": size}
        if is_split:
            markets.split_sets(who.stream, c.SplitSets(**terms), who.actor, command_id=once)
        else:
            markets.merge_sets(who.stream, c.MergeSets(**terms), who.actor, command_id=once)
        return size

    def say(size: int) -> str:
        pairs = f"{size} YES and {size} NO"
        return f"{size}.00 became {pairs}." if is_split else f"{pairs} became {size}.00."

    return _do(request, market_id, "sets", act, say)


def number_of(who: Visitor, outside: str, what: str) -> int:
    """The number behind an opaque id of this exchange. Raises DomainError `not_found`."""
    parsed = parse_public_id(outside)
    if parsed is None or parsed[0] != who.stream:
        raise DomainError("not_found", f"There is no such {what}.")
    return parsed[1]
