"""What came in at an edge (JSON, a form, CSV) → commands in integers. The only place where text becomes units."""

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from common.clock import SECOND, parse_time
from common.errors import InvalidInput
from common.fields import Fields as Fields
from common.money import LIMIT, parse_units
from markets.engine import commands as c
from markets.engine.events import Amounts, Bounds
from markets.engine.state import RATE_DECIMALS

_MINUTE = 60 * SECOND
_DEFAULT_CASH = 100_000


class Scaled(Protocol):
    """Whatever knows a session's scale and legs."""

    @property
    def legs(self) -> tuple[str, ...]: ...
    @property
    def quantity_decimals(self) -> int: ...
    @property
    def price_decimals(self) -> int: ...


def create_session(body: object) -> c.CreateSession:
    """POST /sessions → CreateSession. Participants bring `user`, the opaque id of who they are."""
    fields = Fields(body)
    quantity_decimals, price_decimals = _decimals(fields, "quantity_decimals"), _decimals(fields, "price_decimals")
    cash_decimals = quantity_decimals + price_decimals
    legs = _legs(fields)
    q = tuple(parse_units(value, quantity_decimals, f"q.{index}") for index, value in enumerate(_list(fields, "q")))
    t2, duration = fields.time("t2"), fields.units("duration_minutes", 0, default=0, minimum=1) * _MINUTE
    fixing = fields.choice("fixing", ("last", "twap", "median", "manual"), "last")
    command = c.CreateSession(
        session_id=fields.text("session_id"),
        legs=legs,
        q=q,
        quantity_decimals=quantity_decimals,
        price_decimals=price_decimals,
        cash_per_participant=fields.units(
            "cash_per_participant", cash_decimals, default=_DEFAULT_CASH * 10**cash_decimals
        ),
        start_mode=fields.choice("start_mode", ("immediate", "scheduled", "manual"), "immediate"),
        end_mode=fields.choice("end_mode", ("timed", "manual"), "timed" if t2 or duration else "manual"),
        t1=fields.time("t1"),
        t2=t2,
        duration=duration,
        feed=fields.text("feed", ""),
        fixing=fixing,
        fixing_window=fields.units("fixing_window", 0, default=0) * SECOND,
        fixing_max_age=fields.units("fixing_max_age", 0, default=60) * SECOND,
        self_trade_prevention=fields.choice(
            "self_trade_prevention", ("cancel_newest", "cancel_oldest", "cancel_both"), "cancel_newest"
        ),
        bounds=_bounds(fields, quantity_decimals),
        lot=fields.units("leg_lot", quantity_decimals, default=0),
        tick=fields.units("leg_tick", price_decimals, default=0),
        participants=_admissions(fields, legs, quantity_decimals),
    )
    fields.end()
    return command


def _decimals(fields: Fields, name: str) -> int:
    decimals = fields.units(name, 0, default=4)
    if decimals > 6:
        raise InvalidInput(name, f"{name} goes from 0 to 6.")
    return decimals


def _list(fields: Fields, name: str) -> list[object]:
    value = fields.take(name, [])
    if not isinstance(value, list | tuple):
        raise InvalidInput(fields.path(name), f"{name} must be a list.")
    return list(value)


def _legs(fields: Fields) -> tuple[str, ...]:
    legs = _list(fields, "legs")
    if not legs or not all(isinstance(leg, str) for leg in legs):
        raise InvalidInput("legs", "legs must be a list of names.")
    return tuple(str(leg) for leg in legs)


def _bounds(fields: Fields, quantity_decimals: int) -> Bounds:
    inner = Fields(fields.take("bounds", {}), at="bounds")
    bounds = Bounds(
        inner.units("min_quantity", quantity_decimals, default=0),
        inner.units("max_quantity", quantity_decimals, default=0),
        inner.units("price_band_percent", 2, default=0),
        inner.units("max_open_orders", 0, default=0),
        inner.units("orders_per_second", 0, default=0),
        inner.units("order_burst", 0, default=0),
    )
    inner.end()
    return bounds


def _admissions(fields: Fields, legs: tuple[str, ...], quantity_decimals: int) -> tuple[c.Admission, ...]:
    admissions = []
    for index, entry in enumerate(_list(fields, "participants")):
        inner = Fields(entry, at=f"participants.{index}")
        amounts = inner.take("allocations")
        admissions.append(
            c.Admission(
                participant=inner.text("participant_id"),
                user=inner.text("user"),
                amounts=_amounts(amounts, quantity_decimals, inner.path("allocations"))
                if amounts is not None
                else None,
            )
        )
        inner.end()
    return tuple(admissions)


def _amounts(body: object, decimals: int, at: str) -> Amounts:
    fields = Fields(body, at=at)
    assert isinstance(body, Mapping)
    return {leg: fields.units(leg, decimals) for leg in body}


def assign_allocations(scaled: Scaled, body: object) -> c.AssignAllocations:
    """`{}` or {"allocations": {who: {leg: quantity}}} → AssignAllocations."""
    fields = Fields(body)
    wanted = fields.take("allocations", {})
    fields.end()
    people = Fields(wanted, at="allocations")
    if not wanted:
        return c.AssignAllocations()
    allocations = {who: _amounts(people.take(who, {}), scaled.quantity_decimals, people.path(who)) for who in wanted}
    return c.AssignAllocations(allocations=allocations)


class _NewOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An order whose members have the right types; null counts as absent."""

    participant_id: str
    asset: str
    side: Literal["buy", "sell"]
    quantity: object
    quote_asset: str | None = None
    order_type: Literal["limit", "market"] | None = None
    price: object = None
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] | None = None
    expires_at: object = None
    post_only: bool | None = None
    client_order_id: str | None = None


def allocations(scaled: Scaled, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, Amounts]:
    """{who: {leg: text}} → units."""
    return {who: _amounts(texts, scaled.quantity_decimals, f"allocations.{who}") for who, texts in wanted.items()}


def place_order(scaled: Scaled, body: object) -> c.PlaceOrder:
    """POST /sessions/{id}/orders → PlaceOrder.

    Nearly every order has members of the right types, and is read at once; for any other Fields says what is wrong.
    """
    try:
        given = msgspec.convert(body, _NewOrder)
    except (msgspec.ValidationError, UnicodeError):
        return _order_by_fields(scaled, body)
    texts = f"{given.participant_id}{given.asset}{given.quote_asset}{given.client_order_id}"
    if given.quantity is None or not (texts.isascii() and texts.isprintable() and len(texts) <= 256):
        return _order_by_fields(scaled, body)
    return _priced(
        c.PlaceOrder(
            participant=given.participant_id,
            asset=given.asset,
            quote_asset="CASH" if given.quote_asset is None else given.quote_asset,
            is_buy=given.side == "buy",
            order_type=given.order_type or "limit",
            quantity=parse_units(given.quantity, scaled.quantity_decimals, "quantity", minimum=1),
            price=0 if given.price is None else parse_units(given.price, scaled.price_decimals, "price", minimum=1),
            time_in_force=given.time_in_force or "",
            expires_at=0 if given.expires_at is None else parse_time(given.expires_at, "expires_at"),
            post_only=given.post_only or False,
            client_order_id=given.client_order_id or "",
        )
    )


def _order_by_fields(scaled: Scaled, body: object) -> c.PlaceOrder:
    fields = Fields(body)
    command = c.PlaceOrder(
        participant=fields.text("participant_id"),
        asset=fields.text("asset"),
        quote_asset=fields.text("quote_asset", "CASH"),
        is_buy=fields.choice("side", ("buy", "sell")) == "buy",
        order_type=fields.choice("order_type", ("limit", "market"), "limit"),
        quantity=fields.units("quantity", scaled.quantity_decimals, minimum=1),
        price=fields.units("price", scaled.price_decimals, default=0, minimum=1),
        time_in_force=fields.choice("time_in_force", ("gtc", "gtd", "ioc", "fok"), ""),
        expires_at=fields.time("expires_at"),
        post_only=fields.flag("post_only"),
        client_order_id=fields.text("client_order_id", ""),
    )
    fields.end()
    return _priced(command)


def _priced(command: c.PlaceOrder) -> c.PlaceOrder:
    if len(command.client_order_id) > 64:
        raise InvalidInput("client_order_id", "client_order_id has at most 64 characters.")
    if command.order_type == "limit" and not command.price:
        raise InvalidInput("price", "A limit order needs a price.")
    return command


def replace_order(scaled: Scaled, number: int, body: object) -> c.ReplaceOrder:
    """PATCH /orders/{id} → ReplaceOrder: a new total quantity, a new price, or both."""
    fields = Fields(body)
    command = c.ReplaceOrder(
        order=number,
        quantity=fields.units("quantity", scaled.quantity_decimals, default=0, minimum=1),
        price=fields.units("price", scaled.price_decimals, default=0, minimum=1),
    )
    fields.end()
    if not command.quantity and not command.price:
        raise InvalidInput("quantity", "Give a new quantity, a new price, or both.")
    return command


def request_quote(scaled: Scaled, body: object) -> c.RequestQuote:
    """POST /sessions/{id}/rfq → RequestQuote."""
    fields = Fields(body)
    command = c.RequestQuote(
        participant=fields.text("participant_id"),
        leg_from=fields.text("leg_from"),
        leg_to=fields.text("leg_to"),
        amount_from=fields.units("amount_from", scaled.quantity_decimals, minimum=1),
        expires_in=_seconds(fields),
    )
    fields.end()
    return command


def provide_quote(rfq: int, body: object) -> c.ProvideQuote:
    """POST /rfq/{id}/quote → ProvideQuote."""
    fields = Fields(body)
    command = c.ProvideQuote(
        rfq=rfq,
        participant=fields.text("participant_id"),
        rate=fields.units("rate", RATE_DECIMALS, minimum=1),
        firm=fields.flag("firm"),
        expires_in=_seconds(fields),
    )
    fields.end()
    return command


def announce(body: object) -> c.Announce:
    """POST /sessions/{id}/announcements → Announce."""
    fields = Fields(body)
    command = c.Announce(text=fields.text("text").strip(), participant=fields.text("participant_id", ""))
    fields.end()
    return command


def _seconds(fields: Fields) -> int:
    """expires_in: whole seconds, absent for never."""
    seconds = fields.units("expires_in", 0, default=0, minimum=1)
    if seconds * SECOND >= LIMIT // 4:
        raise InvalidInput(fields.path("expires_in"), "expires_in is out of range.")
    return seconds
