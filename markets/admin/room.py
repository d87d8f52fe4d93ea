"""What the control room shows, as tables of text: the people at work, and the newest trades."""

from collections.abc import Sequence

from common.clock import SECOND
from common.money import trimmed
from markets.admin.floor import Trader
from markets.admin.tables import Cell, Column, Names, Table, amount, columns_of, moment
from markets.engine.state import CASH
from markets.models import Trade
from markets.queries import SessionInfo

_FRESH = 120 * SECOND
"""How long a refusal keeps somebody at the top, in µs."""


def traders(session: SessionInfo, people: Sequence[Trader], names: Names, *, now: int) -> Table:
    """Who is there and what they do: first who was just refused something, then who is away."""
    rows = [
        [
            Cell(one.handle, "who", note=names.get(one.handle, "")),
            Cell("connected", "status status-on") if one.is_connected else Cell(_away(one.seen_at, now), "when"),
            Cell(ago(one.active_at, now), "when"),
            Cell(str(one.orders), "num"),
            Cell(str(one.open_orders), "num"),
            Cell(str(one.trades), "num"),
            Cell(in_cents(one.volume, session.cash_decimals), "num"),
            Cell(one.refusal or "–", "refusal", note=f"{ago(one.refused_at, now)} ago" if one.refused_at else ""),
        ]
        for one in sorted(people, key=lambda one: (now - one.refused_at > _FRESH, one.is_connected))
    ]
    columns = [
        *columns_of("Participant", "Feed", "Idle for"),
        *columns_of(figures=("Orders", "Open", "Trades", "Cash traded")),
        Column("Last refusal"),
    ]
    return Table(columns, rows, empty="Nobody has joined yet: read a CSV under People, or show the join code.")


def _away(at: int, now: int) -> str:
    return f"away {ago(at, now)}" if at else "never here"


def glance(session: SessionInfo, rows: Sequence[Trade]) -> Table:
    """The newest trades, a line each."""
    cells = [
        [
            Cell(moment(row.at)[11:], "when"),
            Cell(f"{row.participant_a} → {row.participant_b}"),
            Cell(f"{trimmed(amount(session, row.leg_from, row.amount_from))} {row.leg_from}", "num"),
            Cell(_paid(session, row), "num"),
        ]
        for row in rows
    ]
    return Table(columns_of("At (UTC)", "From, to", figures=("Gave", "For")), cells, empty="Nobody has traded yet.")


def _paid(session: SessionInfo, row: Trade) -> str:
    if row.leg_to == CASH:
        return in_cents(row.amount_to, session.cash_decimals)
    return f"{trimmed(amount(session, row.leg_to, row.amount_to))} {row.leg_to}"


def in_cents(units: int, decimals: int) -> str:
    """Cash with two decimals, rounded down, thousands apart: for a look, not for the books."""
    cents = units * 100 // 10**decimals
    return f"{cents // 100:,}.{cents % 100:02d}"


def left(until: int, now: int) -> str:
    """The time to `until` as h:mm:ss; nothing where it is over or there is none."""
    seconds = (until - now) // SECOND
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" if seconds > 0 else ""


def ago(at: int, now: int) -> str:
    """How long ago, in words."""
    if not at:
        return "never"
    seconds = max(0, now - at) // SECOND
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
