"""What has just happened, in numbers for the chart and in sentences for the reader. Pushed, never part of a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.clock import SECOND
from common.money import format_units
from ledger.domain import Committed
from markets import queries
from markets.engine import events as e
from markets.engine.state import CASH, RATE_DECIMALS
from markets.models import Order, Quote, Rfq, Trade
from markets.queries import SessionInfo
from markets.web.prices import Quoted

Line = tuple[int, str, str]
"""(the event's seq, good | bad | news, a sentence)."""
_MS = SECOND // 1000
_LIFE: dict[type, tuple[str, str]] = {
    e.SessionStarted: ("news", "The session has started: trading is open."),
    e.SessionHalted: ("bad", "Trading is halted."),
    e.SessionResumed: ("news", "Trading goes on."),
    e.SessionClosed: ("news", "The session is closed: nobody trades any more."),
    e.SessionSettled: ("news", "The session is settled: everybody is paid x·S."),
    e.SettlementCorrected: ("news", "The settlement was corrected."),
    e.SessionCancelled: ("bad", "The session was called off: nothing is paid."),
}
_ORDERS_LOST = {
    "gtd": "has expired",
    "countdown": "was cancelled: your countdown ran out",
    "disconnected": "was cancelled: your connection ended",
    "self_trade_prevention": "was cancelled: it would have met an order of your own",
    "participant_removed": "was cancelled: you were removed",
}
_QUOTES_LOST = {
    "another_accepted": "was not taken: another one was",
    "rfq_cancelled": "is void: the request was cancelled",
    "rfq_expired": "is void: the request has expired",
    "expired": "has expired",
}
"""What others or the clock did. Other reasons were in the answer to one's own form, or are everybody's."""


@dataclass(frozen=True, slots=True)
class Happened:
    """The rows that some events are about: read once, whoever is told."""

    session: SessionInfo
    events: Sequence[Committed]
    trades: Sequence[Trade]
    orders: Mapping[int, Order]
    quotes: Mapping[int, tuple[Quote, Rfq]]

    @property
    def concerned(self) -> frozenset[str]:
        """Whose orders changed."""
        return frozenset(order.participant for order in self.orders.values())


def happened(session: SessionInfo, events: Sequence[Committed]) -> Happened:
    """At most one query for each kind of row."""
    trades: set[int] = set()
    orders: set[int] = set()
    quotes: set[int] = set()
    for item in events:
        match item.event:
            case e.OrderMatched(maker=maker, taker=taker):
                trades.add(item.seq)
                orders.update((maker, taker))
            case e.TradeExecuted():
                trades.add(item.seq)
            case e.OrderPlaced():
                orders.add(item.seq)
            case e.OrderReplaced(order=order) | e.OrderCancelled(order=order) | e.OrderExpired(order=order):
                orders.add(order)
            case e.QuoteProvided():
                quotes.add(item.seq)
            case e.QuoteRejected(quote=quote) | e.QuoteExpired(quote=quote):
                quotes.add(quote)
    stream = session.stream
    return Happened(
        session,
        events,
        queries.trades_numbered(stream, trades) if trades else [],
        queries.orders_numbered(stream, orders) if orders else {},
        queries.rfqs_of_quotes(stream, quotes) if quotes else {},
    )


def public(found: Happened, ticks: Sequence[Quoted]) -> dict[str, str]:
    """For the element `head`: ticks as [seq, ms, prices by leg], trades of books, and what became of the session."""
    session = found.session
    shown = [[tick.seq, tick.at // _MS, [tick.prices.get(leg) for leg in session.legs]] for tick in ticks]
    trades = [_print(session, row) for row in found.trades if row.maker]
    return {"ticks": _json(shown), "trades": _json(trades), "told": _json(_life(found.events))}


def own(found: Happened, handle: str) -> dict[str, str] | None:
    """For the element `own`: the fills of `handle`, and what they should know; None where there is nothing."""
    fills = [row for row in found.trades if handle in {row.participant_a, row.participant_b}]
    told = _fill_lines(found.session, fills, handle)
    for item in found.events:
        told += _own_line(found, item, handle)
    if not told:
        return None
    marks = [fill(found.session, row, handle) for row in fills if row.maker]
    return {"fills": _json(marks), "told": _json(sorted(told))}


def fill(session: SessionInfo, row: Trade, handle: str) -> list[object]:
    """A trade of one's own for the chart: [number, ms, leg, quote, price, quantity, +1 bought | -1 sold | 0 both]."""
    bought, sold = row.participant_b == handle, row.participant_a == handle
    return [*_print(session, row)[:6], int(bought) - int(sold)]


def _print(session: SessionInfo, row: Trade) -> list[object]:
    """[number, ms, leg, quote leg or -1, price, quantity, taker's side]."""
    quote = -1 if row.leg_to == CASH else session.legs.index(row.leg_to)
    side = 1 if row.taker_is_buy else -1
    return [row.number, row.at // _MS, session.legs.index(row.leg_from), quote, row.price, row.amount_from, side]


def _life(events: Sequence[Committed]) -> list[Line]:
    found = []
    for item in events:
        if type(item.event) in _LIFE:
            kind, text = _LIFE[type(item.event)]
            reason = getattr(item.event, "reason", "")
            found.append((item.seq, kind, f"{text} {reason}".strip()))
        elif isinstance(item.event, e.AnnouncementMade) and not item.event.participant:
            found.append((item.seq, "news", f"The organiser says: {item.event.text}"))
    return found


def _fill_lines(session: SessionInfo, rows: Sequence[Trade], handle: str) -> list[Line]:
    """A sentence for each swap, and one for all that was bought or sold of a leg in one book, however many trades."""
    told: list[Line] = []
    alike: dict[tuple[str, str, bool], list[Trade]] = {}
    for row in rows:
        gave = row.participant_a == handle
        if row.maker:
            alike.setdefault((row.leg_from, row.leg_to, gave), []).append(row)
        else:
            told.append(_swap_line(session, row, gave=gave))
    told += [_fill_line(session, trades, gave=gave) for (_, _, gave), trades in alike.items()]
    return told


def _swap_line(session: SessionInfo, row: Trade, *, gave: bool) -> Line:
    one = f"{_trim(row.amount_from, session.quantity_decimals)} {row.leg_from}"
    other = f"{_trim(row.amount_to, session.quantity_decimals)} {row.leg_to}"
    gave_text, got_text = (one, other) if gave else (other, one)
    return row.number, "good", f"Swapped {gave_text} for {got_text}."


def _fill_line(session: SessionInfo, trades: Sequence[Trade], *, gave: bool) -> Line:
    last = trades[-1]
    quantity = sum(row.amount_from for row in trades)
    average = sum(row.amount_from * row.price for row in trades) // quantity
    price = format_units(average, session.price_decimals)
    unit = "" if last.leg_to == CASH else f" {last.leg_to}"
    amount = f"{_trim(quantity, session.quantity_decimals)} {last.leg_from}"
    how = "" if len(trades) == 1 else f" on average, in {len(trades)} trades"
    return last.number, "good", f"{'Sold' if gave else 'Bought'} {amount} at {price}{unit}{how}."


def _own_line(found: Happened, item: Committed, handle: str) -> list[Line]:
    """What the market, the clock or somebody else did to what is `handle`'s."""
    session, event = found.session, item.event
    match event:
        case e.AnnouncementMade(participant=to, text=text):
            return [(item.seq, "news", f"The organiser says to you alone: {text}")] if to == handle else []
        case e.OrderExpired(order=number, reason=why) | e.OrderCancelled(order=number, reason=why):
            order = found.orders.get(number)
            if order is not None and order.participant == handle and why in _ORDERS_LOST:
                side = "buy" if order.is_buy else "sell"
                return [(item.seq, "news", f"Your {side} order for {order.asset} {_ORDERS_LOST[why]}.")]
        case e.RFQRequested(participant=who, leg_from=gives, leg_to=wants, amount_from=units):
            amount = f"{_trim(units, session.quantity_decimals)} {gives}"
            return [(item.seq, "news", f"{who} asks for quotes: {amount} for {wants}.")] if who != handle else []
        case e.QuoteProvided():
            quote, rfq = found.quotes[item.seq]
            if rfq.participant == handle:
                rate = _trim(quote.rate, RATE_DECIMALS)
                back = f"{_trim(quote.amount_to, session.quantity_decimals)} {rfq.leg_to}"
                return [(item.seq, "news", f"{quote.participant} quotes {rate}: {back} for your {rfq.leg_from}.")]
        case e.QuoteRejected(quote=number, reason=why) | e.QuoteExpired(quote=number, reason=why):
            quote, rfq = found.quotes[number]
            if quote.participant == handle and why in _QUOTES_LOST:
                return [(item.seq, "news", f"Your quote of {_trim(quote.rate, RATE_DECIMALS)} {_QUOTES_LOST[why]}.")]
    return []


def _trim(units: int, decimals: int) -> str:
    text = format_units(units, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
