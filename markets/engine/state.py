"""What a session is at a moment. Changed by evolve alone; decide only reads."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

import msgspec

from common.money import LIMIT
from markets.engine.events import Amounts, Bounds, Fixing
from matching.book import Book

CASH = "CASH"
TREASURY = "treasury"
ENGINE_VERSION = 3
RATE_DECIMALS = 8


class Holding(msgspec.Struct, gc=False):
    """Units of one asset: `total`, of which `reserved` stand behind open orders and firm quotes."""

    total: int = 0
    reserved: int = 0

    @property
    def available(self) -> int:
        return self.total - self.reserved


class Participant(msgspec.Struct, gc=False):
    handle: str
    user: str
    joined: int
    joined_at: int
    has_allocation: bool = False
    is_removed: bool = False
    issued: int = 0


class Order(msgspec.Struct, gc=False):
    """An order that is open, or was until this command. `reserved` is in units of what it spends."""

    id: int
    participant: str
    owner: str
    asset: str
    quote_asset: str
    is_buy: bool
    order_type: str
    quantity: int
    price: int
    time_in_force: str
    expires_at: int
    post_only: bool
    client_order_id: str
    created_at: int
    updated_at: int
    priority: int
    filled: int = 0
    reserved: int = 0
    status: str = "open"
    reason: str = ""

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        return self.status in {"open", "partially_filled"}

    @property
    def spends(self) -> str:
        """The asset that a fill takes from the participant."""
        return self.quote_asset if self.is_buy else self.asset


class Rfq(msgspec.Struct):
    id: int
    participant: str
    owner: str
    leg_from: str
    leg_to: str
    amount_from: int
    expires_at: int
    created_at: int
    quotes: list[int] = []
    status: str = "open"
    reason: str = ""


class Quote(msgspec.Struct, gc=False):
    """An offer of `amount_to` of the RFQ's leg_to; `reserved` equals it when firm and open."""

    id: int
    rfq: int
    participant: str
    owner: str
    leg_to: str
    rate: int
    amount_to: int
    firm: bool
    expires_at: int
    created_at: int
    reserved: int = 0
    status: str = "open"
    reason: str = ""


class Trade(msgspec.Struct, frozen=True, gc=False):
    """Party a gave `amount_from` of `leg_from` to b and got `amount_to` of `leg_to`.

    In an order-book trade a is the seller, `leg_to` the quote asset; `price` is the maker's. `rfq`, `quote`, `maker`
    and `taker` are 0 where they don't apply.
    """

    id: int
    at: int
    a: str
    b: str
    leg_from: str
    leg_to: str
    amount_from: int
    amount_to: int
    price: int = 0
    maker: int = 0
    taker: int = 0
    rfq: int = 0
    quote: int = 0
    taker_is_buy: bool = False


class Facts(msgspec.Struct):
    """All of a session that cannot be derived from the rest of it: what a snapshot holds."""

    seq: int = 0
    session_id: str = ""
    organiser: str = ""
    status: str = ""
    legs: tuple[str, ...] = ()
    q: tuple[int, ...] = ()
    quantity_decimals: int = 0
    price_decimals: int = 0
    cash_per_participant: int = 0
    start_mode: str = ""
    end_mode: str = ""
    t1: int = 0
    t2: int = 0
    duration: int = 0
    feed: str = ""
    fixing_rule: str = ""
    fixing_window: int = 0
    fixing_max_age: int = 0
    self_trade_prevention: str = ""
    bounds: Bounds = Bounds()
    lot: int = 1
    tick: int = 1
    created_at: int = 0
    closed_at: int = 0
    settled_at: int = 0
    settled_seq: int = 0
    cash_issued: int = 0
    has_traded: bool = False
    last_trades: dict[str, list[tuple[int, int]]] = {}  # by book: (trade, price), newest last, busted ones left out
    fixing: Fixing | None = None
    payouts: Amounts = {}
    treasury_payout: int = 0
    participants: dict[str, Participant] = {}
    holdings: dict[str, dict[str, Holding]] = {}


class Saved(msgspec.Struct):
    """A whole state as a snapshot has it: what cannot be derived, in an order that is always the same."""

    facts: Facts
    orders: list[Order]
    rfqs: list[Rfq]
    quotes: list[Quote]
    busted: list[tuple[int, str]]


class Before(NamedTuple):
    """A holding as it was before the command that touched it."""

    holding: Holding
    total: int
    reserved: int


class Settled(NamedTuple):
    """A settlement, or a correction of it for `reason`."""

    seq: int
    at: int
    fixing: Fixing
    payouts: Amounts
    treasury: int
    reason: str


class Announced(NamedTuple):
    """What was said, to everybody where there is no participant."""

    seq: int
    at: int
    participant: str
    text: str


class Touched:
    """What one command touched, with what had been there: what the cheap invariants compare."""

    def __init__(self) -> None:
        self.holdings: dict[tuple[str, str], Before] = {}
        self.reservations: dict[int, tuple[Order | Quote, int]] = {}
        self.books: set[str] = set()
        self.issued: dict[str, int] = {}


class Changed:
    """What changed since the rows were last written."""

    def __init__(self) -> None:
        self.session = False
        self.settlements: list[Settled] = []
        self.announcements: list[Announced] = []
        self.participants: dict[str, Participant] = {}
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.orders: dict[int, Order] = {}
        self.rfqs: dict[int, Rfq] = {}
        self.quotes: dict[int, Quote] = {}
        self.trades: list[Trade] = []
        self.busts: dict[int, str] = {}


Deadline = tuple[int, int]  # (expires_at, id)


class SessionState:
    """The facts, what is open, and what is derived from both: books, deadlines, open orders by participant."""

    def __init__(self, stream: UUID, saved: Saved | None = None) -> None:
        self.stream = stream
        self.facts = saved.facts if saved else Facts()
        self.orders: dict[int, Order] = {}
        self.rfqs: dict[int, Rfq] = {}
        self.quotes: dict[int, Quote] = {}
        self.busted: dict[int, str] = {}
        self.books: dict[str, Book[Order]] = {}
        self.deadlines: list[Deadline] = []
        self.open_orders: dict[str, dict[int, Order]] = {}
        self.touched = Touched()
        self.changed = Changed()
        if saved:
            self._restore(saved)

    def _restore(self, saved: Saved) -> None:
        self.busted = dict(saved.busted)
        for order in sorted(saved.orders, key=lambda order: order.priority):
            self.orders[order.id] = order
            self.index(order)
        for rfq in saved.rfqs:
            self.rfqs[rfq.id] = rfq
            self.expect(rfq.expires_at, rfq.id)
        for quote in saved.quotes:
            self.quotes[quote.id] = quote
            self.expect(quote.expires_at, quote.id)

    def saved(self) -> Saved:
        """The state for a snapshot, or to compare with another: equal states give equal ones."""
        return Saved(
            self.facts,
            [order for _, order in sorted(self.orders.items())],
            [rfq for _, rfq in sorted(self.rfqs.items())],
            [quote for _, quote in sorted(self.quotes.items())],
            sorted(self.busted.items()),
        )

    # Derived

    def book(self, asset: str, quote_asset: str) -> Book[Order]:
        """The book of `asset` in `quote_asset`."""
        key = book_key(asset, quote_asset)
        book = self.books.get(key)
        if book is None:
            book = self.books[key] = Book()
        return book

    def index(self, order: Order) -> None:
        """Put an open order into its book and lists."""
        if order.order_type == "limit":
            self.book(order.asset, order.quote_asset).add(order)
        self.open_orders.setdefault(order.participant, {})[order.id] = order
        self.expect(order.expires_at, order.id)

    def expect(self, expires_at: int, number: int) -> None:
        """Remember a deadline."""
        if expires_at:
            insort(self.deadlines, (expires_at, number))

    def unexpect(self, expires_at: int, number: int) -> None:
        """Forget a deadline."""
        if expires_at:
            place = bisect_left(self.deadlines, (expires_at, number))
            del self.deadlines[place]

    def held(self, who: str, asset: str) -> Holding:
        """A holding to read; zero where there is none."""
        return self.facts.holdings.get(who, {}).get(asset) or Holding()

    def available(self, who: str, asset: str) -> int:
        """What `who` may spend of `asset`."""
        return self.held(who, asset).available

    def members(self) -> Iterator[Participant]:
        """The participants who have not been removed, in the order in which they joined."""
        people = sorted(self.facts.participants.values(), key=lambda person: person.joined)
        return (person for person in people if not person.is_removed)

    def reference_price(self, asset: str, quote_asset: str) -> int:
        """What a price band lies around: the last trade of a book, or the fixing after it; 0 where there is none."""
        trades = self.facts.last_trades.get(book_key(asset, quote_asset))
        if trades:
            return trades[-1][1]
        return self.facts.fixing.prices[asset] if self.facts.fixing and quote_asset == CASH else 0

    def cost(self, quote_asset: str, quantity: int, price: int) -> int:
        """quantity × price in units of `quote_asset`: exact in cash, exact on the grid of a leg-to-leg book."""
        return quantity * price // self.scale(quote_asset)

    def scale(self, quote_asset: str) -> int:
        """How many units of quantity × price make one unit of `quote_asset`."""
        return 1 if quote_asset == CASH else int(10**self.facts.price_decimals)

    # For evolve

    def touch(self, who: str, asset: str) -> Holding:
        """A holding to change."""
        assets = self.facts.holdings.setdefault(who, {})
        holding = assets.get(asset)
        if holding is None:
            holding = assets[asset] = Holding()
        key = (who, asset)
        if key not in self.touched.holdings:
            self.touched.holdings[key] = Before(holding, holding.total, holding.reserved)
        self.changed.holdings[key] = holding
        return holding

    def touch_order(self, order: Order) -> None:
        """Say that `order` is about to change."""
        if order.id not in self.touched.reservations:
            self.touched.reservations[order.id] = (order, order.reserved)
            self.touched.books.add(book_key(order.asset, order.quote_asset))
        self.changed.orders[order.id] = order

    def touch_quote(self, quote: Quote) -> None:
        """Say that `quote` is about to change."""
        if quote.id not in self.touched.reservations:
            self.touched.reservations[quote.id] = (quote, quote.reserved)
        self.changed.quotes[quote.id] = quote


def book_key(asset: str, quote_asset: str) -> str:
    """A book's name; a leg's name holds no slash."""
    return f"{asset}/{quote_asset}"


def within_limit(value: int) -> bool:
    """Whether a product or total still fits a signed 64-bit column."""
    return value < LIMIT
