"""What is said about a market: comments, answers, votes, pins. Plain text; no part of the ledger."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from common.errors import InvalidInput
from predictions.handlers import comments
from predictions.models import Market
from predictions.web import board, forms
from predictions.web.access import Visitor, market_of
from predictions.web.answers import attempt

Act = Callable[[Visitor, Market], Any]


def _do(request: HttpRequest, market_id: str, act: Act, said: str, *, form: str = "flash") -> HttpResponse:
    who, market = market_of(request, market_id)
    _, refusal = attempt(request, lambda: act(who, market))
    return board.answer(request, who, market, form=form, refusal=refusal, said="" if refusal else said, anchor="talk")


@login_required
@require_POST
def say(request: HttpRequest, market_id: str) -> HttpResponse:
    """A comment, or an answer to one."""

    def act(who: Visitor, market: Market) -> Any:
        given = request.POST.get("parent", "")
        if given and not (given.isascii() and given.isdecimal() and len(given) < 19):
            raise InvalidInput("parent", "There is no such comment.")
        return comments.say(
            who.stream,
            market.number,
            who.acting().row,
            forms.text(request.POST, "content"),
            parent=int(given or 0),
            sentiment=request.POST.get("sentiment", ""),
            prediction=forms.cents(request.POST, "prediction", "the probability", blank=0),
        )

    return _do(request, market_id, act, "Said.", form="talk")


@login_required
@require_POST
def vote(request: HttpRequest, market_id: str, comment: int) -> HttpResponse:
    """Up, down, or the vote taken back."""

    def act(who: Visitor, market: Market) -> int:
        value = {"up": 1, "down": -1}.get(request.POST.get("vote", ""), 0)
        return comments.vote(who.stream, _here(who, market, comment), who.acting().row, value)

    return _do(request, market_id, act, "Your vote counts.")


@login_required
@require_POST
def pin(request: HttpRequest, market_id: str, comment: int) -> HttpResponse:
    """First in the discussion, or back, by a moderator."""

    def act(who: Visitor, market: Market) -> Any:
        is_pinned = request.POST.get("pin") == "1"
        return comments.pin(who.stream, _here(who, market, comment), who.acting().row, is_pinned=is_pinned)

    return _do(request, market_id, act, "Done.")


@login_required
@require_POST
def edit(request: HttpRequest, market_id: str, comment: int) -> HttpResponse:
    """Other words for one's own."""

    def act(who: Visitor, market: Market) -> Any:
        text = forms.text(request.POST, "content")
        return comments.edit(who.stream, _here(who, market, comment), who.acting().row, text)

    return _do(request, market_id, act, "Changed.")


@login_required
@require_POST
def remove(request: HttpRequest, market_id: str, comment: int) -> HttpResponse:
    """One's own words gone, or any as a moderator; the answers stay."""

    def act(who: Visitor, market: Market) -> Any:
        return comments.remove(who.stream, _here(who, market, comment), who.acting().row)

    return _do(request, market_id, act, "Deleted.")


def _here(who: Visitor, market: Market, number: int) -> int:
    """The comment's number, if it stands in this market. Raises DomainError `not_found`."""
    row = comments.comment(who.stream, number if number < 1 << 63 else 0)
    if row.market != market.number:
        raise InvalidInput("comment", "There is no such comment here.")
    return number
