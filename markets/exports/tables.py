"""A session's data as tables of plain values, each column described: what every export format writes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db.models import Model

from accounts import roster
from ledger import store
from markets.engine.state import CASH
from markets.exports.cells import Column, Value
from markets.exports.pseudonyms import Pseudonyms
from markets.handlers.sessions import feed_of
from markets.models import (
    Announcement,
    DisplayName,
    Holding,
    Order,
    Participant,
    Quote,
    Rfq,
    Settlement,
    Trade,
    TradeBust,
)
from markets.queries import SessionInfo, ended_at
from oracle import facade as oracle

Row = Sequence[Value]
_AT_ONCE = 2_000
_RATE_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` begins to read when it is called, and holds no more than a few thousand rows at a time."""

    name: str
    meaning: str
    columns: Sequence[Column]
    rows: Callable[[], Iterator[Row]]


def tables(session: SessionInfo, names: Pseudonyms) -> list[Table]:
    """Everything there is to export of a session."""
    makers = (
        _participants,
        _holdings,
        _orders,
        _trades,
        _rfqs,
        _quotes,
        _ticks,
        _settlement,
        _announcements,
        _events,
    )
    return [make(session, names) for make in makers]


TABLES = (
    "participants",
    "holdings",
    "orders",
    "trades",
    "rfqs",
    "quotes",
    "ticks",
    "settlement",
    "announcements",
    "events",
)


def codebook(found: Sequence[Table]) -> Table:
    """What every column of the other tables means."""
    columns = [
        Column("table", "text", "The table."),
        Column("column", "text", "The column."),
        Column("type", "text", "text, whole, decimal (exact), time (UTC, microseconds) or flag."),
        Column("decimals", "whole", "How many decimals a decimal has."),
        Column("meaning", "text", "What it says."),
    ]
    rows = [
        (table.name, column.name, column.kind, column.decimals if column.kind == "decimal" else None, column.meaning)
        for table in found
        for column in table.columns
    ]
    return Table("codebook", "What every column means.", columns, lambda: iter(rows))


def _read(model: type[Model], session: SessionInfo, *order: str) -> Iterator[Any]:
    rows = model._default_manager.filter(stream_id=session.stream).order_by(*order)
    return rows.iterator(chunk_size=_AT_ONCE)


def _quantity(session: SessionInfo, name: str, meaning: str) -> Column:
    return Column(name, "decimal", meaning, session.quantity_decimals)


def _price(session: SessionInfo, name: str, meaning: str) -> Column:
    return Column(name, "decimal", meaning, session.price_decimals)


def _cash(session: SessionInfo, name: str, meaning: str) -> Column:
    return Column(name, "decimal", meaning, session.cash_decimals)


def _amount(session: SessionInfo, asset: str, units: int) -> int:
    """An amount of a leg or of cash in units of cash, the finer of the two scales."""
    return units if asset == CASH else units * 10**session.price_decimals


def _participants(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("participant", "text", "The handle."),
        Column("name", "text", "What they want to be called; empty in a pseudonymous export."),
        Column("user", "text", "The name they sign in with; empty in a pseudonymous export."),
        Column("joined_at", "time", "When they joined."),
        _cash(session, "cash_issued", "The cash they were given."),
        Column("has_allocation", "flag", "Whether they were given legs."),
        Column("is_removed", "flag", "Whether the organiser removed them."),
    ]

    def rows() -> Iterator[Row]:
        called = dict(DisplayName.objects.filter(stream_id=session.stream).values_list("handle", "name"))
        people = list(_read(Participant, session, "joined_seq"))
        users = roster.names_of(row.user for row in people)
        for row in people:
            yield (
                names.who(row.handle),
                names.text(called.get(row.handle, "")),
                names.text(users.get(row.user, "")),
                row.joined_at,
                row.cash_issued,
                row.has_allocation,
                row.is_removed,
            )

    return Table("participants", "Who took part.", columns, rows)


def _holdings(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("participant", "text", "The handle; treasury for what nobody was given."),
        Column("asset", "text", "A leg, or CASH."),
        _cash(session, "total", "What they hold."),
        _cash(session, "reserved", "How much of it stands behind open orders and firm quotes."),
    ]

    def rows() -> Iterator[Row]:
        for row in _read(Holding, session, "participant", "asset"):
            held = [_amount(session, row.asset, units) for units in (row.total, row.reserved)]
            yield names.who(row.participant), row.asset, *held

    return Table("holdings", "Who holds what now.", columns, rows)


def _orders(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("order", "whole", "The number of the event that placed it."),
        Column("participant", "text", "Whose it is."),
        Column("asset", "text", "What is bought or sold."),
        Column("quote_asset", "text", "What it is paid in: CASH, or a leg."),
        Column("side", "text", "buy or sell."),
        Column("order_type", "text", "limit or market."),
        _quantity(session, "quantity", "How much was ordered."),
        _price(session, "price", "The limit; empty for market orders."),
        Column("time_in_force", "text", "gtc, gtd, ioc or fok."),
        Column("expires_at", "time", "The end of a gtd order."),
        Column("post_only", "flag", "Whether it may only rest."),
        Column("client_order_id", "text", "The owner's own id; empty in a pseudonymous export."),
        _quantity(session, "filled", "How much was filled, busted trades included."),
        Column("status", "text", "open, partially_filled, filled, cancelled or expired."),
        Column("reason", "text", "Why it was cancelled or expired."),
        Column("created_at", "time", "When it was placed."),
        Column("updated_at", "time", "When it last changed."),
    ]

    def rows() -> Iterator[Row]:
        for row in _read(Order, session, "number"):
            yield (
                row.number,
                names.who(row.participant),
                row.asset,
                row.quote_asset,
                "buy" if row.is_buy else "sell",
                row.order_type,
                row.quantity,
                row.price or None,
                row.time_in_force,
                row.expires_at or None,
                row.post_only,
                names.text(row.client_order_id),
                row.filled,
                row.status,
                row.reason,
                row.created_at,
                row.updated_at,
            )

    return Table("orders", "Every order and what became of it.", columns, rows)


def _trades(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("trade", "whole", "The number of the event that made it."),
        Column("at", "time", "When."),
        Column("participant_a", "text", "Who gave leg_from; in the order book the seller."),
        Column("participant_b", "text", "Who got leg_from and gave leg_to."),
        Column("leg_from", "text", "What a gave."),
        _cash(session, "amount_from", "How much of it."),
        Column("leg_to", "text", "What b gave: CASH, or a leg."),
        _cash(session, "amount_to", "How much of it."),
        _price(session, "price", "The maker's price; empty for an RFQ's trade."),
        Column("maker_order", "whole", "The order that rested; empty for an RFQ's trade."),
        Column("taker_order", "whole", "The order that came; empty for an RFQ's trade."),
        Column("taker_side", "text", "buy or sell; empty for an RFQ's trade."),
        Column("rfq", "whole", "The RFQ, for its trade."),
        Column("quote", "whole", "The quote that was accepted."),
        Column("is_busted", "flag", "Whether it was undone."),
    ]

    def rows() -> Iterator[Row]:
        undone = set(TradeBust.objects.filter(stream_id=session.stream).values_list("trade", flat=True))
        for row in _read(Trade, session, "number"):
            side = "buy" if row.taker_is_buy else "sell"
            yield (
                row.number,
                row.at,
                names.who(row.participant_a),
                names.who(row.participant_b),
                row.leg_from,
                _amount(session, row.leg_from, row.amount_from),
                row.leg_to,
                _amount(session, row.leg_to, row.amount_to),
                row.price or None,
                row.maker or None,
                row.taker or None,
                None if row.rfq else side,
                row.rfq or None,
                row.quote or None,
                row.number in undone,
            )

    return Table("trades", "Every trade.", columns, rows)


def _rfqs(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("rfq", "whole", "The number of the event that made it."),
        Column("participant", "text", "Who asked."),
        Column("leg_from", "text", "What they give."),
        _quantity(session, "amount_from", "How much of it."),
        Column("leg_to", "text", "What they want for it."),
        Column("status", "text", "open, executed, cancelled or expired."),
        Column("reason", "text", "Why it was cancelled or expired."),
        Column("created_at", "time", "When."),
        Column("expires_at", "time", "Until when."),
    ]

    def rows() -> Iterator[Row]:
        for row in _read(Rfq, session, "number"):
            yield (
                row.number,
                names.who(row.participant),
                row.leg_from,
                row.amount_from,
                row.leg_to,
                row.status,
                row.reason,
                row.created_at,
                row.expires_at or None,
            )

    return Table("rfqs", "Every request for quotes.", columns, rows)


def _quotes(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("quote", "whole", "The number of the event that made it."),
        Column("rfq", "whole", "What it answers."),
        Column("participant", "text", "Who quoted."),
        Column("rate", "decimal", "leg_to for one of leg_from.", _RATE_DECIMALS),
        Column("leg_to", "text", "What they give."),
        _quantity(session, "amount_to", "How much of it."),
        Column("firm", "flag", "Whether it was reserved."),
        Column("status", "text", "open, accepted, rejected, withdrawn or expired."),
        Column("reason", "text", "Why it ended."),
        Column("created_at", "time", "When."),
        Column("expires_at", "time", "Until when."),
    ]

    def rows() -> Iterator[Row]:
        for row in _read(Quote, session, "number"):
            yield (
                row.number,
                row.rfq,
                names.who(row.participant),
                row.rate,
                row.leg_to,
                row.amount_to,
                row.firm,
                row.status,
                row.reason,
                row.created_at,
                row.expires_at or None,
            )

    return Table("quotes", "Every quote.", columns, rows)


def _ticks(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("tick", "whole", "Its number on the feed."),
        Column("published_at", "time", "When it was published here: what counts."),
        Column("source_at", "time", "The time that its source gave it."),
        Column("leg", "text", "The leg."),
        _price(session, "price", "Its price."),
    ]

    def rows() -> Iterator[Row]:
        for tick, decimals in _ticks_of(session):
            factor = 10 ** (session.price_decimals - decimals)
            for leg in session.legs:
                if leg in tick.prices:
                    yield tick.seq, tick.published_at, tick.source_at, leg, tick.prices[leg] * factor

    return Table("ticks", "The prices while the session ran.", columns, rows)


def _ticks_of(session: SessionInfo) -> Iterator[tuple[oracle.TickInfo, int]]:
    """The ticks of the session's time: a shared feed has others before and after it."""
    known = {feed.name: feed for feed in oracle.list_feeds()}
    feed = known.get(feed_of(session))
    end = ended_at(session) or (1 << 62)
    seq = 0
    while feed is not None:
        found = oracle.ticks_after(feed.id, seq=seq, limit=1000)
        for tick in found:
            if session.created_at <= tick.published_at <= end:
                yield tick, feed.price_decimals
        if len(found) < 1000:
            return
        seq = found[-1].seq


def _settlement(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("seq", "whole", "The event that settled, or corrected the settlement. The last one holds."),
        Column("at", "time", "When."),
        Column("what", "text", "price or payout."),
        Column("of", "text", "The leg, or the participant; treasury for what nobody was given."),
        _cash(session, "amount", "The leg's price S, or the payout x·S."),
        Column("rule", "text", "How the prices were fixed: last, twap, median or manual."),
        Column("reason", "text", "Why it was corrected; empty in a pseudonymous export."),
    ]

    def rows() -> Iterator[Row]:
        for row in _read(Settlement, session, "seq"):
            fixing: dict[str, Any] = msgspec.json.decode(row.fixing)
            end = fixing["rule"], names.text(row.reason)
            for leg, price in fixing["prices"].items():
                yield row.seq, row.at, "price", leg, price * 10**session.quantity_decimals, *end
            payouts = {**msgspec.json.decode(row.payouts), "treasury": row.treasury}
            for who, units in payouts.items():
                yield row.seq, row.at, "payout", names.who(who), units, *end

    return Table("settlement", "The fixing and what it paid.", columns, rows)


def _announcements(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("seq", "whole", "The event."),
        Column("at", "time", "When."),
        Column("participant", "text", "Who alone was told; empty for everybody."),
        Column("text", "text", "What was said; empty in a pseudonymous export."),
    ]

    def rows() -> Iterator[Row]:
        for row in _read(Announcement, session, "seq"):
            yield row.seq, row.at, names.who(row.participant), names.text(row.text)

    return Table("announcements", "What the organiser said.", columns, rows)


def _events(session: SessionInfo, names: Pseudonyms) -> Table:
    columns = [
        Column("seq", "whole", "Its number, without gaps."),
        Column("at", "time", "When."),
        Column("type", "text", "What happened."),
        Column("version", "whole", "The version of its shape."),
        Column("actor", "text", "The opaque id of who did it."),
        Column("payload", "text", "The facts as JSON, in integer units (docs/events.md)."),
        Column(
            "hash",
            "text",
            "The chain's hash; empty in a pseudonymous export: its payloads are not hashed.",
        ),
    ]

    def rows() -> Iterator[Row]:
        for seq, kind, version, payload, actor, _, at, digest in store.read_raw(session.stream):
            yield seq, at, kind, version, names.user(actor), names.payload(payload), names.text(digest)

    return Table("events", "The ledger, event by event.", columns, rows)
