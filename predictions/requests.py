"""JSON at the edge → what exchanges understand, in integers. The only place where text becomes units."""

from collections.abc import Sequence
from uuid import UUID

from common.clock import SECOND
from common.errors import DomainError, InvalidInput
from common.fields import Fields
from common.ids import parse_public_id
from predictions.engine import commands as c
from predictions.engine.events import Terms

_MONEY_DECIMALS, _PRICE_DECIMALS, _RATE_DECIMALS = 4, 2, 2


def exchange(body: object) -> tuple[str, Terms]:
    """POST /exchanges → a name, and terms where what is absent is as everywhere. Rates are percents."""
    fields, usual = Fields(body), Terms()
    name = fields.text("name")
    terms = Terms(
        starting_balance=money(fields, "starting_balance", usual.starting_balance),
        trading_fee=fields.units("trading_fee", _RATE_DECIMALS, default=usual.trading_fee),
        creation_fee=money(fields, "creation_fee", usual.creation_fee),
        settlement_fee=fields.units("settlement_fee", _RATE_DECIMALS, default=usual.settlement_fee),
        moderator_share=fields.units("moderator_share", _RATE_DECIMALS, default=usual.moderator_share),
        moderator_bonus=fields.units("moderator_bonus", _RATE_DECIMALS, default=usual.moderator_bonus),
        challenge_window=fields.units("challenge_seconds", 0, default=0) * SECOND,
        approval_window=fields.units("approval_seconds", 0, default=usual.approval_window // SECOND) * SECOND,
        faucet_limit=money(fields, "faucet_limit", usual.faucet_limit),
        self_trade_prevention=fields.text("self_trade_prevention", usual.self_trade_prevention),
    )
    fields.end()
    return name, terms


def market(creator: int, body: Fields) -> c.CreateMarket:
    """POST /markets, but for who creates it → CreateMarket."""
    command = c.CreateMarket(
        creator=creator,
        question=body.text("question"),
        description=body.prose("description"),
        category=body.text("category", "tech"),
        criteria=body.prose("criteria"),
        source=body.prose("source"),
        deadline=body.time("deadline"),
    )
    if not command.deadline:
        raise InvalidInput("deadline", "deadline is required.")
    body.end()
    return command


def place_order(market: int, agent: int, body: Fields) -> c.PlaceOrder:
    """An order, but for whose it is and where → PlaceOrder. `order_type` says buy or sell, `type` limit or market."""
    command = c.PlaceOrder(
        agent=agent,
        market=market,
        outcome=body.choice("side", ("YES", "NO")),
        action=body.choice("order_type", ("buy", "sell"), "buy"),
        order_type=body.choice("type", ("limit", "market"), "limit"),
        size=body.units("size", 0, minimum=1),
        price=body.units("price", _PRICE_DECIMALS, default=0, minimum=1),
        time_in_force=body.choice("time_in_force", ("gtc", "gtd", "ioc", "fok"), ""),
        expires_at=body.time("expires_at"),
        client_order_id=body.text("client_order_id", ""),
    )
    body.end()
    if command.order_type == "limit" and not command.price:
        raise InvalidInput("price", "A limit order needs a price.")
    return command


def replace_order(order: int, body: Fields) -> c.ReplaceOrder:
    """A new total size, a new price, or both → ReplaceOrder."""
    command = c.ReplaceOrder(
        order=order,
        size=body.units("size", 0, default=0, minimum=1),
        price=body.units("price", _PRICE_DECIMALS, default=0, minimum=1),
    )
    body.end()
    if not command.size and not command.price:
        raise InvalidInput("size", "Give a new size, a new price, or both.")
    return command


def resolution(fields: Fields) -> tuple[str, int, str]:
    """(outcome, what a YES share pays in cents or 0, evidence)."""
    outcome = fields.choice("outcome", ("YES", "NO", "VOID", "PROBABILITY"))
    return outcome, fields.units("probability", _PRICE_DECIMALS, default=0, minimum=1), fields.prose("evidence")


def money(fields: Fields, name: str, default: int | None = None) -> int:
    """Money in hundredths of a cent."""
    return fields.units(name, _MONEY_DECIMALS, default=default)


def number(text: str, stream: UUID, field: str) -> int:
    """The number of what `field` names on this exchange. Raises DomainError `not_found`."""
    found = parse_public_id(text)
    if found is None or found[0] != stream:
        raise DomainError("not_found", f"{field} names nothing on this exchange.", field=field)
    return found[1]


def entries(body: object) -> Sequence[object]:
    """The entries of a bulk."""
    fields = Fields(body)
    found = fields.take("orders")
    fields.end()
    if not isinstance(found, list):
        raise InvalidInput("orders", "orders must be a list.")
    return found
