"""What a participant does: orders and RFQs. Parse, one domain call, answer."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from common.errors import DomainError
from markets import requests
from markets.engine import commands as c
from markets.handlers import orders, rfq
from markets.web import forms, terminal
from markets.web.access import Visitor, command_id, visitor
from markets.web.answers import attempt

Act = Callable[[Visitor, str], Any]


def _do(
    request: HttpRequest, session_id: str, form: str, act: Act, say: Callable[[Visitor, Any], str]
) -> HttpResponse:
    """Let the visitor `act` under the form's id, and answer with what changed or why not."""
    who = visitor(request, session_id)
    outcome, refusal = attempt(request, lambda: act(who, command_id(request)), of=(who.stream, who.handle))
    said = "" if refusal else say(who, outcome)
    return terminal.answer(request, who, form=form, refusal=refusal, said=said)


@login_required
@require_POST
def order_place(request: HttpRequest, session_id: str) -> HttpResponse:
    """The order ticket."""

    def act(who: Visitor, once: str) -> orders.OrderReceipt:
        command = requests.place_order(who.session, forms.order(request.POST, _handle(who)))
        return orders.place_order(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, "ticket", act, _placed)


def _placed(who: Visitor, receipt: orders.OrderReceipt) -> str:
    filled, wanted = (terminal.quantity(who.session, units) for units in (receipt.filled, receipt.quantity))
    side = "Buy" if receipt.is_buy else "Sell"
    state = receipt.status.replace("_", " ")
    why = f" ({receipt.reason.replace('_', ' ')})" if receipt.reason else ""
    return f"{side} order for {wanted} {receipt.asset}: {state}{why}, {filled} filled."


@login_required
@require_POST
def order_replace(request: HttpRequest, session_id: str, order: str) -> HttpResponse:
    """A new quantity, a new price, or both."""

    def act(who: Visitor, once: str) -> orders.OrderReceipt:
        body = forms.fields(request.POST, "quantity", "price")
        command = requests.replace_order(who.session, who.number(order), body)
        return orders.replace_order(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, "replace", act, lambda who, receipt: f"Replaced. {_placed(who, receipt)}")


@login_required
@require_POST
def order_cancel(request: HttpRequest, session_id: str, order: str) -> HttpResponse:
    """Take one order back."""

    def act(who: Visitor, once: str) -> orders.OrderReceipt:
        command = c.CancelOrder(order=who.number(order))
        return orders.cancel_order(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, "flash", act, lambda who, receipt: "The order is cancelled.")


@login_required
@require_POST
def order_cancel_all(request: HttpRequest, session_id: str) -> HttpResponse:
    """Take all open orders back."""

    def act(who: Visitor, once: str) -> list[int]:
        command = c.CancelOrders(participant=_handle(who))
        return orders.cancel_orders(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, "flash", act, lambda who, numbers: f"{len(numbers)} orders cancelled.")


@login_required
@require_POST
def rfq_request(request: HttpRequest, session_id: str) -> HttpResponse:
    """Ask for quotes."""

    def act(who: Visitor, once: str) -> Any:
        command = requests.request_quote(who.session, forms.rfq(request.POST, _handle(who)))
        return rfq.request_quote(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, "ask", act, lambda who, outcome: "Your request for quotes is out.")


@login_required
@require_POST
def rfq_cancel(request: HttpRequest, session_id: str, rfq_id: str) -> HttpResponse:
    """Take a request back."""

    def act(who: Visitor, once: str) -> Any:
        return rfq.cancel_rfq(who.stream, c.CancelRfq(rfq=who.number(rfq_id)), who.actor, command_id=once)

    return _do(request, session_id, "flash", act, lambda who, outcome: "The request is cancelled.")


@login_required
@require_POST
def quote_provide(request: HttpRequest, session_id: str, rfq_id: str) -> HttpResponse:
    """Answer a request with a rate."""

    def act(who: Visitor, once: str) -> Any:
        command = requests.provide_quote(who.number(rfq_id), forms.quote(request.POST, _handle(who)))
        return rfq.provide_quote(who.stream, command, who.actor, command_id=once)

    return _do(request, session_id, "quote", act, lambda who, outcome: "Your quote is out.")


@login_required
@require_POST
def quote_accept(request: HttpRequest, session_id: str, quote: str) -> HttpResponse:
    """Swap at a quote's rate."""

    def act(who: Visitor, once: str) -> Any:
        return rfq.accept_quote(who.stream, c.AcceptQuote(quote=who.number(quote)), who.actor, command_id=once)

    return _do(request, session_id, "flash", act, lambda who, outcome: "Accepted: both legs have moved.")


@login_required
@require_POST
def quote_withdraw(request: HttpRequest, session_id: str, quote: str) -> HttpResponse:
    """Take a quote back."""

    def act(who: Visitor, once: str) -> Any:
        return rfq.withdraw_quote(who.stream, c.WithdrawQuote(quote=who.number(quote)), who.actor, command_id=once)

    return _do(request, session_id, "flash", act, lambda who, outcome: "The quote is withdrawn.")


def _handle(who: Visitor) -> str:
    """The visitor's own handle. Raises DomainError `not_joined` for an organiser who doesn't take part."""
    if not who.handle:
        raise DomainError("not_joined", "Join the session to trade in it.")
    return who.handle
