"""A posted form → the body that markets.requests reads. Texts stay texts: units are made there."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from common.errors import InvalidInput

Body = dict[str, Any]
MOST_LEGS = 64


def fields(data: QueryDict, *names: str) -> Body:
    """The named fields that were filled in, without blanks around them."""
    return {name: text for name in names if (text := data.get(name, "").strip())}


def order(data: QueryDict, handle: str) -> Body:
    """The order ticket."""
    wanted = fields(
        data, "asset", "quote_asset", "side", "order_type", "quantity", "price", "time_in_force", "expires_at"
    )
    return {"participant_id": handle, **wanted, **_flag(data, "post_only")}


def rfq(data: QueryDict, handle: str) -> Body:
    """The form that asks for quotes."""
    return {"participant_id": handle, **fields(data, "leg_from", "leg_to", "amount_from", "expires_in")}


def quote(data: QueryDict, handle: str) -> Body:
    """The form that answers an RFQ."""
    return {"participant_id": handle, **fields(data, "rate", "expires_in"), **_flag(data, "firm")}


def session(data: QueryDict) -> Body:
    """The new-session form: rows of leg and q, and the terms that were filled in."""
    rows = [
        (leg.strip(), amount.strip())
        for leg, amount in zip(data.getlist("leg"), data.getlist("q"), strict=False)
        if leg.strip() or amount.strip()
    ]
    if any(not leg for leg, _ in rows):
        raise InvalidInput("legs", "Every quantity needs the name of its leg.")
    amounts = [amount for _, amount in rows]
    if any(amounts) and not all(amounts):
        raise InvalidInput("q", "Give a quantity for every leg, or for none to fix the basket later.")
    terms = fields(
        data,
        "session_id",
        "start_mode",
        "end_mode",
        "t1",
        "t2",
        "duration_minutes",
        "cash_per_participant",
        "fixing",
        "fixing_window",
        "fixing_max_age",
        "feed",
        "self_trade_prevention",
        "quantity_decimals",
        "price_decimals",
    )
    bounds = fields(data, *[name for name in data if name.startswith("bounds.")])
    if bounds:
        terms["bounds"] = {name.removeprefix("bounds."): text for name, text in bounds.items()}
    return {**terms, "legs": [leg for leg, _ in rows], **({"q": amounts} if any(amounts) else {})}


def prices(data: QueryDict, legs: tuple[str, ...]) -> dict[str, str] | None:
    """Typed fixing prices by leg; None where all are left blank: the feed's are meant."""
    typed = {leg: data.get(f"price.{leg}", "").strip() for leg in legs}
    return {leg: price for leg, price in typed.items() if price} or None


def values(data: Mapping[str, Any] | QueryDict) -> Body:
    """What was typed, to be shown again; the last value of each field."""
    return {str(name): data[name] for name in data if name not in {"csrfmiddlewaretoken", "command_id"}}


def _flag(data: QueryDict, name: str) -> Body:
    return {name: True} if data.get(name) else {}
