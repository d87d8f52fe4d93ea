"""The console's first page: the sessions that are not over, those that wait for their organiser first."""

from django.db.models import QuerySet
from django.urls import reverse

from common.clock import SECOND, now_us
from ledger.models import Stream
from markets import presence, queries, valuation
from markets.admin.room import ago, left
from markets.admin.tables import Cell, Column, Table, columns_of, moment
from markets.models import MarketSession
from markets.queries import SessionInfo

MOST = 30
STALE_AFTER = 60 * SECOND
"""How old prices are when somebody should look why, in µs."""
_EMPTY = "No session is under way. Open one: what it trades, who takes part and where its prices come from."


def under_way(rows: "QuerySet[MarketSession, MarketSession]") -> Table:
    """The newest of those among `rows`, marked, that are not over: what each waits for, and how it goes."""
    elsewhere = Stream.objects.filter(imported_at__isnull=False).values("id")
    going = rows.exclude(status__in=queries.OVER).exclude(stream_id__in=elsewhere).order_by("-created_at")
    sessions = [queries.info_of(row) for row in going[:MOST]]
    streams, now = [session.stream for session in sessions], now_us()
    crowds, here = queries.crowds(streams), presence.connected(streams, now)
    prices = valuation.current_prices_of(sessions)
    found = []
    for session in sessions:
        people, at = crowds.get(session.stream, 0), prices[session.stream].at
        page, words, is_urgent = _next(session, people, at, now)
        line = [
            Cell(session.session_id, url=_url("change", session)),
            Cell(session.status, f"status status-{session.status}"),
            Cell(words, "wanted" if is_urgent else "", url=_url(page, session)),
            Cell(left(session.t2, now) or "–", "num", note=f"until {moment(session.t2)}" if session.t2 else ""),
            Cell(f"{here.get(session.stream, 0)} of {people}", "num"),
            Cell(f"{ago(at, now)} old" if at else "none yet", "num"),
            Cell("Control room", url=_url("control", session)),
        ]
        found.append((not is_urgent, line))
    columns = [
        *columns_of("Session", "Status", "What is next"),
        *columns_of(figures=("Time left (UTC)", "Connected", "Prices are")),
        Column(""),
    ]
    return Table(columns, [line for _, line in sorted(found, key=lambda one: one[0])], empty=_EMPTY)


def _next(session: SessionInfo, people: int, priced_at: int, now: int) -> tuple[str, str, bool]:
    """(page, words, whether somebody should come) of what an organiser most likely does next."""
    if session.status == "closed":
        return "settle", "Closed: settle it" if priced_at else "Closed: settle it at typed prices", True
    if session.status == "halted":
        return "resume", "Halted: resume, or close", True
    if not people:
        return "people", "Nobody takes part yet: read a CSV, or show the join code", True
    if session.status == "created":
        return (
            ("start", f"Starts by itself at {moment(session.t1)}", False) if session.t1 else ("start", "Start", True)
        )
    if session.terms.fixing_rule == "manual":  # its prices are its organiser's to tell, and late as they like
        return "control", "Trading", False
    if not priced_at:
        return "prices", "No price yet: simulate, replay or push", True
    if now - priced_at > STALE_AFTER:
        return "prices", "Prices stand still: look at the feed", True
    return "control", "Trading", False


def _url(page: str, session: SessionInfo) -> str:
    return reverse(f"admin:markets_marketsession_{page}", args=[session.stream])
