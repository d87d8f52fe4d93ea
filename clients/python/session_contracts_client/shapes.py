"""What the server answers, as frozen dataclasses: numbers are Decimals at the session's scale, times are aware.

The field names are the API's own (docs/api.md, docs/realtime.md).
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

Number = Decimal | int | str
"""How numbers go to the server: never as floats."""


@dataclass(frozen=True)
class Session:
    """A session. Whoever is no member sees the fields without a default only."""

    session_id: str
    legs: tuple[str, ...]
    q: tuple[Decimal, ...]
    status: str
    start_mode: str
    end_mode: str
    t1: datetime | None
    t2: datetime | None
    created_at: datetime
    closed_at: datetime | None = None
    settled_at: datetime | None = None
    imported: bool = False
    duration_minutes: int | None = None
    quantity_decimals: int = 4
    price_decimals: int = 4
    cash_per_participant: Decimal = Decimal(0)
    cash_issued: Decimal = Decimal(0)
    feed: str | None = None
    fixing: str = ""
    fixing_window: int = 0
    fixing_max_age: int = 0
    self_trade_prevention: str = ""
    leg_lot: Decimal = Decimal(0)
    leg_tick: Decimal = Decimal(0)
    role: str | None = None
    participant_id: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody will ever trade in it again."""
        return self.status in {"closed", "settled", "cancelled"}


@dataclass(frozen=True)
class Participant:
    participant_id: str
    session_id: str
    name: str
    joined_at: datetime


@dataclass(frozen=True)
class Share:
    """Somebody's holding; what is reserved is shown of your own only."""

    total: Decimal
    reserved: Decimal | None = None
    available: Decimal | None = None


@dataclass(frozen=True)
class Allocations:
    """Who holds what, the treasury included: each leg adds up to q, cash to what was issued."""

    session_id: str
    q: dict[str, Decimal]
    cash_issued: Decimal
    allocations: dict[str, dict[str, Share]]


@dataclass(frozen=True)
class Holding:
    """What you hold of a leg or of CASH: `available` is `total` less what your orders reserve."""

    total: Decimal
    reserved: Decimal
    available: Decimal


@dataclass(frozen=True)
class Fill:
    trade_id: str
    quantity: Decimal
    price: Decimal
    liquidity: str
    executed_at: datetime


@dataclass(frozen=True)
class Order:
    order_id: str
    session_id: str
    participant_id: str
    asset: str
    quote_asset: str
    side: str
    order_type: str
    quantity: Decimal
    price: Decimal | None
    filled_quantity: Decimal
    remaining_quantity: Decimal
    status: str
    reason: str | None
    time_in_force: str
    expires_at: datetime | None
    post_only: bool
    client_order_id: str | None
    created_at: datetime
    updated_at: datetime
    trades: tuple[Fill, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in {"open", "partially_filled"}


@dataclass(frozen=True)
class Refusal:
    """Why one entry of a bulk was refused."""

    code: str
    detail: str
    field: str | None = None


@dataclass(frozen=True)
class BulkResult:
    """What became of one entry of a bulk: an order, or a refusal."""

    order: Order | None
    error: Refusal | None


@dataclass(frozen=True)
class Level:
    price: Decimal
    quantity: Decimal
    orders: int


@dataclass(frozen=True)
class Book:
    """Levels of one book, best first."""

    asset: str
    quote_asset: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True)
class Rfq:
    rfq_id: str
    session_id: str
    requester_id: str
    leg_from: str
    leg_to: str
    amount_from: Decimal
    status: str
    reason: str | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Quote:
    quote_id: str
    rfq_id: str
    session_id: str
    quoter_id: str
    rate: Decimal
    leg_to: str
    amount_to: Decimal
    firm: bool
    status: str
    reason: str | None
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Trade:
    """a gave `leg_from` to b and got `leg_to`; in an order-book trade a is the seller."""

    trade_id: str
    session_id: str
    rfq_id: str | None
    quote_id: str | None
    participant_a: str
    participant_b: str
    leg_from: str
    leg_to: str
    amount_from: Decimal
    amount_to: Decimal
    price: Decimal | None
    taker_side: str | None
    executed_at: datetime
    busted: bool = False


@dataclass(frozen=True)
class Tick:
    feed_seq: int
    prices: dict[str, Decimal]
    source_at: datetime | None
    published_at: datetime
    restart: bool = False


@dataclass(frozen=True)
class PriceFeed:
    feed_id: str
    name: str
    mode: str
    status: str
    instruments: tuple[str, ...]
    price_decimals: int
    last_seq: int
    created_at: datetime
    started_at: datetime | None
    settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class Fixing:
    rule: str
    at: datetime | None
    prices: dict[str, Decimal]
    feed: str | None
    tick_count: int
    first_tick: int | None
    last_tick: int | None


@dataclass(frozen=True)
class TreasuryShare:
    payout: Decimal
    cash: Decimal


@dataclass(frozen=True)
class Settlement:
    """Σ payouts + treasury.payout == q·S, Σ cash + treasury.cash == what was issued."""

    session_id: str
    settlement_prices: dict[str, Decimal]
    fixing: Fixing
    payouts: dict[str, Decimal]
    cash: dict[str, Decimal]
    treasury: TreasuryShare
    totals: dict[str, Decimal]
    reason: str | None
    settled_at: datetime | None
    head_hash: str | None


@dataclass(frozen=True)
class Event:
    """A ledger event. `withheld`: it is somebody else's business, and only its place is shown."""

    seq: int
    type: str
    version: int
    at: datetime
    actor: str | None
    command_id: str | None
    payload: str | None
    hash: str
    withheld: bool


@dataclass(frozen=True)
class Verification:
    session_id: str
    ok: bool
    findings: tuple[str, ...]
    seq: int
    head_hash: str
    checked_at: datetime


@dataclass(frozen=True)
class Valued:
    """A holding with its price and value, where there is a price."""

    total: Decimal
    reserved: Decimal
    available: Decimal
    price: Decimal | None
    value: Decimal | None


@dataclass(frozen=True)
class Portfolio:
    session_id: str
    rank: int
    participant_id: str
    name: str
    cash: Decimal
    value: Decimal
    pnl: Decimal
    holdings: dict[str, Valued]


@dataclass(frozen=True)
class Standing:
    """A line of the leaderboard."""

    rank: int
    participant_id: str
    name: str
    cash: Decimal
    value: Decimal
    pnl: Decimal


@dataclass(frozen=True)
class Candle:
    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True)
class Key:
    """An API key; `secret` only in the answer that issued it."""

    key_id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    session_id: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    secret: str | None = None


@dataclass(frozen=True)
class Me:
    user: str
    user_id: str
    is_organiser: bool
    is_superuser: bool
    scopes: tuple[str, ...]


# What only the live feed says.


@dataclass(frozen=True)
class Snapshot:
    """Everything as of one event: what was known before is void."""

    session: Session
    status: str
    prices: dict[str, Decimal]
    feed_seq: int
    books: tuple[Book, ...]
    rfqs: tuple[Rfq, ...]
    quotes: tuple[Quote, ...]
    participant_id: str | None
    orders: tuple[Order, ...]
    holdings: dict[str, Holding]
    server_time: datetime


@dataclass(frozen=True)
class Allocation:
    """What you hold now, of every asset."""

    session_id: str
    participant_id: str
    holdings: dict[str, Holding]


@dataclass(frozen=True)
class StatusChange:
    session: Session
    status: str
    reason: str | None


@dataclass(frozen=True)
class Announcement:
    """What the organiser said; `participant_id` is you where only you were told."""

    announcement_id: str
    session_id: str
    participant_id: str | None
    text: str
    announced_at: datetime


@dataclass(frozen=True)
class Heartbeat:
    server_time: datetime
    feed_seq: int


@dataclass(frozen=True)
class Complaint:
    """The server did not understand what we sent."""

    code: str
    detail: str


Data = (
    Snapshot
    | Tick
    | Trade
    | Book
    | Allocation
    | Rfq
    | Quote
    | Order
    | StatusChange
    | Announcement
    | Heartbeat
    | Complaint
)
