"""The messages of the live feed: their types, which docs/asyncapi.yaml is made from, and their text.

`data` is what markets.shapes makes, so that the feed and the API say the same; tests hold every message of whole runs
against the types here.
"""

from typing import Annotated, Any, Literal

import msgspec

Number = Annotated[
    str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="A decimal at the session's scale")
]
Moment = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, microseconds")]


class Data(msgspec.Struct, forbid_unknown_fields=True):
    """Base of what messages carry."""


class Level(Data):
    """One price of a book: the whole quantity resting there now, and by how many orders; 0 means gone."""

    price: Number
    quantity: Number
    orders: int


class BookData(Data):
    """Levels of one book, best first. In a `book` message only those that changed, in a snapshot all."""

    asset: str
    quote_asset: str
    bids: list[Level]
    asks: list[Level]


class HoldingData(Data):
    total: Number
    reserved: Number
    available: Number


class AllocationData(Data):
    """What you hold, of every asset. Only ever your own."""

    session_id: str
    participant_id: str
    holdings: dict[str, HoldingData]


class FillData(Data):
    """One side of a trade, as the order's owner sees it."""

    trade_id: str
    quantity: Number
    price: Number
    liquidity: Literal["maker", "taker"]
    executed_at: Moment


class OrderData(Data):
    """Your order after the event. `trades` are those of this event; GET /orders/{id} has all of them."""

    order_id: str
    session_id: str
    participant_id: str
    asset: str
    quote_asset: str
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market"]
    quantity: Number
    price: Number | None
    filled_quantity: Number
    remaining_quantity: Number
    status: Literal["open", "partially_filled", "filled", "cancelled", "expired"]
    reason: str | None
    time_in_force: str
    expires_at: Moment | None
    post_only: bool
    client_order_id: str | None
    created_at: Moment
    updated_at: Moment
    trades: list[FillData]


class TradeData(Data):
    """a gave `leg_from` to b and got `leg_to`; in an order-book trade a is the seller. `busted`: it was undone."""

    trade_id: str
    session_id: str
    rfq_id: str | None
    quote_id: str | None
    participant_a: str
    participant_b: str
    leg_from: str
    leg_to: str
    amount_from: Number
    amount_to: Number
    price: Number | None
    taker_side: Literal["buy", "sell"] | None
    executed_at: Moment
    busted: bool


class RfqData(Data):
    rfq_id: str
    session_id: str
    requester_id: str
    leg_from: str
    leg_to: str
    amount_from: Number
    status: Literal["open", "executed", "cancelled", "expired"]
    reason: str | None
    expires_at: Moment | None
    created_at: Moment


class QuoteData(Data):
    quote_id: str
    rfq_id: str
    session_id: str
    quoter_id: str
    rate: Number
    leg_to: str
    amount_to: Number
    firm: bool
    status: Literal["open", "accepted", "rejected", "withdrawn", "expired"]
    reason: str | None
    expires_at: Moment | None
    created_at: Moment


class TickData(Data):
    """One set of prices from the session's feed, at the feed's own scale."""

    feed_seq: int
    prices: dict[str, Number]
    source_at: Moment | None
    published_at: Moment
    restart: bool


class StatusData(Data):
    """The session after a change of its life: `reason` is what was given for it."""

    session: Annotated[
        dict[str, Any], msgspec.Meta(description="As GET /sessions/{id} answers it; `status` is in it")
    ]
    status: Literal["created", "active", "halted", "closed", "settled", "cancelled"]
    reason: str | None


class AnnouncementData(Data):
    """What the organiser said; `participant_id` is you where only you were told, null for everybody."""

    announcement_id: str
    session_id: str
    participant_id: str | None
    text: str
    announced_at: Moment


class SnapshotData(Data):
    """Everything, as of `seq`: forget what you held. `participant_id` is null for those who don't trade here."""

    session: Annotated[dict[str, Any], msgspec.Meta(description="As GET /sessions/{id} answers it")]
    status: Literal["created", "active", "halted", "closed", "settled", "cancelled"]
    prices: dict[str, Number]
    feed_seq: int
    books: list[BookData]
    rfqs: list[RfqData]
    quotes: list[QuoteData]
    participant_id: str | None
    orders: list[OrderData]
    holdings: dict[str, HoldingData]
    server_time: Moment


class HeartbeatData(Data):
    server_time: Moment
    feed_seq: int


class ResyncData(Data):
    """You read too slowly: the connection closes with 4408. Connect again."""

    reason: str


RequestId = Annotated[
    str | int,
    msgspec.Meta(description="Your own name for what you ask; a text is also its Idempotency-Key, a number is not"),
]
Moves = Literal[
    "order.new",
    "order.replace",
    "order.cancel",
    "order.cancel_all",
    "order.countdown",
    "order.cancel_on_disconnect",
]


class AckData(Data):
    """What you asked for is done and committed, as event `event_seq` at the latest. `cancelled`: orders' ids.

    `cancel_at`: when a countdown that was set will run out.
    """

    id: RequestId
    op: Moves
    event_seq: int | None
    replayed: bool
    order: OrderData | None
    cancelled: list[str] | None
    cancel_at: Moment | None


class FieldError(Data):
    field: str
    code: str
    detail: str


class ErrorData(Data):
    """What you asked for was refused, with the codes of the API. `id` is yours, null where it could not be read."""

    id: RequestId | None
    op: str | None
    code: str
    detail: str
    errors: list[FieldError]
    retry_after: int | None
    command_id: str | None


class Wish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Base of what clients ask to be done: answered by one `ack` or one `error` with its `id`."""

    id: RequestId


class OrderNew(Wish, kw_only=True):
    """Place an order, as POST /sessions/{id}/orders does."""

    op: Literal["order.new"]
    participant_id: str | None = None
    asset: str
    side: Literal["buy", "sell"]
    quantity: Number
    quote_asset: str | None = None
    order_type: Literal["limit", "market"] | None = None
    price: Number | None = None
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] | None = None
    expires_at: Moment | None = None
    post_only: bool | None = None
    client_order_id: str | None = None


class OrderReplace(Wish, kw_only=True):
    """A new total quantity, a new price, or both, as PATCH /orders/{id} does."""

    op: Literal["order.replace"]
    order_id: str
    quantity: Number | None = None
    price: Number | None = None


class OrderCancel(Wish, kw_only=True):
    """Cancel one order, as DELETE /orders/{id} does."""

    op: Literal["order.cancel"]
    order_id: str


class OrderCancelAll(Wish, kw_only=True):
    """Cancel all open orders, or those of an asset or a side, as DELETE /sessions/{id}/orders does."""

    op: Literal["order.cancel_all"]
    participant_id: str | None = None
    asset: str | None = None
    side: Literal["buy", "sell"] | None = None


class Resume(msgspec.Struct, forbid_unknown_fields=True):
    """What a client may send: "I hold `seq` (and `feed_seq`): what did I miss?" """

    op: Literal["resume"]
    seq: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
    feed_seq: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] | None = None


class OrderCountdown(Wish, kw_only=True):
    """Cancel all your open orders in so many seconds, unless this is said again before; 0: don't."""

    op: Literal["order.countdown"]
    seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    participant_id: str | None = None


class OrderCancelOnDisconnect(Wish, kw_only=True):
    """Whether all your open orders are to be cancelled when this connection ends, however it ends."""

    op: Literal["order.cancel_on_disconnect"]
    on: bool
    participant_id: str | None = None


DATA: dict[str, type[Data]] = {
    "snapshot": SnapshotData,
    "tick": TickData,
    "trade": TradeData,
    "book": BookData,
    "allocation": AllocationData,
    "rfq": RfqData,
    "quote": QuoteData,
    "order": OrderData,
    "status": StatusData,
    "announcement": AnnouncementData,
    "heartbeat": HeartbeatData,
    "resync": ResyncData,
    "ack": AckData,
    "error": ErrorData,
}
"""Message type → what its `data` is."""
WISHES: dict[str, type[msgspec.Struct]] = {
    "resume": Resume,
    "order.new": OrderNew,
    "order.replace": OrderReplace,
    "order.cancel": OrderCancel,
    "order.cancel_all": OrderCancelAll,
    "order.countdown": OrderCountdown,
    "order.cancel_on_disconnect": OrderCancelOnDisconnect,
}
"""`op` → what a client may send."""
