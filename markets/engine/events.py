"""What can have happened in a session. Frozen, past tense, versioned; each carries what replay needs and no more.

Quantities are in units of 10^-quantity_decimals, prices in 10^-price_decimals, cash in the product of both, rates in
10^-8, times in microseconds (0: none). Orders, RFQs, quotes and trades are named by the seq of the event that made
them.
"""

from typing import Annotated

import msgspec

from common.clock import LATEST
from common.events import Event

Amounts = dict[str, int]
Moment = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
"""Microseconds since 1970 that can be shown; a stored event with any other cannot be read."""
MOST_PER_SECOND = 1_000_000
"""The largest rate and burst of order entry that a session may ask for."""


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional limits of a session; 0 means none, and for order entry the installation's. The band is in 0.01 %."""

    min_quantity: int = 0
    max_quantity: int = 0
    price_band: int = 0
    max_open_orders: int = 0
    orders_per_second: int = 0
    order_burst: int = 0


class SessionCreated(Event, frozen=True):
    session_id: str
    organiser: str
    legs: tuple[str, ...]
    q: tuple[int, ...]
    quantity_decimals: int
    price_decimals: int
    cash_per_participant: int
    start_mode: str
    end_mode: str
    t1: Moment
    t2: Moment
    duration: int
    feed: str
    fixing: str
    fixing_window: int
    fixing_max_age: int
    self_trade_prevention: str
    bounds: Bounds
    lot: int
    tick: int


class BasketFixed(Event, frozen=True):
    q: tuple[int, ...]


class SessionStarted(Event, frozen=True):
    t1: Moment
    t2: Moment


class SessionHalted(Event, frozen=True):
    reason: str


class SessionResumed(Event, frozen=True):
    pass


class SessionClosed(Event, frozen=True):
    """`t2` is the nominal end, or the moment of closing by hand."""

    t2: Moment
    by_hand: bool


class Fixing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices S and where they come from, so that anybody can recompute them.

    `ticks` holds (seq, published_at, prices in feed units) of each tick used, up to a hundred; `ticks_sha256` is over
    all `tick_count` of them. `exact` is the fraction (numerator, denominator) behind each rounded price.
    """

    rule: str
    at: int
    prices: Amounts
    feed: str = ""
    feed_decimals: int = 0
    window: int = 0
    tick_count: int = 0
    first_seq: int = 0
    last_seq: int = 0
    ticks_sha256: str = ""
    ticks: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    exact: dict[str, tuple[str, str]] = {}


class SessionSettled(Event, frozen=True):
    """`payouts` is x·S per participant, `treasury` what remains unallocated, both in cash units."""

    fixing: Fixing
    payouts: Amounts
    treasury: int


class SettlementCorrected(Event, frozen=True):
    """`differences` is what each participant gets more (or less) than before."""

    fixing: Fixing
    payouts: Amounts
    treasury: int
    differences: Amounts
    reason: str


class SessionCancelled(Event, frozen=True):
    reason: str


class ParticipantJoined(Event, frozen=True):
    participant: str
    user: str


class ParticipantRemoved(Event, frozen=True):
    participant: str
    reason: str


class CashIssued(Event, frozen=True):
    participant: str
    amount: int


class InitialAllocationAssigned(Event, frozen=True):
    participant: str
    amounts: Amounts


class OrderPlaced(Event, frozen=True):
    participant: str
    asset: str
    quote_asset: str
    is_buy: bool
    order_type: str
    quantity: int
    price: int
    time_in_force: str
    expires_at: Moment
    post_only: bool
    client_order_id: str


class OrderMatched(Event, frozen=True):
    """An order-book trade, at the maker's price."""

    maker: int
    taker: int
    quantity: int
    price: int


class OrderReplaced(Event, frozen=True):
    """`quantity` is the new total."""

    order: int
    quantity: int
    price: int
    keeps_priority: bool


class OrderCancelled(Event, frozen=True):
    order: int
    reason: str


class OrderExpired(Event, frozen=True):
    order: int
    reason: str


class RFQRequested(Event, frozen=True):
    participant: str
    leg_from: str
    leg_to: str
    amount_from: int
    expires_at: Moment


class RFQCancelled(Event, frozen=True):
    rfq: int
    reason: str


class RFQExpired(Event, frozen=True):
    rfq: int
    reason: str


class QuoteProvided(Event, frozen=True):
    rfq: int
    participant: str
    rate: int
    amount_to: int
    firm: bool
    expires_at: Moment


class QuoteWithdrawn(Event, frozen=True):
    quote: int
    reason: str


class QuoteRejected(Event, frozen=True):
    quote: int
    reason: str


class QuoteExpired(Event, frozen=True):
    quote: int
    reason: str


class TradeExecuted(Event, frozen=True):
    """An RFQ trade: the quote's maker receives the RFQ's leg_from and gives its leg_to."""

    rfq: int
    quote: int


class TradeBusted(Event, frozen=True):
    """A trade undone: each party gives back what it received. Orders keep what they had filled."""

    trade: int
    participant_a: str
    participant_b: str
    leg_from: str
    leg_to: str
    amount_from: int
    amount_to: int
    reason: str


class PriceFixed(Event, frozen=True):
    fixing: Fixing


class AnnouncementMade(Event, frozen=True):
    """The organiser said something; `participant` is who alone was told, "" for everybody."""

    participant: str
    text: str


EVENTS: tuple[type[Event], ...] = (
    SessionCreated,
    BasketFixed,
    SessionStarted,
    SessionHalted,
    SessionResumed,
    SessionClosed,
    SessionSettled,
    SettlementCorrected,
    SessionCancelled,
    ParticipantJoined,
    ParticipantRemoved,
    CashIssued,
    InitialAllocationAssigned,
    OrderPlaced,
    OrderMatched,
    OrderReplaced,
    OrderCancelled,
    OrderExpired,
    RFQRequested,
    RFQCancelled,
    RFQExpired,
    QuoteProvided,
    QuoteWithdrawn,
    QuoteRejected,
    QuoteExpired,
    TradeExecuted,
    TradeBusted,
    PriceFixed,
    AnnouncementMade,
)
