"""A session as the live feed tells it: prices, books, open RFQs, and what is yours."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from session_contracts_client.shapes import (
    Allocation,
    Book,
    Data,
    Heartbeat,
    Holding,
    Level,
    Order,
    Quote,
    Rfq,
    Session,
    Snapshot,
    StatusChange,
    Tick,
)

CASH = "CASH"
T = TypeVar("T")


@dataclass
class LiveBook:
    """Both sides of a book, by price."""

    bids: dict[Decimal, Level] = field(default_factory=dict)
    asks: dict[Decimal, Level] = field(default_factory=dict)

    @property
    def best_bid(self) -> Level | None:
        return self.bids[max(self.bids)] if self.bids else None

    @property
    def best_ask(self) -> Level | None:
        return self.asks[min(self.asks)] if self.asks else None

    def apply(self, changed: Book) -> None:
        """Levels as they are now; a quantity of 0 is gone."""
        for side, levels in ((self.bids, changed.bids), (self.asks, changed.asks)):
            for level in levels:
                if level.quantity:
                    side[level.price] = level
                else:
                    side.pop(level.price, None)

    def frozen(self, asset: str, quote_asset: str = CASH) -> Book:
        """As the API answers it, best levels first."""
        bids = tuple(self.bids[price] for price in sorted(self.bids, reverse=True))
        return Book(asset, quote_asset, bids, tuple(self.asks[price] for price in sorted(self.asks)))


@dataclass
class Market:
    """As of ledger event `seq` and tick `feed_seq`. `orders`, `rfqs` and `quotes` are the open ones, by id."""

    session: Session | None = None
    participant_id: str | None = None
    prices: dict[str, Decimal] = field(default_factory=dict)
    books: dict[tuple[str, str], LiveBook] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    rfqs: dict[str, Rfq] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
    seq: int = 0
    feed_seq: int = 0

    @property
    def status(self) -> str:
        """The session's, "" before the first snapshot."""
        return self.session.status if self.session else ""

    def book(self, asset: str, quote_asset: str = CASH) -> LiveBook:
        """A book; empty where nothing was ever placed."""
        return self.books.get((asset, quote_asset)) or LiveBook()

    def begin(self, snapshot: Snapshot, *, seq: int) -> None:
        """Forget all, and begin here."""
        self.seq, self.feed_seq = seq, snapshot.feed_seq
        self.session, self.participant_id = snapshot.session, snapshot.participant_id
        self.prices, self.holdings = dict(snapshot.prices), dict(snapshot.holdings)
        self.books = {}
        for book in snapshot.books:
            self._change(book)
        self.orders = {order.order_id: order for order in snapshot.orders if order.is_open}
        self.rfqs = {rfq.rfq_id: rfq for rfq in snapshot.rfqs if rfq.status == "open"}
        self.quotes = {quote.quote_id: quote for quote in snapshot.quotes if quote.status == "open"}

    def apply(self, data: Data) -> None:
        """One change, in its turn. Trades change nothing here: books and holdings come by themselves."""
        match data:
            case Tick():
                self.prices.update(data.prices)
            case Book():
                self._change(data)
            case Allocation():
                self.holdings = dict(data.holdings)
            case Order():
                _keep(self.orders, data.order_id, data, is_open=data.is_open)
            case Rfq():
                _keep(self.rfqs, data.rfq_id, data, is_open=data.status == "open")
            case Quote():
                _keep(self.quotes, data.quote_id, data, is_open=data.status == "open")
            case StatusChange():
                self.session = data.session
            case Heartbeat():
                pass

    def _change(self, book: Book) -> None:
        self.books.setdefault((book.asset, book.quote_asset), LiveBook()).apply(book)


def _keep(open_ones: dict[str, T], name: str, entry: T, *, is_open: bool) -> None:
    if is_open:
        open_ones[name] = entry
    else:
        open_ones.pop(name, None)
