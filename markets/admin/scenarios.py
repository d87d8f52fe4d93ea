"""Ways to begin a session: scenarios that teach something, and sessions that were held before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts import codes, roster
from common.clock import SECOND
from common.money import format_units
from markets import queries
from markets.admin import rows

_MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the page of a new session is filled with."""

    terms: Mapping[str, Any] = field(default_factory=dict)
    legs: Sequence[Mapping[str, str]] = ()
    people: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A session that shows something; `key` names it in the address."""

    key: str
    title: str
    explains: str
    beginning: Beginning


def _legs(*legs: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"name": name, "q": q, "price": price} for name, q, price in legs]


SCENARIOS = (
    Scenario(
        "relative-value",
        "Relative value",
        "Four shares, no cash: only exchange rates between claims, as in the paper. Books leg to leg, and RFQs.",
        Beginning(
            {"cash_per_participant": "0", "duration_minutes": "30", "simulate": True},
            _legs(("AAPL", "100", "190"), ("NVDA", "60", "120"), ("META", "80", "510"), ("ORCL", "120", "140")),
        ),
    ),
    Scenario(
        "four-shares",
        "Four shares for cash",
        "A continuous double auction in four simulated shares: orders, spreads, portfolios.",
        Beginning(
            {"duration_minutes": "20", "simulate": True},
            _legs(("AAPL", "100", "190"), ("NVDA", "60", "120"), ("META", "80", "510"), ("ORCL", "120", "140")),
        ),
    ),
    Scenario(
        "one-asset",
        "One asset, one value",
        "You alone know what it pays: the fixing is typed at the end. For bubbles, and for information that spreads.",
        Beginning(
            {"cash_per_participant": "10000", "duration_minutes": "15", "fixing": "manual", "price_decimals": "2"},
            _legs(("ASSET", "100", "")),
        ),
    ),
    Scenario(
        "futures-curve",
        "A futures curve",
        "Three delivery months, fixed by the last minute's average: spreads between months are books of their own.",
        Beginning(
            {"duration_minutes": "30", "simulate": True, "fixing": "twap", "fixing_window": "60"},
            _legs(("GOLD 1m", "50", "2400"), ("GOLD 3m", "50", "2425"), ("GOLD 6m", "50", "2460")),
        ),
    ),
    Scenario(
        "guard-rails",
        "Guard rails",
        "A price band of 5 %, small orders and few of them: what bounds do to a nervous market. Try a halt.",
        Beginning(
            {
                "duration_minutes": "15",
                "simulate": True,
                "price_band_percent": "5",
                "max_quantity": "10",
                "max_open_orders": "5",
            },
            _legs(("TECH", "200", "80"), ("BANK", "200", "40")),
        ),
    ),
)


def scenario(key: str) -> Beginning:
    """The scenario of this name; an empty page where there is none."""
    return next((one.beginning for one in SCENARIOS if one.key == key), Beginning())


def clone_of(session: queries.SessionInfo) -> Beginning:
    """The same terms, legs, people and first allocations, under a name that is free; times as a duration."""
    terms = session.terms
    scale = session.quantity_decimals
    minutes = terms.duration // _MINUTE or (max(0, session.t2 - (session.t1 or session.created_at)) // _MINUTE)
    bounds = terms.bounds
    return Beginning(
        {
            "session_id": _free_name(session.session_id),
            "start_mode": "manual",
            "duration_minutes": str(minutes) if minutes else "",
            "cash_per_participant": _plain(terms.cash_per_participant, session.cash_decimals),
            "feed": session.feed,
            "fixing": terms.fixing_rule,
            "fixing_window": str(terms.fixing_window // SECOND) if terms.fixing_window else "",
            "fixing_max_age": str(terms.fixing_max_age // SECOND),
            "quantity_decimals": str(scale),
            "price_decimals": str(session.price_decimals),
            "self_trade_prevention": terms.self_trade_prevention,
            "min_quantity": _plain(bounds.min_quantity, scale) if bounds.min_quantity else "",
            "max_quantity": _plain(bounds.max_quantity, scale) if bounds.max_quantity else "",
            "price_band_percent": _plain(bounds.price_band, 2) if bounds.price_band else "",
            "max_open_orders": str(bounds.max_open_orders or ""),
            "orders_per_second": str(bounds.orders_per_second or ""),
            "order_burst": str(bounds.order_burst or ""),
            "leg_lot": _plain(terms.lot, scale),
            "leg_tick": _plain(terms.tick, session.price_decimals),
        },
        [
            {"name": leg, "q": _plain(units, scale) if units else ""}
            for leg, units in zip(session.legs, session.q, strict=True)
        ],
        _people(session),
    )


def _people(session: queries.SessionInfo) -> list[dict[str, str]]:
    """Those who are in, with what they were first given; accounts of their own are named, made-up ones are not."""
    members = [member for member in rows.members(session.stream) if not member.is_removed]
    users = roster.names_of(member.user for member in members)
    given = rows.first_allocations(session.stream)
    facts = {"session_id": session.session_id, "organiser": session.organiser}
    return [
        {
            "participant_id": member.handle,
            "name": member.name,
            "user": "" if codes.may_have_code(member.user, member.handle, **facts) else users.get(member.user, ""),
            "allocations": ", ".join(
                f"{leg}={_plain(units, session.quantity_decimals)}"
                for leg, units in given.get(member.handle, {}).items()
            ),
        }
        for member in members
    ]


def _free_name(name: str) -> str:
    """The name with the next number that no session has."""
    taken = {session.session_id for session in queries.sessions()}
    stem, _, number = name.rpartition("-")
    stem, first = (stem, int(number) + 1) if stem and number.isdecimal() and len(number) < 6 else (name, 2)
    return next(f"{stem[:56]}-{n}" for n in range(first, first + len(taken) + 1) if f"{stem[:56]}-{n}" not in taken)


def _plain(units: int, decimals: int) -> str:
    text = format_units(units, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text
