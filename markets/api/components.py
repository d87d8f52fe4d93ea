"""The components of the OpenAPI description: what goes in and what comes out, with examples."""

from typing import Any

Schema = dict[str, Any]
_TIME: Schema = {"type": "string", "format": "date-time", "example": "2026-01-31T09:00:00.000000Z"}
_NUMBER: Schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "example": "6.2000"}
_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "example": "2Wv1hQpXr7D4mN9kT3bY8z-17"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_HANDLE: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,32}$", "example": "alice"}
_WORDS: Schema = {"type": "array", "items": _TEXT}
_GIVEN: Schema = {
    "description": "An exact decimal, as text or as a JSON number.",
    "anyOf": [{"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,4})?$"}, {"type": "number", "minimum": 0}],
}


def _maybe(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


def _map(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def _answer(**properties: Schema) -> Schema:
    """What comes out: every member is always there."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _body(*required: str, example: Any = None, **properties: Schema) -> Schema:
    """What goes in: a member that is not named here is refused."""
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    if example is not None:
        schema["example"] = example
    return schema


def _one_of(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


_LISTING = {
    "session_id": _TEXT,
    "legs": _WORDS,
    "q": {"type": "array", "items": _NUMBER},
    "status": _one_of("created", "active", "halted", "closed", "settled", "cancelled"),
    "start_mode": _one_of("immediate", "scheduled", "manual"),
    "end_mode": _one_of("timed", "manual"),
    "t1": _maybe(_TIME),
    "t2": _maybe(_TIME),
    "created_at": _TIME,
    "closed_at": _maybe(_TIME),
    "settled_at": _maybe(_TIME),
    "imported": {"type": "boolean", "description": "It happened on another installation, and can only be read."},
}
_BUCKET = _answer(
    per_second={**_COUNT, "example": 100}, burst={**_COUNT, "example": 1000}, left=_maybe({**_COUNT, "example": 998})
)
_FIXING = _answer(
    rule=_TEXT,
    at=_TIME,
    prices=_map(_NUMBER),
    feed=_maybe(_TEXT),
    window=_COUNT,
    tick_count=_COUNT,
    first_tick=_maybe(_COUNT),
    last_tick=_maybe(_COUNT),
    ticks_sha256=_maybe(_TEXT),
)
_FILL = _answer(trade_id=_ID, quantity=_NUMBER, price=_NUMBER, liquidity=_one_of("maker", "taker"), executed_at=_TIME)
_LEVEL = _answer(price=_NUMBER, quantity=_NUMBER, orders=_COUNT)
_HOLDING: Schema = {
    "type": "object",
    "required": ["total"],
    "properties": {"total": _NUMBER, "reserved": _NUMBER, "available": _NUMBER},
    "description": "reserved and available are shown of one's own only.",
}
_ORDER = _answer(
    order_id=_ID,
    session_id=_TEXT,
    participant_id=_HANDLE,
    asset=_TEXT,
    quote_asset=_TEXT,
    side=_one_of("buy", "sell"),
    order_type=_one_of("limit", "market"),
    quantity=_NUMBER,
    price=_maybe(_NUMBER),
    filled_quantity=_NUMBER,
    remaining_quantity=_NUMBER,
    status=_one_of("open", "partially_filled", "filled", "cancelled", "expired"),
    reason=_maybe(_TEXT),
    time_in_force=_one_of("gtc", "gtd", "ioc", "fok"),
    expires_at=_maybe(_TIME),
    post_only=_FLAG,
    client_order_id=_maybe(_TEXT),
    created_at=_TIME,
    updated_at=_TIME,
    trades={"type": "array", "items": _FILL},
)
_STANDING = {
    "rank": _COUNT,
    "participant_id": _HANDLE,
    "name": _TEXT,
    "cash": _NUMBER,
    "value": _NUMBER,
    "pnl": _NUMBER,
}
_KEY = {
    "key_id": _COUNT,
    "name": _TEXT,
    "prefix": _TEXT,
    "scopes": _WORDS,
    "session_id": _maybe(_TEXT),
    "created_at": _TIME,
    "expires_at": _maybe(_TIME),
    "last_used_at": _maybe(_TIME),
}
_NEW_ORDER = {
    "participant_id": {**_HANDLE, "description": "The caller's own handle if absent."},
    "asset": _TEXT,
    "quote_asset": {**_TEXT, "default": "CASH"},
    "side": _one_of("buy", "sell"),
    "order_type": {**_one_of("limit", "market"), "default": "limit"},
    "quantity": _GIVEN,
    "price": _GIVEN,
    "time_in_force": _one_of("gtc", "gtd", "ioc", "fok"),
    "expires_at": _TIME,
    "post_only": _FLAG,
    "client_order_id": {"type": "string", "maxLength": 64},
}
_PLACED = {
    "participant_id": "alice",
    "asset": "AAPL",
    "side": "buy",
    "order_type": "limit",
    "quantity": 10,
    "price": 150.00,
}
_PRICED = {"AAPL": "190.10", "NVDA": "480.20", "META": "350.00", "ORCL": "104.30"}

COMPONENTS: dict[str, Schema] = {
    "Problem": {
        **_answer(
            type=_TEXT,
            title=_TEXT,
            status={"type": "integer"},
            detail=_TEXT,
            code=_TEXT,
            errors={"type": "array", "items": _answer(field=_TEXT, code=_TEXT, detail=_TEXT)},
        ),
        "example": {
            "type": "/docs/problems#insufficient_units",
            "title": "Insufficient units",
            "status": 422,
            "detail": "This needs 500.0000 AAPL; 50.0000 are available.",
            "code": "insufficient_units",
            "errors": [
                {
                    "field": "quantity",
                    "code": "insufficient_units",
                    "detail": "This needs 500.0000 AAPL; 50.0000 are available.",
                }
            ],
        },
    },
    "Empty": _body(example={}),
    "Reason": _body("reason", example={"reason": "prices were wrong"}, reason=_TEXT),
    "OptionalReason": _body(example={"reason": "a break"}, reason=_TEXT),
    "Prices": _body("prices", example={"prices": _PRICED}, prices=_map(_GIVEN)),
    # Sessions
    "SessionListing": _answer(**_LISTING),
    "Session": _answer(
        **_LISTING,
        duration_minutes=_maybe(_COUNT),
        quantity_decimals=_COUNT,
        price_decimals=_COUNT,
        cash_per_participant=_NUMBER,
        cash_issued=_NUMBER,
        feed=_maybe(_TEXT),
        fixing=_one_of("last", "twap", "median", "manual"),
        fixing_window=_COUNT,
        fixing_max_age=_COUNT,
        self_trade_prevention=_one_of("cancel_newest", "cancel_oldest", "cancel_both"),
        bounds=_answer(
            min_quantity=_maybe(_NUMBER),
            max_quantity=_maybe(_NUMBER),
            price_band_percent=_maybe(_NUMBER),
            max_open_orders=_maybe(_COUNT),
            orders_per_second=_maybe(_COUNT),
            order_burst=_maybe(_COUNT),
        ),
        leg_lot=_NUMBER,
        leg_tick=_NUMBER,
        last_fixing=_maybe({"allOf": [_FIXING]}),
        role=_maybe(_one_of("organiser", "participant")),
        participant_id=_maybe(_HANDLE),
    ),
    "NewSession": _body(
        "session_id",
        "legs",
        example={
            "session_id": "demo",
            "legs": ["AAPL", "NVDA", "META", "ORCL"],
            "q": [100, 60, 80, 120],
            "start_mode": "immediate",
            "end_mode": "manual",
        },
        session_id={"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
        legs={"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 64},
        q={"type": "array", "items": _GIVEN},
        start_mode=_LISTING["start_mode"],
        end_mode=_LISTING["end_mode"],
        t1=_TIME,
        t2=_TIME,
        duration_minutes=_COUNT,
        cash_per_participant=_GIVEN,
        quantity_decimals={**_COUNT, "maximum": 6},
        price_decimals={**_COUNT, "maximum": 6},
        feed=_TEXT,
        fixing=_one_of("last", "twap", "median", "manual"),
        fixing_window=_COUNT,
        fixing_max_age=_COUNT,
        self_trade_prevention=_one_of("cancel_newest", "cancel_oldest", "cancel_both"),
        bounds=_body(
            min_quantity=_GIVEN,
            max_quantity=_GIVEN,
            price_band_percent=_GIVEN,
            max_open_orders=_COUNT,
            orders_per_second=_COUNT,
            order_burst=_COUNT,
        ),
        leg_lot=_GIVEN,
        leg_tick=_GIVEN,
        participants={
            "type": "array",
            "items": _body(
                "participant_id",
                participant_id=_HANDLE,
                user={**_TEXT, "description": "An account's sign-in name; made up if absent."},
                name=_TEXT,
                allocations=_map(_GIVEN),
            ),
        },
    ),
    "Settlement": _answer(
        session_id=_TEXT,
        settlement_prices=_map(_NUMBER),
        fixing=_FIXING,
        payouts=_map(_NUMBER),
        cash=_map(_NUMBER),
        treasury=_answer(payout=_NUMBER, cash=_NUMBER),
        totals=_answer(payouts=_NUMBER, basket=_NUMBER, cash=_NUMBER, cash_issued=_NUMBER),
        reason=_maybe(_TEXT),
        settled_at=_TIME,
        head_hash=_maybe(_TEXT),
    ),
    "Settle": _body(example={"prices": _PRICED}, prices=_map(_GIVEN)),
    "CorrectSettlement": _body(
        "prices", "reason", example={"prices": _PRICED, "reason": "a typo"}, prices=_map(_GIVEN), reason=_TEXT
    ),
    # People
    "Participant": {
        "type": "object",
        "required": ["participant_id", "session_id", "name", "joined_at"],
        "properties": {
            "participant_id": _HANDLE,
            "session_id": _TEXT,
            "name": _TEXT,
            "joined_at": _TIME,
            "user": {**_maybe(_TEXT), "description": "The sign-in name, for the organiser."},
        },
    },
    "NewParticipant": _body(
        "participant_id",
        example={"participant_id": "alice", "name": "Alice"},
        participant_id=_HANDLE,
        name={"type": "string", "maxLength": 80},
        user={**_TEXT, "description": "For organisers: whom they admit, by sign-in name; made up if absent."},
    ),
    "Allocations": _answer(session_id=_TEXT, q=_map(_NUMBER), cash_issued=_NUMBER, allocations=_map(_map(_HOLDING))),
    "Assign": _body(example={"allocations": {"alice": {"AAPL": 50, "NVDA": 30}}}, allocations=_map(_map(_GIVEN))),
    "Assigned": _answer(session_id=_TEXT, assigned=_map(_map(_NUMBER))),
    # Orders
    "Order": _ORDER,
    "NewOrder": _body("asset", "side", "quantity", example=_PLACED, **_NEW_ORDER),
    "ReplaceOrder": _body(example={"quantity": 8, "price": "149.50"}, quantity=_GIVEN, price=_GIVEN),
    "CancelledOrders": _answer(cancelled={"type": "array", "items": _ID}),
    "Bulk": _body(
        "orders",
        example={"orders": [{"action": "place", **_PLACED}, {"action": "cancel", "order_id": _ID["example"]}]},
        orders={
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": _body(action=_one_of("place", "replace", "cancel"), order_id=_TEXT, **_NEW_ORDER),
        },
    ),
    "BulkResult": _answer(
        results={
            "type": "array",
            "items": _answer(
                order=_maybe({"allOf": [{"$ref": "#/components/schemas/Order"}]}),
                error=_maybe({"allOf": [_answer(code=_TEXT, detail=_TEXT, field=_maybe(_TEXT))]}),
            ),
        }
    ),
    "Book": _answer(
        session_id=_TEXT,
        asset=_TEXT,
        quote_asset=_TEXT,
        bids={"type": "array", "items": _LEVEL},
        asks={"type": "array", "items": _LEVEL},
    ),
    # RFQ
    "Rfq": _answer(
        rfq_id=_ID,
        session_id=_TEXT,
        requester_id=_HANDLE,
        leg_from=_TEXT,
        leg_to=_TEXT,
        amount_from=_NUMBER,
        status=_one_of("open", "executed", "cancelled", "expired"),
        reason=_maybe(_TEXT),
        expires_at=_maybe(_TIME),
        created_at=_TIME,
    ),
    "NewRfq": _body(
        "leg_from",
        "leg_to",
        "amount_from",
        example={"participant_id": "alice", "leg_from": "AAPL", "leg_to": "NVDA", "amount_from": 10},
        participant_id=_HANDLE,
        leg_from=_TEXT,
        leg_to=_TEXT,
        amount_from=_GIVEN,
        expires_in=_COUNT,
    ),
    "Quote": _answer(
        quote_id=_ID,
        rfq_id=_ID,
        session_id=_TEXT,
        quoter_id=_HANDLE,
        rate=_NUMBER,
        leg_to=_TEXT,
        amount_to=_NUMBER,
        firm=_FLAG,
        status=_one_of("open", "accepted", "rejected", "withdrawn", "expired"),
        reason=_maybe(_TEXT),
        expires_at=_maybe(_TIME),
        created_at=_TIME,
    ),
    "NewQuote": _body(
        "rate",
        example={"participant_id": "maker", "rate": 0.62},
        participant_id=_HANDLE,
        rate=_GIVEN,
        firm=_FLAG,
        expires_in=_COUNT,
    ),
    "Trade": _answer(
        trade_id=_ID,
        session_id=_TEXT,
        rfq_id=_maybe(_ID),
        quote_id=_maybe(_ID),
        participant_a=_HANDLE,
        participant_b=_HANDLE,
        leg_from=_TEXT,
        leg_to=_TEXT,
        amount_from=_NUMBER,
        amount_to=_NUMBER,
        price=_maybe(_NUMBER),
        taker_side=_maybe(_one_of("buy", "sell")),
        executed_at=_TIME,
        busted=_FLAG,
    ),
    "Announcement": _answer(
        announcement_id=_ID,
        session_id=_TEXT,
        participant_id={**_maybe(_TEXT), "description": "Who alone was told; null: everybody."},
        text=_TEXT,
        announced_at=_TIME,
    ),
    "NewAnnouncement": _body(
        "text",
        example={"text": "Five minutes left."},
        text={"type": "string", "minLength": 1, "maxLength": 500},
        participant_id={**_HANDLE, "description": "Tell only this one; everybody if absent."},
    ),
    # Prices
    "Tick": _answer(
        session_id=_TEXT,
        feed_seq=_COUNT,
        prices=_map(_NUMBER),
        source_at=_maybe(_TIME),
        published_at=_TIME,
        restart=_FLAG,
    ),
    "PushPrices": _body(
        "prices",
        example={"prices": _PRICED},
        prices=_map(_GIVEN),
        source_at=_TIME,
        ts={**_TIME, "description": "Another name for source_at."},
    ),
    "Feed": _answer(
        feed_id={"type": "string", "format": "uuid"},
        name=_TEXT,
        mode=_one_of("sim", "replay", "push"),
        status=_one_of("running", "stopped"),
        instruments=_WORDS,
        price_decimals=_COUNT,
        last_seq=_COUNT,
        created_at=_TIME,
        started_at=_maybe(_TIME),
        settings={"type": "object", "nullable": True, "additionalProperties": True},
    ),
    "NewFeed": _body(
        "mode",
        example={"session_id": "demo", "mode": "sim", "settings": {"tick_ms": 1000, "seed": 7}},
        session_id={**_TEXT, "description": "Give this session its own source and start it."},
        name=_TEXT,
        mode=_one_of("sim", "replay", "push"),
        instruments=_WORDS,
        price_decimals={**_COUNT, "maximum": 6},
        settings={"type": "object", "additionalProperties": True},
        csv={**_TEXT, "description": "A replay's CSV: ts,AAPL,NVDA and a line for each tick."},
    ),
    "Pace": _body(
        example={"tick_ms": 500},
        tick_ms={"type": "integer", "minimum": 1},
        max_ticks={"type": "integer", "minimum": 0},
        loop=_FLAG,
    ),
    # History and value
    "Event": _answer(
        seq=_COUNT,
        type=_TEXT,
        version=_COUNT,
        at=_TIME,
        actor=_maybe(_TEXT),
        command_id=_maybe(_TEXT),
        payload=_maybe({**_TEXT, "description": "Canonical JSON, the very text that was hashed; units as stored."}),
        hash=_TEXT,
        withheld=_FLAG,
    ),
    "Verification": _answer(
        session_id=_TEXT, ok=_FLAG, findings=_WORDS, seq=_COUNT, head_hash=_TEXT, checked_at=_TIME
    ),
    "Limits": _answer(
        order_entry=_answer(orders=_maybe(_BUCKET), cancels=_maybe(_BUCKET)),
        costs={
            "type": "array",
            "items": _answer(method=_TEXT, path=_TEXT, bucket=_one_of("orders", "cancels"), cost=_COUNT),
        },
        verify=_answer(per_minute=_COUNT, burst=_COUNT),
        bulk_orders=_COUNT,
        body_bytes=_COUNT,
        message_bytes=_COUNT,
    ),
    "Portfolio": _answer(
        session_id=_TEXT,
        **_STANDING,
        holdings=_map(
            _answer(
                total=_NUMBER,
                reserved=_NUMBER,
                available=_NUMBER,
                price=_maybe(_NUMBER),
                value=_maybe(_NUMBER),
            )
        ),
        prices_from=_TEXT,
        prices_at=_maybe(_TIME),
    ),
    "Leaderboard": _answer(
        session_id=_TEXT,
        prices=_map(_NUMBER),
        prices_from=_TEXT,
        prices_at=_maybe(_TIME),
        results={"type": "array", "items": _answer(**_STANDING)},
    ),
    "Candles": _answer(
        asset=_TEXT,
        interval=_COUNT,
        source=_one_of("ticks", "trades"),
        candles={
            "type": "array",
            "items": _answer(at=_TIME, open=_NUMBER, high=_NUMBER, low=_NUMBER, close=_NUMBER, volume=_NUMBER),
        },
    ),
    # Keys
    "Key": _answer(**_KEY),
    "IssuedKey": _answer(**_KEY, user=_TEXT, secret={**_TEXT, "description": "Shown once, kept nowhere."}),
    "NewKey": _body(
        "name",
        example={"name": "my bot", "scopes": ["read", "trade"], "session_id": "demo"},
        name={"type": "string", "minLength": 1, "maxLength": 80},
        scopes={"type": "array", "items": _one_of("read", "trade", "organise", "feed"), "minItems": 1},
        session_id=_TEXT,
        expires_at=_TIME,
        user={**_TEXT, "description": "For administrators: whose key, by sign-in name."},
    ),
    "Me": _answer(user=_TEXT, user_id=_TEXT, is_organiser=_FLAG, is_superuser=_FLAG, scopes=_WORDS),
}
