"""What the outside sees: rows and infos → plain dicts, numbers as text at the session's scale, times in RFC 3339.

Pure functions. The API, the live feed and the pages all answer these shapes.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from common.clock import SECOND, isoformat
from common.ids import public_id
from common.money import format_units
from ledger.domain import Committed
from markets.engine.events import AnnouncementMade, Fixing, OrderCancelled, OrderExpired, OrderPlaced, OrderReplaced
from markets.engine.state import CASH, RATE_DECIMALS, TREASURY
from markets.handlers.orders import OrderReceipt
from markets.models import Announcement, Order, Quote, Rfq, Trade
from markets.queries import BookInfo, BookLevel, HoldingInfo, ParticipantInfo, SessionInfo, SettlementInfo
from markets.valuation import Candle, Prices, Standing
from oracle.facade import FeedInfo, TickInfo

Shape = dict[str, Any]


def moment(at: int | None) -> str | None:
    """µs → text; 0 and None are null."""
    return isoformat(at) if at else None


def quantity(session: SessionInfo, units: int) -> str:
    """A quantity of a leg."""
    return format_units(units, session.quantity_decimals)


def price(session: SessionInfo, units: int) -> str:
    """A price per unit, in cash or in another leg."""
    return format_units(units, session.price_decimals)


def cash(session: SessionInfo, units: int) -> str:
    """An amount of cash, exact."""
    return format_units(units, session.cash_decimals)


def amount(session: SessionInfo, asset: str, units: int) -> str:
    """An amount of a leg or of CASH."""
    return cash(session, units) if asset == CASH else quantity(session, units)


def rate(units: int) -> str:
    """A quote's rate."""
    return format_units(units, RATE_DECIMALS)


def listing(session: SessionInfo) -> Shape:
    """What everybody who is signed in may know of a session."""
    return {
        "session_id": session.session_id,
        "legs": list(session.legs),
        "q": [quantity(session, units) for units in session.q],
        "status": session.status,
        "start_mode": session.terms.start_mode,
        "end_mode": session.terms.end_mode,
        "t1": moment(session.t1),
        "t2": moment(session.t2),
        "created_at": moment(session.created_at),
        "closed_at": moment(session.closed_at),
        "settled_at": moment(session.settled_at),
        "imported": session.is_imported,
    }


def session(info: SessionInfo) -> Shape:
    """A session with its terms, as its members see it."""
    terms, bounds = info.terms, info.terms.bounds
    return {
        **listing(info),
        "duration_minutes": terms.duration // (60 * SECOND) or None,
        "quantity_decimals": info.quantity_decimals,
        "price_decimals": info.price_decimals,
        "cash_per_participant": cash(info, terms.cash_per_participant),
        "cash_issued": cash(info, info.cash_issued),
        "feed": info.feed or None,
        "fixing": terms.fixing_rule,
        "fixing_window": terms.fixing_window // SECOND,
        "fixing_max_age": terms.fixing_max_age // SECOND,
        "self_trade_prevention": terms.self_trade_prevention,
        "bounds": {
            "min_quantity": _bound(bounds.min_quantity, info.quantity_decimals),
            "max_quantity": _bound(bounds.max_quantity, info.quantity_decimals),
            "price_band_percent": _bound(bounds.price_band, 2),
            "max_open_orders": bounds.max_open_orders or None,
            "orders_per_second": bounds.orders_per_second or None,
            "order_burst": bounds.order_burst or None,
        },
        "leg_lot": quantity(info, terms.lot),
        "leg_tick": price(info, terms.tick),
        "last_fixing": fixing(info, info.fixing) if info.fixing else None,
    }


def _bound(units: int, decimals: int) -> str | None:
    return format_units(units, decimals) if units else None


def fixing(info: SessionInfo, found: Fixing) -> Shape:
    """The prices that a session is settled at, and what they were made of."""
    return {
        "rule": found.rule,
        "at": moment(found.at),
        "prices": {leg: price(info, units) for leg, units in found.prices.items()},
        "feed": found.feed or None,
        "window": found.window // SECOND,
        "tick_count": found.tick_count,
        "first_tick": found.first_seq or None,
        "last_tick": found.last_seq or None,
        "ticks_sha256": found.ticks_sha256 or None,
    }


def participant(info: SessionInfo, person: ParticipantInfo) -> Shape:
    return {
        "participant_id": person.handle,
        "session_id": info.session_id,
        "name": person.name,
        "joined_at": moment(person.joined_at),
    }


def allocations(info: SessionInfo, held: Mapping[str, Mapping[str, HoldingInfo]], own: Collection[str]) -> Shape:
    """Everybody's totals; what is reserved only of those whom the reader acts for. Σ per leg == q."""
    return {
        "session_id": info.session_id,
        "q": dict(zip(info.legs, (quantity(info, units) for units in info.q), strict=True)),
        "cash_issued": cash(info, info.cash_issued),
        "allocations": {
            who: {
                asset: holding(info, asset, assets.get(asset, _NOTHING), private=who in own)
                for asset in _assets(info)
            }
            for who, assets in held.items()
        },
    }


_NOTHING = HoldingInfo(0, 0)


def _assets(info: SessionInfo) -> tuple[str, ...]:
    return (*info.legs, CASH)


def holding(info: SessionInfo, asset: str, held: HoldingInfo, *, private: bool) -> Shape:
    """One holding. `private`: with what is reserved, for its owner."""
    shown = {"total": amount(info, asset, held.total)}
    if private:
        shown["reserved"] = amount(info, asset, held.reserved)
        shown["available"] = amount(info, asset, held.available)
    return shown


def assigned(info: SessionInfo, amounts: Mapping[str, Mapping[str, int]]) -> Shape:
    """What one assignment gave to each."""
    return {
        "session_id": info.session_id,
        "assigned": {
            who: {leg: quantity(info, units) for leg, units in legs.items()} for who, legs in amounts.items()
        },
    }


def order(info: SessionInfo, row: Order, trades: Sequence[Trade]) -> Shape:
    """An order as it is now, with its trades; for its owner."""
    return _order(info, row, row.number, _fills(info, row.number, trades))


def receipt(info: SessionInfo, done: OrderReceipt, trades: Sequence[Trade] = ()) -> Shape:
    """An order as a command left it, with its trades so far: `trades` are all of them where it had some before."""
    fills = _fills(info, done.number, trades) or [
        _fill(info, fill.trade, fill.quantity, fill.price, fill.at, is_maker=fill.is_maker) for fill in done.fills
    ]
    return _order(info, done, done.number, fills)


def _fills(info: SessionInfo, number: int, trades: Sequence[Trade]) -> list[Shape]:
    return [
        _fill(info, trade.number, trade.amount_from, trade.price, trade.at, is_maker=trade.maker == number)
        for trade in trades
    ]


def _order(info: SessionInfo, facts: Order | OrderReceipt, number: int, fills: list[Shape]) -> Shape:
    return {
        "order_id": public_id(info.stream, number),
        "session_id": info.session_id,
        "participant_id": facts.participant,
        "asset": facts.asset,
        "quote_asset": facts.quote_asset,
        "side": "buy" if facts.is_buy else "sell",
        "order_type": facts.order_type,
        "quantity": quantity(info, facts.quantity),
        "price": price(info, facts.price) if facts.price else None,
        "filled_quantity": quantity(info, facts.filled),
        "remaining_quantity": quantity(info, facts.quantity - facts.filled),
        "status": facts.status,
        "reason": facts.reason or None,
        "time_in_force": facts.time_in_force,
        "expires_at": moment(facts.expires_at),
        "post_only": facts.post_only,
        "client_order_id": facts.client_order_id or None,
        "created_at": moment(facts.created_at),
        "updated_at": moment(facts.updated_at),
        "trades": fills,
    }


def _fill(info: SessionInfo, number: int, units: int, at_price: int, at: int, *, is_maker: bool) -> Shape:
    return {
        "trade_id": public_id(info.stream, number),
        "quantity": quantity(info, units),
        "price": price(info, at_price),
        "liquidity": "maker" if is_maker else "taker",
        "executed_at": moment(at),
    }


def trade(info: SessionInfo, row: Trade, *, is_busted: bool = False) -> Shape:
    """A trade as every member sees it. a gave `leg_from` to b; in an order-book trade a is the seller."""
    in_book = bool(row.maker)
    return {
        "trade_id": public_id(info.stream, row.number),
        "session_id": info.session_id,
        "rfq_id": public_id(info.stream, row.rfq) if row.rfq else None,
        "quote_id": public_id(info.stream, row.quote) if row.quote else None,
        "participant_a": row.participant_a,
        "participant_b": row.participant_b,
        "leg_from": row.leg_from,
        "leg_to": row.leg_to,
        "amount_from": amount(info, row.leg_from, row.amount_from),
        "amount_to": amount(info, row.leg_to, row.amount_to),
        "price": price(info, row.price) if in_book else None,
        "taker_side": ("buy" if row.taker_is_buy else "sell") if in_book else None,
        "executed_at": moment(row.at),
        "busted": is_busted,
    }


def rfq(info: SessionInfo, row: Rfq) -> Shape:
    return {
        "rfq_id": public_id(info.stream, row.number),
        "session_id": info.session_id,
        "requester_id": row.participant,
        "leg_from": row.leg_from,
        "leg_to": row.leg_to,
        "amount_from": quantity(info, row.amount_from),
        "status": row.status,
        "reason": row.reason or None,
        "expires_at": moment(row.expires_at),
        "created_at": moment(row.created_at),
    }


def quote(info: SessionInfo, row: Quote) -> Shape:
    return {
        "quote_id": public_id(info.stream, row.number),
        "rfq_id": public_id(info.stream, row.rfq),
        "session_id": info.session_id,
        "quoter_id": row.participant,
        "rate": rate(row.rate),
        "leg_to": row.leg_to,
        "amount_to": quantity(info, row.amount_to),
        "firm": row.firm,
        "status": row.status,
        "reason": row.reason or None,
        "expires_at": moment(row.expires_at),
        "created_at": moment(row.created_at),
    }


def book(info: SessionInfo, found: BookInfo) -> Shape:
    """Both sides of a book, best price first."""
    return {
        "session_id": info.session_id,
        "asset": found.asset,
        "quote_asset": found.quote_asset,
        "bids": [level(info, entry) for entry in found.bids],
        "asks": [level(info, entry) for entry in found.asks],
    }


def level(info: SessionInfo, entry: BookLevel) -> Shape:
    return {"price": price(info, entry.price), "quantity": quantity(info, entry.quantity), "orders": entry.orders}


def tick(found: TickInfo, price_decimals: int, legs: Collection[str] | None = None) -> Shape:
    """One set of prices, at the feed's own scale; of `legs` only where given."""
    return {
        "feed_seq": found.seq,
        "prices": {
            leg: format_units(units, price_decimals)
            for leg, units in found.prices.items()
            if legs is None or leg in legs
        },
        "source_at": moment(found.source_at),
        "published_at": moment(found.published_at),
        "restart": found.restart,
    }


def feed(found: FeedInfo, *, with_settings: bool) -> Shape:
    """A feed. Its settings (a sim's seed foretells its prices) are for organisers."""
    return {
        "feed_id": str(found.id),
        "name": found.name,
        "mode": found.mode,
        "status": found.status,
        "instruments": list(found.instruments),
        "price_decimals": found.price_decimals,
        "last_seq": found.last_seq,
        "created_at": moment(found.created_at),
        "started_at": moment(found.started_at),
        "settings": found.settings if with_settings else None,
    }


def settlement(info: SessionInfo, found: SettlementInfo, head_hash: str) -> Shape:
    """Who is paid what: Σ payouts + treasury.payout == q·S, Σ cash + treasury.cash == what was issued."""
    worth = sum(units * found.fixing.prices[leg] for leg, units in zip(info.legs, info.q, strict=True))
    return {
        "session_id": info.session_id,
        "settlement_prices": {leg: price(info, units) for leg, units in found.fixing.prices.items()},
        "fixing": fixing(info, found.fixing),
        "payouts": {who: cash(info, units) for who, units in found.payouts.items()},
        "cash": {who: cash(info, units) for who, units in found.cash.items()},
        TREASURY: {"payout": cash(info, found.treasury_payout), "cash": cash(info, found.treasury_cash)},
        "totals": {
            "payouts": cash(info, sum(found.payouts.values()) + found.treasury_payout),
            "basket": cash(info, worth),
            "cash": cash(info, sum(found.cash.values()) + found.treasury_cash),
            "cash_issued": cash(info, info.cash_issued),
        },
        "reason": found.reason or None,
        "settled_at": moment(found.at),
        "head_hash": head_hash or None,
    }


def ids(stream: UUID, numbers: Sequence[int]) -> list[str]:
    """The outside names of orders, trades, RFQs or quotes."""
    return [public_id(stream, number) for number in numbers]


def standing(info: SessionInfo, found: Standing) -> Shape:
    """A line of the leaderboard."""
    return {
        "rank": found.rank,
        "participant_id": found.handle,
        "name": found.name,
        "cash": cash(info, found.cash),
        "value": cash(info, found.value),
        "pnl": cash(info, found.gain),
    }


def portfolio(info: SessionInfo, found: Standing, prices: Prices) -> Shape:
    """What one participant has and what it is worth; for its owner."""
    holdings = {}
    for asset in _assets(info):
        held = found.holdings.get(asset, _NOTHING)
        unit = 10**info.price_decimals if asset == CASH else prices.by_leg.get(asset)
        worth = held.total if asset == CASH else held.total * (unit or 0)
        holdings[asset] = {
            **holding(info, asset, held, private=True),
            "price": price(info, unit) if unit is not None else None,
            "value": cash(info, worth) if unit is not None else None,
        }
    return {
        "session_id": info.session_id,
        **standing(info, found),
        "holdings": holdings,
        "prices_from": prices.source,
        "prices_at": moment(prices.at),
    }


def candle(info: SessionInfo, found: Candle) -> Shape:
    return {
        "at": moment(found.start),
        "open": price(info, found.open),
        "high": price(info, found.high),
        "low": price(info, found.low),
        "close": price(info, found.close),
        "volume": quantity(info, found.volume),
    }


def event(found: Committed, *, readable: bool, sent: bool) -> Shape:
    """A ledger event; `payload` is the text that was hashed. One that isn't the reader's only keeps its place. The id
    under which a command came, a client_order_id among them, is its sender's (`sent`) alone."""
    return {
        "seq": found.seq,
        "type": found.type,
        "version": found.version,
        "at": moment(found.at),
        "actor": found.actor if readable else None,
        "command_id": (found.command_id or None) if readable and sent else None,
        "payload": found.payload if readable else None,
        "hash": found.hash,
        "withheld": not readable,
    }


def announcement(info: SessionInfo, row: Announcement) -> Shape:
    """What was said; `participant_id` is who alone was told, null for everybody."""
    return {
        "announcement_id": public_id(info.stream, row.seq),
        "session_id": info.session_id,
        "participant_id": row.participant or None,
        "text": row.text,
        "announced_at": moment(row.at),
    }


def private_announcement(found: Committed) -> str:
    """Who alone was told what this event says; "" for all other events."""
    return found.event.participant if isinstance(found.event, AnnouncementMade) else ""


def private_order(found: Committed) -> int:
    """The order that an event is about if it is its owner's business alone; 0 for what every member may read."""
    if isinstance(found.event, OrderPlaced):
        return found.seq
    if isinstance(found.event, OrderReplaced | OrderCancelled | OrderExpired):
        return found.event.order
    return 0
