"""The messages of a market's live feed: their types, which docs/asyncapi-predictions.yaml is made from.

`data` is what predictions.shapes makes, so that the feed and the API say the same; a test holds every message of a
whole run against the types here.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from common.live.message import Message as AnyMessage

Moment = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, microseconds")]
Price = Annotated[float, msgspec.Meta(ge=0, le=1, description="A price or probability, in whole cents")]
Money = Annotated[float, msgspec.Meta(description="Money, exact to a hundredth of a cent")]
Status = Literal["open", "closed", "proposed", "challenged", "resolved"]


class Message(AnyMessage):
    """A message about one market."""

    __slots__ = ()
    topic_name: ClassVar[str] = "market_id"


class Data(msgspec.Struct, forbid_unknown_fields=True):
    """Base of what messages carry."""


class Level(Data):
    price: Price
    size: int
    orders: int


class BookData(Data):
    """The whole book in YES prices, best first."""

    bids: list[Level]
    asks: list[Level]
    best_bid: Price | None
    best_ask: Price | None
    spread: Price | None
    mid_price: Price | None


class PriceData(Data):
    """What the market says: the last trade's price and what was traded so far."""

    yes_price: Price
    no_price: Price
    volume: Money
    trades: int
    open_interest: int


class OrderData(Data):
    """Anybody's order after a change, without saying whose it is."""

    id: str
    side: Literal["YES", "NO"]
    order_type: Literal["buy", "sell"]
    type: Literal["limit", "market"]
    price: Price | None
    size: int
    remaining: int
    status: str
    mine: Literal[False]


class OwnOrderData(Data):
    """Your order after a change. Only ever your own."""

    id: str
    agent_id: str
    market_id: str
    side: Literal["YES", "NO"]
    order_type: Literal["buy", "sell"]
    type: Literal["limit", "market"]
    price: Price | None
    size: int
    filled: int
    remaining: int
    status: Literal["open", "partially_filled", "filled", "cancelled", "expired", "pending_approval"]
    reason: str | None
    time_in_force: str
    expires_at: Moment | None
    approve_by: Moment | None
    client_order_id: str | None
    created_at: Moment
    updated_at: Moment
    trades: list[dict[str, Any]]
    locked: Money
    locked_fee: Money
    fee: Money
    mine: Literal[True]


class TradeData(Data):
    """A trade; `price` is of `side`."""

    id: str
    market_id: str
    kind: Literal["transfer", "mint", "burn"]
    side: Literal["YES", "NO"]
    price: Price
    yes_price: Price
    size: int
    buyer_id: str
    seller_id: str
    taker: Literal["buyer", "seller"]
    created_at: Moment


class PositionData(Data):
    """What an agent of yours holds. Only ever your own."""

    agent_id: str
    market_id: str
    question: str
    market_status: Status
    yes_shares: int
    no_shares: int
    yes_locked: int
    no_locked: int
    avg_yes_price: float | None
    avg_no_price: float | None
    value: Money
    unrealised_pnl: Money
    realised_pnl: Money
    fees: Money


class StatusData(Data):
    """The market after a step of its life."""

    status: Status
    step: Literal["closed", "proposed", "challenged", "resolved", "corrected"]
    market: Annotated[dict[str, Any], msgspec.Meta(description="As GET /markets/{id} answers it, but for its steps")]


class SnapshotData(Data):
    """Everything, as of `seq`: forget what you held."""

    market: Annotated[dict[str, Any], msgspec.Meta(description="As GET /markets/{id} answers it, but for its steps")]
    status: Status
    price: PriceData
    book: BookData
    orders: list[OwnOrderData]
    positions: list[PositionData]
    server_time: Moment


class HeartbeatData(Data):
    server_time: Moment


class ErrorData(Data):
    """What you sent was not understood."""

    code: Literal["invalid_input"]
    detail: str


class ResyncData(Data):
    """You read too slowly: the connection closes with 4408. Connect again."""

    reason: str


DATA: dict[str, tuple[type[Data], ...]] = {
    "snapshot": (SnapshotData,),
    "order": (OrderData, OwnOrderData),
    "trade": (TradeData,),
    "price": (PriceData,),
    "book": (BookData,),
    "position": (PositionData,),
    "status": (StatusData,),
    "heartbeat": (HeartbeatData,),
    "error": (ErrorData,),
    "resync": (ResyncData,),
}


class Resume(msgspec.Struct, forbid_unknown_fields=True):
    """What did I miss since `seq`?"""

    op: Literal["resume"]
    seq: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
