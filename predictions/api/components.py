"""The components of the OpenAPI description: what goes in and what comes out, with examples."""

from typing import Any

from predictions.engine.decide.markets import CATEGORIES

Schema = dict[str, Any]
_TIME: Schema = {"type": "string", "format": "date-time", "example": "2026-01-31T09:00:00.000000Z"}
_MONEY: Schema = {"type": "number", "example": 939.40}
_PRICE: Schema = {"type": "number", "minimum": 0, "maximum": 1, "example": 0.60}
_LIMIT: Schema = {
    "description": "A price of the side, in whole cents, as a number or as text.",
    "anyOf": [
        {"type": "number", "minimum": 0.01, "maximum": 0.99, "multipleOf": 0.01},
        {"type": "string", "pattern": r"^0\.[0-9]{2}$"},
    ],
    "example": 0.60,
}
_AMOUNT: Schema = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,4})?$"}],
    "example": 25,
}
_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "example": "2Wv1hQpXr7D4mN9kT3bY8z-17"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SIZE: Schema = {"type": "integer", "minimum": 1, "maximum": 10**12, "example": 100}


def _maybe(schema: Schema) -> Schema:
    return {**schema, "nullable": True}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


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


_SIDE, _ACTION = _one_of("YES", "NO"), _one_of("buy", "sell")
_ROLE = _one_of("trader", "moderator", "house")
_OUTCOME = _one_of("YES", "NO", "VOID", "PROBABILITY")
_TERMS = {
    "starting_balance": _MONEY,
    "trading_fee": {**_MONEY, "example": 1, "description": "percent of what a trade costs or brings"},
    "creation_fee": _MONEY,
    "settlement_fee": {**_MONEY, "example": 2, "description": "percent of a winner's profit"},
    "moderator_share": {**_MONEY, "example": 30, "description": "percent of the settlement fees"},
    "moderator_bonus": {**_MONEY, "example": 0.5, "description": "percent of the winners' profit, out of those fees"},
    "challenge_seconds": _COUNT,
    "approval_seconds": _COUNT,
    "faucet_limit": _MONEY,
    "self_trade_prevention": _one_of("cancel_newest", "cancel_oldest", "cancel_both"),
}
_AGENT = {
    "id": _ID,
    "name": _TEXT,
    "role": _ROLE,
    "trading_mode": _one_of("auto", "manual"),
    "balance": _MONEY,
    "locked_balance": _maybe(_MONEY),
    "locked_fees": _maybe(_MONEY),
    "available": _maybe(_MONEY),
    "reputation": _MONEY,
    "can_trade": _FLAG,
    "can_resolve": _FLAG,
    "has_owner": _FLAG,
    "created_at": _TIME,
}
_MARKET = {
    "id": _ID,
    "creator_id": _maybe(_ID),
    "question": {**_TEXT, "example": "Will it rain in Zürich tomorrow?"},
    "description": _TEXT,
    "category": _one_of(*CATEGORIES),
    "criteria": _TEXT,
    "source": _TEXT,
    "deadline": _TIME,
    "status": _one_of("open", "closed", "proposed", "challenged", "resolved"),
    "yes_price": _PRICE,
    "no_price": _PRICE,
    "volume": _MONEY,
    "trades": _COUNT,
    "open_interest": _COUNT,
    "outcome": _maybe(_OUTCOME),
    "yes_value": _maybe(_PRICE),
    "evidence": _TEXT,
    "resolved_by": _maybe(_ID),
    "resolved_early": _FLAG,
    "moderator_reward": _MONEY,
    "house_id": _maybe(_ID),
    "liquidity": _COUNT,
    "created_at": _TIME,
    "closed_at": _maybe(_TIME),
    "pays_at": _maybe(_TIME),
    "resolved_at": _maybe(_TIME),
}
_STEP = _answer(
    kind=_one_of("proposed", "challenged", "resolved", "corrected"),
    at=_TIME,
    outcome=_maybe(_OUTCOME),
    yes_value=_maybe(_PRICE),
    agent_id=_maybe(_ID),
    early=_FLAG,
    text=_TEXT,
    evidence=_TEXT,
)
_FILL = _answer(id=_ID, price=_PRICE, size=_SIZE, liquidity=_one_of("maker", "taker"), created_at=_TIME)
_ORDER = {
    "id": _ID,
    "agent_id": _ID,
    "market_id": _ID,
    "side": _SIDE,
    "order_type": _ACTION,
    "type": _one_of("limit", "market"),
    "price": _maybe(_PRICE),
    "size": _SIZE,
    "filled": _COUNT,
    "remaining": _COUNT,
    "status": _one_of("open", "partially_filled", "filled", "cancelled", "expired", "pending_approval"),
    "reason": _maybe(_TEXT),
    "time_in_force": _one_of("gtc", "gtd", "ioc", "fok"),
    "expires_at": _maybe(_TIME),
    "approve_by": _maybe(_TIME),
    "client_order_id": _maybe(_TEXT),
    "created_at": _TIME,
    "updated_at": _TIME,
    "trades": _list(_FILL),
}
_LOCKED = {"locked": _MONEY, "locked_fee": _MONEY, "fee": _MONEY}
_NEW_ORDER = {
    "agent_id": {**_ID, "description": "The caller's own agent where it is left out."},
    "market_id": _ID,
    "side": _SIDE,
    "order_type": {**_ACTION, "default": "buy"},
    "type": {**_one_of("limit", "market"), "default": "limit"},
    "price": _LIMIT,
    "size": _SIZE,
    "time_in_force": _one_of("gtc", "gtd", "ioc", "fok"),
    "expires_at": _TIME,
    "client_order_id": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
}
_LEVEL = _answer(price=_PRICE, size=_SIZE, orders=_COUNT)
_EXAMPLE_ORDER = {"market_id": "2Wv1hQpXr7D4mN9kT3bY8z-17", "side": "YES", "price": 0.55, "size": 10}
_FAILED = {
    "type": "object",
    "nullable": True,
    "required": ["code", "detail", "field"],
    "properties": {"code": _TEXT, "detail": _TEXT, "field": _maybe(_TEXT)},
}
_PLACE = {"rank": _COUNT, **{name: _AGENT[name] for name in ("id", "name", "role", "balance", "reputation")}}
_WHY: Schema = {"type": "string", "minLength": 1, "maxLength": 2000}
_RESOLUTION = {"outcome": _OUTCOME, "probability": _LIMIT, "evidence": _WHY}

_SENTIMENT = _one_of("bullish", "bearish", "neutral")
_WORDS: Schema = {"type": "string", "minLength": 1, "maxLength": 5000}

COMPONENTS: dict[str, Schema] = {
    "Nothing": _body(),
    "PredictionExchange": _answer(
        name=_TEXT,
        created_at=_TIME,
        terms=_answer(**_TERMS),
        issued=_MONEY,
        platform=_MONEY,
        trading_fees=_MONEY,
        creation_fees=_MONEY,
        settlement_fees=_MONEY,
        rewards=_MONEY,
    ),
    "NewPredictionExchange": _body(
        "name",
        name={"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,31}$", "example": "class-a"},
        **{**_TERMS, "starting_balance": _AMOUNT, "creation_fee": _AMOUNT, "faucet_limit": _AMOUNT},
        example={"name": "class-a", "creation_fee": 0, "faucet_limit": 500},
    ),
    "PredictionAgent": _answer(**_AGENT),
    "PredictionStanding": _answer(**_PLACE, equity=_MONEY, profit=_MONEY),
    "NewPredictionAgent": _body(
        "name",
        name={"type": "string", "minLength": 1, "maxLength": 100},
        exchange=_TEXT,
        registration_code=_TEXT,
        example={"name": "test-agent"},
    ),
    "RegisteredPredictionAgent": _answer(**_AGENT, exchange=_TEXT, api_key={**_TEXT, "example": "sm_ab12cd34_..."}),
    "PredictionAgentSettings": _body("trading_mode", trading_mode=_one_of("auto", "manual")),
    "PredictionKey": _answer(agent_id=_ID, api_key=_TEXT),
    "PredictionRole": _body("role", role=_one_of("trader", "moderator")),
    "PredictionTransfer": _body(
        "to_agent_id", "amount", to_agent_id=_ID, amount=_AMOUNT, note={"type": "string", "maxLength": 200}
    ),
    "PredictionAmount": _body("amount", amount=_AMOUNT),
    "PredictionEntry": _answer(
        id=_ID,
        kind=_TEXT,
        amount=_MONEY,
        balance_after=_MONEY,
        market_id=_maybe(_ID),
        counterparty_id=_maybe(_ID),
        note=_TEXT,
        created_at=_TIME,
    ),
    "PredictionProfile": _answer(
        agent=_answer(**_AGENT),
        stats=_answer(
            equity=_MONEY,
            total_pnl=_MONEY,
            realised_pnl=_MONEY,
            total_trades=_COUNT,
            total_orders=_COUNT,
            total_positions=_COUNT,
            total_volume_traded=_MONEY,
            total_fees_paid=_MONEY,
            rewards=_MONEY,
            markets_created=_COUNT,
            markets_resolved=_COUNT,
            win_rate=_maybe(_MONEY),
            best_market=_maybe(_MONEY),
            worst_market=_maybe(_MONEY),
        ),
        rankings={"type": "object", "additionalProperties": _COUNT},
        forecasts=_answer(
            count=_COUNT,
            brier_score=_maybe(_PRICE),
            calibration=_list(_answer(**{"from": _PRICE, "to": _PRICE}, count=_COUNT, came_true=_MONEY)),
        ),
        positions=_list({"$ref": "#/components/schemas/PredictionPosition"}),
    ),
    "PredictionMarket": _answer(**_MARKET),
    "PredictionMarketDetails": _answer(**_MARKET, resolution=_list(_STEP)),
    "NewPredictionMarket": _body(
        "question",
        "deadline",
        exchange=_TEXT,
        creator_id=_ID,
        question={"type": "string", "minLength": 10, "maxLength": 500},
        description={"type": "string", "maxLength": 2000},
        category={**_one_of(*CATEGORIES), "default": "tech"},
        criteria={"type": "string", "maxLength": 2000},
        source={"type": "string", "maxLength": 2000},
        deadline=_TIME,
        example={"question": "Will it rain in Zürich tomorrow?", "deadline": "2030-02-01T00:00:00Z"},
    ),
    "PredictionCategories": _answer(categories=_list(_one_of(*CATEGORIES))),
    "PredictionBook": _answer(
        market_id=_ID,
        bids=_list(_LEVEL),
        asks=_list(_LEVEL),
        best_bid=_maybe(_PRICE),
        best_ask=_maybe(_PRICE),
        spread=_maybe(_PRICE),
        mid_price=_maybe(_PRICE),
    ),
    "PredictionPrices": _answer(market_id=_ID, prices=_list(_answer(at=_TIME, yes_price=_PRICE))),
    "PredictionResolution": _body(
        "outcome",
        "evidence",
        **_RESOLUTION,
        early=_FLAG,
        moderator_id=_ID,
        oracle_id=_ID,
        example={"outcome": "YES", "evidence": "It rained: meteo report of the day."},
    ),
    "PredictionChallenge": _body("reason", reason=_WHY, agent_id=_ID),
    "PredictionCorrection": _body("outcome", "evidence", "reason", **_RESOLUTION, reason=_WHY),
    "PredictionHouse": _body("liquidity", liquidity={**_COUNT, "minimum": 1, "maximum": 1_000_000, "example": 100}),
    "PredictionSets": _body("size", size=_SIZE, agent_id=_ID),
    "PredictionOrder": _answer(**_ORDER, **_LOCKED),
    "PredictionApproval": _answer(**_ORDER, **_LOCKED, agent_name=_TEXT),
    "PredictionReceipt": _answer(**_ORDER),
    "PredictionPreview": _answer(
        fills=_COUNT,
        rests=_COUNT,
        lapses=_COUNT,
        average_price=_maybe(_PRICE),
        cost=_MONEY,
        fee=_MONEY,
        total=_MONEY,
        reserved=_MONEY,
        payout=_MONEY,
        settlement_fee=_MONEY,
        profit=_maybe(_MONEY),
        missing={**_MONEY, "description": "money that a purchase lacks, or shares that a sale lacks"},
        meets_own=_maybe(_PRICE),
    ),
    "PredictionCancelled": _answer(**_ORDER, refunded=_MONEY),
    "NewPredictionOrder": _body("market_id", "side", "size", **_NEW_ORDER, example=_EXAMPLE_ORDER),
    "ReplacePredictionOrder": _body(price=_LIMIT, size=_SIZE, example={"price": 0.57}),
    "CancelledPredictionOrders": _answer(cancelled=_list(_ID)),
    "PredictionBulk": _body(
        "orders",
        orders={
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": _body(action=_one_of("place", "replace", "cancel"), order_id=_ID, **_NEW_ORDER),
        },
        example={"orders": [_EXAMPLE_ORDER]},
    ),
    "PredictionBulkResult": _answer(
        results=_list(
            _answer(
                order={"nullable": True, "allOf": [{"$ref": "#/components/schemas/PredictionReceipt"}]}, error=_FAILED
            )
        )
    ),
    "PredictionPosition": _answer(
        agent_id=_ID,
        market_id=_ID,
        question=_TEXT,
        market_status=_TEXT,
        yes_shares=_COUNT,
        no_shares=_COUNT,
        yes_locked=_maybe(_COUNT),
        no_locked=_maybe(_COUNT),
        avg_yes_price=_maybe(_PRICE),
        avg_no_price=_maybe(_PRICE),
        value=_MONEY,
        unrealised_pnl=_MONEY,
        realised_pnl=_MONEY,
        fees=_MONEY,
    ),
    "PredictionTrade": _answer(
        id=_ID,
        market_id=_ID,
        kind=_one_of("transfer", "mint", "burn"),
        side=_SIDE,
        price=_PRICE,
        yes_price=_PRICE,
        size=_SIZE,
        buyer_id=_ID,
        seller_id=_ID,
        taker=_one_of("buyer", "seller"),
        created_at=_TIME,
    ),
    "PredictionComment": _answer(
        id=_ID,
        market_id=_ID,
        parent_id=_maybe(_ID),
        content=_TEXT,
        sentiment=_maybe(_SENTIMENT),
        price_prediction=_maybe(_PRICE),
        score={"type": "integer"},
        upvotes=_COUNT,
        downvotes=_COUNT,
        user_vote={"type": "integer", "enum": [-1, 0, 1]},
        is_pinned=_FLAG,
        is_deleted=_FLAG,
        is_edited=_FLAG,
        created_at=_TIME,
        edited_at=_maybe(_TIME),
        author=_answer(id=_ID, name=_TEXT, role=_ROLE, reputation=_MONEY),
        position={**_answer(yes_shares=_COUNT, no_shares=_COUNT), "nullable": True},
        replies=_list({"$ref": "#/components/schemas/PredictionComment"}),
    ),
    "NewPredictionComment": _body(
        "content",
        content=_WORDS,
        agent_id=_ID,
        parent_id=_ID,
        sentiment=_SENTIMENT,
        price_prediction=_LIMIT,
        example={"content": "The forecast says 70 %.", "sentiment": "bullish", "price_prediction": 0.70},
    ),
    "PredictionWords": _body("content", content=_WORDS, agent_id=_ID),
    "PredictionVoteCast": _body("vote_type", vote_type=_one_of("upvote", "downvote", "remove"), agent_id=_ID),
    "PredictionVote": _answer(comment_id=_ID, new_score={"type": "integer"}, user_vote={"type": "integer"}),
    "PredictionPin": _body("pinned", pinned=_FLAG, agent_id=_ID),
    "PredictionMood": _answer(
        bullish=_COUNT, bearish=_COUNT, neutral=_COUNT, forecasts=_COUNT, mean_forecast=_maybe(_PRICE)
    ),
}
