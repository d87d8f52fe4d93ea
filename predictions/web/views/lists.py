"""All markets of an exchange, and opening one more."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from common.clock import now_us
from common.ids import public_id
from predictions import queries
from predictions.engine import commands as c
from predictions.engine.decide.markets import CATEGORIES, check
from predictions.handlers import markets
from predictions.models import Market
from predictions.web import forms, panels, reads
from predictions.web.access import Visitor, command_id, visitor
from predictions.web.answers import Attempt, attempt, done, is_htmx, page, status_of
from predictions.web.board import address

_PAGE = 24
STATUSES = {
    "open": ("Open", Q(status="open")),
    "waiting": ("Awaiting resolution", Q(status__in=("closed", "proposed", "challenged"))),
    "resolved": ("Resolved", Q(status="resolved")),
    "all": ("All", Q()),
}
SORTS = {"closing": "closing soon", "newest": "newest", "volume": "most volume", "trades": "most trades"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader filters by; whatever is unknown falls back to the first choice."""

    search: str
    status: str
    category: str
    sort: str

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.category or self.status != "open")


@dataclass(frozen=True, slots=True)
class Row:
    """A market of the list."""

    market: Market
    outside: str
    odds: panels.Odds
    comments: int


@login_required
@require_safe
def market_list(request: HttpRequest) -> HttpResponse:
    """The markets of an exchange, searched, filtered and sorted; for HTMX only the list itself."""
    who = visitor(request)
    wanted = _wanted(request)
    found = Paginator(_found(who, wanted), _PAGE).get_page(request.GET.get("page"))
    by_status, by_category = reads.counts(who.stream)
    shown = {
        "who": who,
        "exchange": who.exchange,
        "exchanges": queries.exchanges(),
        "wanted": wanted,
        "rows": _rows(who, found),
        "found": found,
        "statuses": [(name, label, _count(by_status, name)) for name, (label, _) in STATUSES.items()],
        "categories": [(name, by_category.get(name, 0)) for name in CATEGORIES],
        "sorts": SORTS.items(),
        "query": _query(who, wanted),
        "now": now_us(),
        "tab": "markets",
    }
    return page(request, "parts/list.html" if is_htmx(request) else "list.html", shown)


def _wanted(request: HttpRequest) -> Wanted:
    def choice(name: str, options: Any, default: str) -> str:
        given = request.GET.get(name, "")
        return given if given in options else default

    search = request.GET.get("q", "").replace("\0", "").strip()[:200]
    status, category = choice("status", STATUSES, "open"), choice("category", CATEGORIES, "")
    return Wanted(search, status, category, choice("sort", SORTS, "closing"))


def _found(who: Visitor, wanted: Wanted) -> "QuerySet[Market]":
    rows = queries.markets(who.stream, category=wanted.category, search=wanted.search, sort=wanted.sort)
    if wanted.sort == "closing" and wanted.status in {"resolved", "all"}:
        rows = rows.order_by("-deadline", "-number")
    return rows.filter(STATUSES[wanted.status][1])


def _rows(who: Visitor, found: "Page[Market]") -> list[Row]:
    numbers = [market.number for market in found]
    touches, comments = reads.touches(who.stream, numbers), reads.comment_counts(who.stream, numbers)
    return [
        Row(
            market,
            public_id(who.stream, market.number),
            panels.odds(market, touches[market.number]),
            comments.get(market.number, 0),
        )
        for market in found
    ]


def _count(by_status: dict[str, int], name: str) -> int:
    kinds = {"open": ("open",), "waiting": ("closed", "proposed", "challenged"), "resolved": ("resolved",)}
    return sum(by_status.get(status, 0) for status in kinds.get(name, by_status))


def _query(who: Visitor, wanted: Wanted) -> str:
    """The filters as a query, for the links to other pages of the list."""
    pairs = {"q": wanted.search, "status": wanted.status, "category": wanted.category, "sort": wanted.sort}
    return urlencode({"exchange": who.exchange.name, **{name: value for name, value in pairs.items() if value}})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def market_create(request: HttpRequest) -> HttpResponse:
    """Open a market: first everything as it will stand with its fee, then, confirmed, the market."""
    who = visitor(request)
    step = request.POST.get("step", "") if request.method == "POST" else ""
    draft = refusal = None
    if step in {"review", "create"}:
        draft, refusal = attempt(request, lambda: _draft(request, who))
    if step == "create" and draft:
        made, refusal = attempt(
            request, lambda: markets.create_market(who.stream, draft, who.actor, command_id=command_id(request))
        )
        if made:
            return done(request, "The question is open.", address(who, made.number))
    shown = {
        "who": who,
        "exchange": who.exchange,
        "attempt": Attempt(forms.values(request.POST), refusal),
        "draft": None if refusal else draft,
        "categories": CATEGORIES,
        "now": now_us(),
        "tab": "new",
    }
    return page(request, "create.html", shown, status=status_of(refusal))


def _draft(request: HttpRequest, who: Visitor) -> c.CreateMarket:
    """What was typed, checked as far as it can be without asking the ledger."""
    free = "for_free" in request.POST and who.is_organiser
    command = forms.market(request.POST, 0 if free else who.acting().number)
    check(command, now_us())
    return command
