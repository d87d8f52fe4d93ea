"""Rows → tables of text for the console's templates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from accounts.codes import CodeRow
from accounts.roster import KeyRow
from common.clock import SECOND, isoformat
from common.money import format_units
from ledger.models import Event
from markets import queries
from markets.admin.roster import Line
from markets.admin.rows import MemberInfo
from markets.engine.events import Amounts, Fixing
from markets.engine.state import CASH, TREASURY
from markets.models import Order, Trade
from markets.queries import HoldingInfo, SessionInfo
from oracle import facade as oracle

Names = Mapping[str, str]
_SHOWN_SETTINGS = ("seed", "volatility", "drift", "rho", "rows", "tick_ms", "max_ticks", "loop")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text; `kind` is its CSS class, `note` a smaller text below, `link` (action, query) or `url` where it
    leads."""

    text: str
    kind: str = ""
    note: str = ""
    link: tuple[str, str] | None = None
    url: str = ""

    @property
    def is_badge(self) -> bool:
        """Whether it is drawn as a badge."""
        return self.kind.startswith("status ")

    @property
    def url_name(self) -> str:
        """The page that the link leads to."""
        return f"admin:markets_marketsession_{self.link[0]}" if self.link else ""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What one template draws. `sums` are rows below the line, `older` where the next page begins (0: nowhere)."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    sums: Sequence[Sequence[Cell]] = ()
    empty: str = "Nothing yet."
    older: int = 0


def moment(microseconds: int) -> str:
    """A time to the second, UTC; a dash for none."""
    return isoformat(microseconds)[:19].replace("T", " ") if microseconds else "–"


def number(units: int, decimals: int) -> Cell:
    """An amount, to the right."""
    return Cell(format_units(units, decimals), "num")


def amount(session: SessionInfo, asset: str, units: int) -> str:
    """An amount of a leg or of cash, as text."""
    return format_units(units, session.cash_decimals if asset == CASH else session.quantity_decimals)


def columns_of(*titles: str, figures: Sequence[str] = ()) -> list[Column]:
    """Columns of text, then columns of figures."""
    return [*[Column(title) for title in titles], *[Column(title, "num") for title in figures]]


def holdings(session: SessionInfo, held: Mapping[str, Mapping[str, HoldingInfo]]) -> Table:
    """Who holds what; and that each column adds up to q, cash to what was issued."""
    assets = (*session.legs, CASH)
    decimals = dict.fromkeys(session.legs, session.quantity_decimals) | {CASH: session.cash_decimals}
    nothing = HoldingInfo(0, 0)
    rows = []
    for who, amounts in held.items():
        cells = [Cell(who)]
        for asset in assets:
            holding = amounts.get(asset, nothing)
            note = f"{format_units(holding.reserved, decimals[asset])} reserved" if holding.reserved else ""
            cells.append(Cell(format_units(holding.total, decimals[asset]), "num", note))
        rows.append(cells)
    sums = {asset: sum(amounts.get(asset, nothing).total for amounts in held.values()) for asset in assets}
    wanted = dict(zip(session.legs, session.q, strict=True)) | {CASH: session.cash_issued}
    below = [
        [Cell("Sum"), *[number(sums[asset], decimals[asset]) for asset in assets]],
        [Cell("q, cash issued"), *[number(wanted[asset], decimals[asset]) for asset in assets]],
        [Cell("Conserved"), *[_conserved(sums[asset] - wanted[asset], decimals[asset]) for asset in assets]],
    ]
    return Table(columns_of("", figures=assets), rows, below)


def _conserved(difference: int, decimals: int) -> Cell:
    if not difference:
        return Cell("✓ exact", "num good")
    return Cell(f"✗ off by {format_units(difference, decimals)}", "num bad")


def participants(members: Sequence[MemberInfo], users: Names, *, open_: bool) -> Table:
    """Who takes part, and who they are."""
    rows = [
        [
            Cell(member.handle, "gone" if member.is_removed else "", note="removed" if member.is_removed else ""),
            Cell(member.name or "–"),
            Cell(users.get(member.user, member.user)),
            Cell(moment(member.joined_at), "when"),
            Cell("yes" if member.has_allocation else "no"),
            Cell("Remove", link=("remove", f"participant={member.handle}"))
            if open_ and not member.is_removed
            else Cell(""),
        ]
        for member in members
    ]
    columns = columns_of("Handle", "Display name", "User", "Joined", "Allocated", "")
    return Table(columns, rows, empty="Nobody has joined.")


def orders(session: SessionInfo, rows: Sequence[Order], *, limit: int) -> Table:
    """Orders with their state."""
    cells = [
        [
            Cell(str(row.number)),
            Cell(moment(row.created_at), "when"),
            Cell(row.participant),
            Cell("buy" if row.is_buy else "sell", "good" if row.is_buy else "bad"),
            Cell(row.asset, note="" if row.quote_asset == CASH else f"in {row.quote_asset}"),
            Cell(f"{row.order_type} {row.time_in_force}"),
            Cell(row.status.replace("_", " "), note=row.reason.replace("_", " ")),
            number(row.quantity, session.quantity_decimals),
            number(row.filled, session.quantity_decimals),
            number(row.price, session.price_decimals) if row.price else Cell("–", "num"),
        ]
        for row in rows
    ]
    columns = columns_of("Order", "Placed", "Participant", "Side", "Asset", "Type", "Status")
    columns += columns_of(figures=("Quantity", "Filled", "Price"))
    return Table(columns, cells, older=rows[-1].number if len(rows) == limit else 0)


def trades(session: SessionInfo, rows: Sequence[Trade], busted: set[int], *, limit: int, open_: bool) -> Table:
    """Trades: A gives `leg_from` to B and gets `leg_to`."""

    def scale(asset: str) -> int:
        return session.cash_decimals if asset == CASH else session.quantity_decimals

    def last(row: Trade) -> Cell:
        if row.number in busted:
            return Cell("busted", "bad")
        return Cell("Bust", link=("bust", f"trade={row.number}")) if open_ else Cell("")

    cells = [
        [
            Cell(str(row.number)),
            Cell(moment(row.at), "when"),
            Cell(row.participant_a),
            number(row.amount_from, scale(row.leg_from)),
            Cell(row.leg_from),
            Cell(row.participant_b),
            number(row.amount_to, scale(row.leg_to)),
            Cell(row.leg_to),
            Cell("RFQ" if row.rfq else "book"),
            last(row),
        ]
        for row in rows
    ]
    columns = [*columns_of("Trade", "At", "Giver"), Column("Gives", "num"), Column("")]
    columns += [Column("Other"), Column("Gives", "num"), Column(""), Column("By"), Column("")]
    return Table(columns, cells, older=rows[-1].number if len(rows) == limit else 0)


def events(rows: Sequence[Event], users: Names, *, limit: int) -> Table:
    """The ledger itself."""
    cells = [
        [
            Cell(str(row.seq), "num"),
            Cell(moment(row.at), "when"),
            Cell(row.type),
            Cell(users.get(row.actor, row.actor)),
            Cell(_payload(row.payload), "payload"),
            Cell(row.hash[:10], "hash"),
        ]
        for row in rows
    ]
    columns = [Column("Event", "num"), *columns_of("At", "Type", "Actor", "What", "Hash")]
    return Table(columns, cells, older=rows[-1].seq if len(rows) == limit else 0)


def _payload(text: str) -> str:
    """The payload's members as `name value`, long ones cut: the export has them whole."""
    told = {name: value for name, value in json.loads(text).items() if value != ""}
    parts = [f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in told.items()]
    shown = " · ".join(part.replace('"', "") for part in parts)
    return shown if len(shown) <= 400 else f"{shown[:400]}…"


def basket(session: SessionInfo, prices: Amounts) -> Table:
    """The legs, q, and what they are worth at these prices (in the session's price units)."""
    rows, worth = [], 0
    for leg, units in zip(session.legs, session.q, strict=True):
        price = prices.get(leg)
        worth += units * (price or 0)
        rows.append(
            [
                Cell(leg),
                number(units, session.quantity_decimals),
                Cell("–", "num") if price is None else number(price, session.price_decimals),
                Cell("–", "num") if price is None else number(units * price, session.cash_decimals),
            ]
        )
    total = [Cell("q·S"), Cell(""), Cell(""), number(worth, session.cash_decimals)]
    return Table(columns_of("Leg", figures=("q", "Price S", "q × S")), rows, [total] if prices else ())


def payouts(session: SessionInfo, paid: Amounts, treasury: int, before: Amounts | None = None) -> Table:
    """x·S for everybody; with `before`, what changes."""
    rows = []
    for who, units in [*paid.items(), ("treasury", treasury)]:
        change = []
        if before is not None:
            change = [number(units - before.get(who, 0), session.cash_decimals)]
        rows.append([Cell(who), number(units, session.cash_decimals), *change])
    total = [Cell("Sum, = q·S"), number(sum(paid.values()) + treasury, session.cash_decimals)]
    titles = ("x·S",) if before is None else ("x·S", "Change")
    return Table(columns_of("", figures=titles), rows, [total if before is None else [*total, Cell("")]])


def fixing_source(fixing: Fixing) -> str:
    """A sentence about where prices come from."""
    if not fixing.feed:
        return f"Typed ({fixing.rule}), {moment(fixing.at)} UTC."
    ticks = "1 tick" if fixing.tick_count == 1 else f"{fixing.tick_count} ticks"
    return f"By the rule {fixing.rule} at {moment(fixing.at)} UTC, {ticks}, the last is number {fixing.last_seq}."


def facts(session: SessionInfo, users: Names, *, seq: int, head: str) -> list[tuple[str, str]]:
    """What was agreed, and where the ledger stands."""
    terms = session.terms
    window = f", window {terms.fixing_window // SECOND} s" if terms.fixing_window else ""
    ends = moment(session.t2) if session.t2 else ("by hand" if terms.end_mode == "manual" else "–")
    if not session.t2 and terms.duration:
        ends = f"{terms.duration // (60 * SECOND)} minutes after the start"
    return [
        ("Organiser", users.get(session.organiser, session.organiser)),
        ("Created", moment(session.created_at)),
        ("Starts", moment(session.t1) if session.t1 else terms.start_mode.replace("manual", "by hand")),
        ("Ends", ends),
        ("Closed", moment(session.closed_at)),
        ("Settled", moment(session.settled_at)),
        ("Cash each", format_units(terms.cash_per_participant, session.cash_decimals)),
        ("Fixing", f"{terms.fixing_rule}{window}, price at most {terms.fixing_max_age // SECOND} s old"),
        ("Self-trades", terms.self_trade_prevention.replace("_", " ")),
        ("Ledger", f"{seq} events, head {head[:16]}…"),
    ]


def feed_facts(
    session: SessionInfo, feed: oracle.FeedInfo | None, tick: oracle.TickInfo | None
) -> list[tuple[str, str]]:
    """Where prices come from, and whether they do."""
    if feed is None:
        return [("Feed", "its own"), ("State", "no prices yet")]
    return [("Feed", feed.name if session.feed else "its own"), *shared_feed(feed, tick)]


def shared_feed(feed: oracle.FeedInfo, tick: oracle.TickInfo | None) -> list[tuple[str, str]]:
    """What a feed is, and how far it has come."""
    source = " · ".join(
        f"{name} {_setting(feed.settings[name])}" for name in _SHOWN_SETTINGS if name in feed.settings
    )
    prices = "none yet"
    if tick:
        told = (f"{leg} {format_units(tick.prices[leg], feed.price_decimals)}" for leg in feed.instruments)
        prices = ", ".join(told)
    return [
        ("Source", f"{feed.mode}{f' ({source})' if source else ''}"),
        ("State", feed.status),
        ("Ticks", f"{feed.last_seq}, the last at {moment(tick.published_at)} UTC" if tick else "none yet"),
        ("Prices", prices),
    ]


def feeds(found: Sequence[oracle.FeedInfo]) -> Table:
    """The shared feeds."""
    rows = [
        [
            Cell(feed.name, url=reverse("admin:markets_marketsession_feed", args=[feed.id])),
            Cell(feed.mode),
            Cell(feed.status, f"status status-{feed.status}"),
            Cell(", ".join(feed.instruments)),
            Cell(str(feed.last_seq), "num"),
            Cell(moment(feed.created_at), "when"),
        ]
        for feed in found
    ]
    columns = [*columns_of("Name", "Source", "State", "Instruments"), Column("Ticks", "num"), Column("Made (UTC)")]
    return Table(columns, rows, empty="No feed is shared yet. A session without one gets its own.")


def _setting(value: object) -> str:
    """A setting in a word; one that is the same for every leg is said once."""
    each = {str(one) for one in value.values()} if isinstance(value, dict) else {str(value)}
    return " or ".join(sorted(each))


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key with its times as text."""

    row: KeyRow
    issued: str
    used: str


def keys(rows: Sequence[KeyRow]) -> list[KeyLine]:
    """The keys of a session."""
    return [KeyLine(row, moment(row.created_at), moment(row.last_used_at)) for row in rows]


def people(members: Sequence[MemberInfo], users: Names, codes: Mapping[str, CodeRow], *, now: int) -> Table:
    """Who takes part, and how they sign in."""
    rows = [
        [
            Cell(member.handle, "gone" if member.is_removed else "", note="removed" if member.is_removed else ""),
            Cell(member.name or "–"),
            Cell(users.get(member.user, "–")),
            _code(codes.get(member.user), now),
            Cell("") if member.is_removed else Cell("New code", link=("codes", f"participants={member.handle}")),
            Cell(moment(member.joined_at), "when"),
            Cell("yes" if member.has_allocation else "no"),
            Cell("") if member.is_removed else Cell("Remove", link=("remove", f"participant={member.handle}")),
        ]
        for member in members
    ]
    columns = columns_of("Handle", "Display name", "User", "One-time code", "", "Joined", "Allocated", "")
    return Table(columns, rows, empty="Nobody has joined.")


def _code(code: CodeRow | None, now: int) -> Cell:
    if code is None:
        return Cell("–")
    if code.used_at:
        return Cell("used", "good", note=f"{moment(code.used_at)} UTC")
    if code.expires_at <= now:
        return Cell("too old", "bad")
    return Cell("handed out", note=f"good until {moment(code.expires_at)} UTC")


def roster(session: SessionInfo, lines: Sequence[Line], accounts: Sequence[str]) -> Table:
    """A CSV as it was understood."""
    rows = [
        [
            Cell(str(line.number), "num"),
            Cell(line.handle),
            Cell(line.name or "–"),
            Cell(told),
            *[Cell(line.amounts.get(leg, "–"), "num") for leg in session.legs],
        ]
        for line, told in zip(lines, accounts, strict=True)
    ]
    columns = [Column("Line", "num"), *columns_of("Handle", "Display name", "Account", figures=session.legs)]
    return Table(columns, rows)


def treasury(session: SessionInfo) -> str:
    """What there is to give, in a sentence."""
    if not any(session.q):
        return "The basket has no quantities yet: these amounts fix them."
    held = queries.allocations(session.stream)[TREASURY]
    told = [f"{amount(session, leg, held[leg].total if leg in held else 0)} {leg}" for leg in session.legs]
    return f"The treasury holds {', '.join(told)}."


def priced(session: SessionInfo, prices: Amounts) -> list[tuple[str, str]]:
    """(leg, price as text, – where there is none)."""
    return [
        (leg, format_units(prices[leg], session.price_decimals) if leg in prices else "–") for leg in session.legs
    ]


def acts(rows: Sequence[Event], names: Names, sessions: Mapping[str, tuple[UUID, str]] | None = None) -> Table:
    """Who did what; in which of the `sessions`, where it is not all about one."""
    cells = []
    for row in rows:
        payload = json.loads(row.payload)
        what, shown, where = row.type, _payload(row.payload), Cell(f"event {row.seq}", "when")
        if row.type == "ActRecorded":
            subject, facts = payload["subject"], payload["facts"].items()
            told = [names.get(subject, subject)] if subject else []
            what, shown = payload["act"], " · ".join([*told, *(f"{name} {value}" for name, value in facts if value)])
            where = Cell("outside the ledger", "when") if sessions is None else _session(sessions, payload["stream"])
        cells.append(
            [
                Cell(moment(row.at), "when"),
                Cell(names.get(row.actor, row.actor)),
                Cell(what),
                Cell(shown, "payload"),
                where,
                Cell(row.hash[:10], "hash"),
            ]
        )
    columns = columns_of("When (UTC)", "Who", "Did", "What", "Where" if sessions is None else "Session", "Hash")
    return Table(columns, cells, empty="Nothing was done yet.")


def _session(sessions: Mapping[str, tuple[UUID, str]], stream: str) -> Cell:
    if stream not in sessions:
        return Cell("–")
    found, name = sessions[stream]
    return Cell(name, "when", url=reverse("admin:markets_marketsession_audit", args=[found]))
