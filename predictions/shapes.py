"""What the outside sees: rows → plain dicts; money, prices and rates as exact JSON numbers, times in RFC 3339.

Pure functions. The API, the live feed and the pages all answer these shapes.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.clock import SECOND, isoformat
from common.ids import public_id
from common.money import format_units
from predictions.discussion import Mood, Said
from predictions.engine.events import Terms
from predictions.engine.pricing import MONEY_DECIMALS
from predictions.engine.records import YES
from predictions.engine.state import yes_price
from predictions.handlers.orders import Fill, Receipt
from predictions.models import Entry, Market, Order, Position, Trade, Verdict
from predictions.preview import Preview
from predictions.queries import AgentInfo, BookInfo, ExchangeInfo, Level
from predictions.valuation import Bucket, Profile, Standing

Shape = dict[str, Any]


def money(units: int) -> Decimal:
    """Hundredths of a cent as a number, with as many decimals as it needs and at least two."""
    text = format_units(units, MONEY_DECIMALS)
    return Decimal(text[:-2] if text.endswith("00") else text)


def cents(price: int) -> Decimal:
    """A price or probability in cents, as a number."""
    return Decimal(format_units(price, 2))


def moment(at: int) -> str | None:
    """µs → text; 0 is null."""
    return isoformat(at) if at else None


def named(stream: UUID, number: int) -> str | None:
    """The outside name of an agent, a market, an order or a trade; 0 is null."""
    return public_id(stream, number) if number else None


def exchange(info: ExchangeInfo) -> Shape:
    """An exchange with its terms and what it took."""
    return {
        "name": info.name,
        "created_at": moment(info.created_at),
        "terms": terms(info.terms),
        "issued": money(info.issued),
        "platform": money(info.platform),
        "trading_fees": money(info.trading_fees),
        "creation_fees": money(info.creation_fees),
        "settlement_fees": money(info.settlement_fees),
        "rewards": money(info.rewards),
    }


def terms(of: Terms) -> Shape:
    """What an exchange charges, gives and waits for; rates in percent."""
    return {
        "starting_balance": money(of.starting_balance),
        "trading_fee": cents(of.trading_fee),
        "creation_fee": money(of.creation_fee),
        "settlement_fee": cents(of.settlement_fee),
        "moderator_share": cents(of.moderator_share),
        "moderator_bonus": cents(of.moderator_bonus),
        "challenge_seconds": of.challenge_window // SECOND,
        "approval_seconds": of.approval_window // SECOND,
        "faucet_limit": money(of.faucet_limit),
        "self_trade_prevention": of.self_trade_prevention,
    }


def agent(info: AgentInfo, *, private: bool) -> Shape:
    """An agent; what is locked only for who acts for it or runs the exchange."""
    row = info.row
    return {
        "id": public_id(row.stream_id, row.number),
        "name": info.name,
        "role": row.role,
        "trading_mode": row.mode,
        "balance": money(row.balance),
        "locked_balance": money(row.locked) if private else None,
        "locked_fees": money(row.fees_locked) if private else None,
        "available": money(info.available) if private else None,
        "reputation": money(row.reputation),
        "can_trade": row.role == "trader",
        "can_resolve": row.role == "moderator",
        "has_owner": bool(row.owner),
        "created_at": moment(row.created_at),
    }


def standing(one: Standing) -> Shape:
    """An agent's place."""
    shown = agent(one.agent, private=False)
    names = ("id", "name", "role", "balance", "reputation")
    return {
        "rank": one.rank,
        **{name: shown[name] for name in names},
        "equity": money(one.equity),
        "profit": money(one.profit),
    }


def profile(found: Profile) -> Shape:
    """All about an agent that everybody may know."""
    stream, judged = found.agent.row.stream_id, found.judgement
    return {
        "agent": agent(found.agent, private=False),
        "stats": {
            "equity": money(found.equity),
            "total_pnl": money(found.profit),
            "realised_pnl": money(found.realised),
            "total_trades": found.trades,
            "total_orders": found.orders,
            "total_positions": found.markets,
            "total_volume_traded": money(found.volume),
            "total_fees_paid": money(found.agent.row.fees_paid),
            "rewards": money(found.agent.row.rewards),
            "markets_created": found.created,
            "markets_resolved": found.resolved,
            "win_rate": None if found.win_rate is None else cents(found.win_rate),
            "best_market": None if found.best is None else money(found.best),
            "worst_market": None if found.worst is None else money(found.worst),
        },
        "rankings": found.ranks,
        "forecasts": {
            "count": judged.count,
            "brier_score": None if judged.brier is None else Decimal(judged.brier).scaleb(-4),
            "calibration": [_bucket(one) for one in judged.calibration],
        },
        "positions": [
            position(stream, one, found.of_markets[one.market], private=False)
            for one in found.positions
            if one.yes or one.no
        ],
    }


def _bucket(one: Bucket) -> Shape:
    return {
        "from": cents(one.low),
        "to": cents(one.high),
        "count": one.count,
        "came_true": cents(one.came_true),
    }


def market(row: Market) -> Shape:
    """A market, its last price and how it ended."""
    stream = row.stream_id
    return {
        "id": public_id(stream, row.number),
        "creator_id": named(stream, row.creator),
        "question": row.question,
        "description": row.description,
        "category": row.category,
        "criteria": row.criteria,
        "source": row.source,
        "deadline": moment(row.deadline),
        "status": row.status,
        "yes_price": cents(row.last_price),
        "no_price": cents(100 - row.last_price),
        "volume": money(row.volume),
        "trades": row.trades,
        "open_interest": row.pairs,
        "outcome": row.outcome or None,
        "yes_value": cents(row.yes_value) if row.outcome and row.yes_value >= 0 else None,
        "evidence": row.evidence,
        "resolved_by": named(stream, row.resolver),
        "resolved_early": row.early,
        "moderator_reward": money(row.reward),
        "house_id": named(stream, row.house),
        "liquidity": row.liquidity,
        "created_at": moment(row.created_at),
        "closed_at": moment(row.closed_at),
        "pays_at": moment(row.pays_at),
        "resolved_at": moment(row.resolved_at),
    }


def verdict(row: Verdict) -> Shape:
    """A step of a resolution."""
    return {
        "kind": row.kind,
        "at": moment(row.at),
        "outcome": row.outcome or None,
        "yes_value": cents(row.yes_value) if row.outcome and row.yes_value >= 0 else None,
        "agent_id": named(row.stream_id, row.agent),
        "early": row.early,
        "text": row.text,
        "evidence": row.evidence,
    }


def book(of: BookInfo) -> Shape:
    """The one book in YES prices: whoever buys NO at 0.40 stands among the asks at 0.60."""
    bid, ask = of.best_bid, of.best_ask
    both = bid is not None and ask is not None
    return {
        "bids": [level(one) for one in of.bids],
        "asks": [level(one) for one in of.asks],
        "best_bid": None if bid is None else cents(bid),
        "best_ask": None if ask is None else cents(ask),
        "spread": cents(ask - bid) if both and ask is not None and bid is not None else None,
        "mid_price": Decimal(ask + bid) / 200 if both and ask is not None and bid is not None else None,
    }


def level(one: Level) -> Shape:
    """A price level."""
    return {"price": cents(one.price), "size": one.size, "orders": one.orders}


def order(row: Order, trades: Sequence[Trade]) -> Shape:
    """An order as it stands, with its trades and what it locks; for who acts for it."""
    mine = tuple(fill(row, one) for one in trades)
    return {
        **_order(row.stream_id, row, mine),
        "locked": money(row.reserved if row.action == "buy" else 0),
        "locked_fee": money(row.fee_reserved),
        "fee": money(row.fee),
    }


def receipt(done: Receipt) -> Shape:
    """An order as a command left it, with the trades of that command."""
    return _order(done.stream, done, done.fills)


def fill(row: Order, trade: Trade) -> Fill:
    """A trade as the owner of one of its orders sees it."""
    is_bid = trade.bid_order == row.number
    is_maker = is_bid != trade.taker_is_bidder
    return Fill(trade.number, trade.size, yes_price(row.outcome, trade.price), is_maker, trade.at)


def _order(stream: UUID, of: Order | Receipt, fills: Sequence[Fill]) -> Shape:
    return {
        "id": public_id(stream, of.number),
        "agent_id": public_id(stream, of.agent),
        "market_id": public_id(stream, of.market),
        "side": of.outcome,
        "order_type": of.action,
        "type": of.order_type,
        "price": cents(of.price) if of.price else None,
        "size": of.size,
        "filled": of.filled,
        "remaining": of.size - of.filled,
        "status": of.status,
        "reason": of.reason or None,
        "time_in_force": of.time_in_force,
        "expires_at": moment(of.expires_at),
        "approve_by": moment(of.approve_by),
        "client_order_id": of.client_order_id or None,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
        "trades": [
            {
                "id": public_id(stream, one.trade),
                "price": cents(one.price),
                "size": one.size,
                "liquidity": "maker" if one.is_maker else "taker",
                "created_at": moment(one.at),
            }
            for one in fills
        ],
    }


def trade(row: Trade) -> Shape:
    """A trade as everybody sees it; `price` is of `side`.

    In a mint the seller bought NO, in a burn the buyer sold NO.
    """
    stream, buyer, seller = row.stream_id, row.bidder, row.asker
    if row.kind == "transfer" and row.outcome != YES:  # who asks for YES in the book is who buys NO
        buyer, seller = seller, buyer
    return {
        "id": public_id(stream, row.number),
        "market_id": public_id(stream, row.market),
        "kind": row.kind,
        "side": row.outcome,
        "price": cents(yes_price(row.outcome, row.price)),
        "yes_price": cents(row.price),
        "size": row.size,
        "buyer_id": public_id(stream, buyer),
        "seller_id": public_id(stream, seller),
        "taker": "buyer" if (buyer == row.bidder) == row.taker_is_bidder else "seller",
        "created_at": moment(row.at),
    }


def position(stream: UUID, row: Position, of: Market, *, private: bool) -> Shape:
    """Shares in a market, what they cost and are worth; what orders have locked for who acts for the agent."""
    worth = (row.yes * of.last_price + row.no * (100 - of.last_price)) * 100
    return {
        "agent_id": public_id(stream, row.agent),
        "market_id": public_id(stream, of.number),
        "question": of.question,
        "market_status": of.status,
        "yes_shares": row.yes,
        "no_shares": row.no,
        "yes_locked": row.yes_locked if private else None,
        "no_locked": row.no_locked if private else None,
        "avg_yes_price": _average(row.yes_cost, row.yes),
        "avg_no_price": _average(row.no_cost, row.no),
        "value": money(worth),
        "unrealised_pnl": money(worth - row.yes_cost - row.no_cost),
        "realised_pnl": money(row.realised),
        "fees": money(row.fees),
    }


def _average(cost: int, shares: int) -> Decimal | None:
    """What a share cost, rounded to a hundredth of a cent."""
    return Decimal(cost // shares).scaleb(-MONEY_DECIMALS) if shares else None


def entry(row: Entry) -> Shape:
    """A line of an agent's statement that is not a trade."""
    stream = row.stream_id
    return {
        "id": public_id(stream, row.seq),
        "kind": row.kind,
        "amount": money(row.amount),
        "balance_after": money(row.balance_after),
        "market_id": named(stream, row.market),
        "counterparty_id": named(stream, row.counterparty),
        "note": row.note,
        "created_at": moment(row.at),
    }


def preview(found: Preview) -> Shape:
    """What an order would do; `fee` and `reserved` are the most that they can be."""
    return {
        "fills": found.fills,
        "rests": found.rests,
        "lapses": found.lapses,
        "average_price": None if found.average is None else money(found.average),
        "cost": money(found.cost),
        "fee": money(found.fee),
        "total": money(found.total),
        "reserved": money(found.reserved),
        "payout": money(found.payout),
        "settlement_fee": money(found.settlement_fee),
        "profit": None if found.profit is None else money(found.profit),
        "missing": money(found.missing) if found.is_purchase else found.missing,
        "meets_own": None if found.meets_own is None else cents(found.meets_own),
    }


def said(one: Said) -> Shape:
    """A comment with its author, what they hold in the market, and the answers to it."""
    row, held = one.row, one.position
    return {
        "id": public_id(row.stream_id, row.pk),
        "market_id": public_id(row.stream_id, row.market),
        "parent_id": named(row.stream_id, row.parent),
        "content": row.content,
        "sentiment": row.sentiment or None,
        "price_prediction": cents(row.prediction) if row.prediction else None,
        "score": one.score,
        "upvotes": one.up,
        "downvotes": one.down,
        "user_vote": one.own_vote,
        "is_pinned": row.is_pinned,
        "is_deleted": row.is_deleted,
        "is_edited": bool(row.edited_at),
        "created_at": moment(row.created_at),
        "edited_at": moment(row.edited_at),
        "author": {
            "id": public_id(row.stream_id, one.author.number),
            "name": one.author.name,
            "role": one.author.row.role,
            "reputation": money(one.author.row.reputation),
        },
        "position": {"yes_shares": held.yes, "no_shares": held.no} if held else None,
        "replies": [said(answer) for answer in one.answers],
    }


def mood(found: Mood) -> Shape:
    """What is in the air."""
    return {
        "bullish": found.bullish,
        "bearish": found.bearish,
        "neutral": found.neutral,
        "forecasts": found.forecasts,
        "mean_forecast": None if found.mean_forecast is None else cents(found.mean_forecast),
    }
