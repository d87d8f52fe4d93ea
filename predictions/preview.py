"""What an order would cost, take now, reserve and win: computed from rows, before anybody confirms it. Integers."""

from collections.abc import Collection
from dataclasses import dataclass

from common.clock import now_us
from common.errors import DomainError
from predictions.engine import commands as c
from predictions.engine.decide.access import require_size
from predictions.engine.pricing import CENT, SHARE, ceil_rate
from predictions.engine.records import YES
from predictions.models import Market, Position
from predictions.queries import AgentInfo, BookInfo, ExchangeInfo


@dataclass(frozen=True, slots=True)
class Preview:
    """Money in hundredths of a cent, signed as the agent sees it.

    `cost`: paid for a purchase, or gained by a sale, before the fee; of what fills now at the makers' prices, and of
    the rest at the limit. `fee`: the most that it can be. `payout`: what the bought shares pay if they win, `profit`
    that less cost, trading and settlement fees; of a sale, what it gains over what the shares cost.
    `missing`: what the agent lacks, in money or shares. `meets_own`: the price of an own order that it would
    meet, where it stops.
    """

    command: c.PlaceOrder
    fills: int
    average: int | None
    """Of what fills now, in hundredths of a cent of the order's own outcome."""
    cost: int
    fee: int
    reserved: int
    payout: int
    settlement_fee: int
    profit: int | None
    missing: int
    meets_own: int | None = None

    @property
    def is_purchase(self) -> bool:
        return self.command.action == "buy"

    @property
    def rests(self) -> int:
        """Shares that stay in the book."""
        return self.command.size - self.fills if stays(self.command) and self.meets_own is None else 0

    @property
    def lapses(self) -> int:
        """Shares that are neither filled nor stay."""
        return self.command.size - self.fills - self.rests

    @property
    def total(self) -> int:
        """What a purchase takes of the balance with its fee, or what a sale brings after it."""
        return self.cost + self.fee if self.is_purchase else self.cost - self.fee


def check(command: c.PlaceOrder, market: Market, agent: AgentInfo) -> None:
    """Refuse what the exchange would refuse whatever stands in the book, so that nobody confirms it."""
    if agent.row.role != "trader":
        raise DomainError("not_trader", f"A {agent.row.role} does not trade.")
    if market.status != "open":
        raise DomainError("market_closed", f"The market is {market.status}: you cannot trade now.")
    if command.outcome not in {"YES", "NO"} or command.action not in {"buy", "sell"}:
        raise DomainError("invalid_order", "Choose YES or NO, buy or sell.", field="outcome")
    if command.order_type not in {"limit", "market"}:
        raise DomainError("invalid_order", "An order is limit or market.", field="order_type")
    if command.time_in_force not in {"", "gtc", "gtd", "ioc", "fok"}:
        raise DomainError("invalid_order", "time_in_force is gtc, gtd, ioc or fok.", field="time_in_force")
    if command.order_type == "market" and command.time_in_force not in {"", "ioc", "fok"}:
        raise DomainError("invalid_order", "A market order never rests: ioc or fok.", field="time_in_force")
    if command.order_type == "limit" and command.price > 99:
        raise DomainError("invalid_order", "The price is from 1 to 99 cents.", field="price")
    if command.time_in_force == "gtd" and command.expires_at <= now_us():
        raise DomainError("already_expired", "Say until when, in the future.", field="expires_at")
    require_size(command.size)


def stays(command: c.PlaceOrder) -> bool:
    """Whether what does not fill rests in the book."""
    return command.order_type == "limit" and command.time_in_force not in {"ioc", "fok"}


def preview(
    exchange: ExchangeInfo,
    agent: AgentInfo,
    command: c.PlaceOrder,
    book: BookInfo,
    position: Position,
    own: Collection[int],
) -> Preview:
    """As the book stands; whatever fills later fills at the limit or better.

    `own`: prices in cents of YES at which the same owner's orders stand on the other side: they never meet.
    """
    fills, paid, meets = _fills(command, book, own)
    terms = exchange.terms
    if command.time_in_force == "fok" and fills < command.size:
        fills, paid = 0, 0
    size = command.size if stays(command) and meets is None else fills
    cost = paid + (size - fills) * command.price * CENT
    fee = ceil_rate(cost, terms.trading_fee)
    average = paid // fills if fills else None
    if command.action == "sell":
        held, free, basis = _shares(command, position, size)
        profit = cost - fee - basis if held else None
        missing = max(0, command.size - free)
        return Preview(command, fills, average, cost, fee, 0, 0, 0, profit, missing, meets)
    asked = cost if command.order_type == "market" else command.size * command.price * CENT
    reserved = asked + ceil_rate(asked, terms.trading_fee)
    payout = size * SHARE
    settlement = ceil_rate(max(0, payout - cost), terms.settlement_fee)
    profit = payout - cost - fee - settlement
    missing = max(0, reserved - agent.available)
    return Preview(command, fills, average, cost, fee, reserved, payout, settlement, profit, missing, meets)


def _shares(command: c.PlaceOrder, position: Position, size: int) -> tuple[int, int, int]:
    """(shares held of the outcome, those that no order has locked, what `size` of them cost)."""
    if command.outcome == YES:
        held, locked, cost = position.yes, position.yes_locked, position.yes_cost
    else:
        held, locked, cost = position.no, position.no_locked, position.no_cost
    return held, held - locked, cost * min(size, held) // held if held else 0


def is_bid(command: c.PlaceOrder) -> bool:
    """Whether it stands among the bids for YES: buying YES, or selling NO."""
    return (command.action == "buy") == (command.outcome == YES)


def _fills(command: c.PlaceOrder, book: BookInfo, own: Collection[int]) -> tuple[int, int, int | None]:
    """(shares that fill now, what they cost or bring in the order's own outcome, the own price where it stops)."""
    left, amount = command.size, 0
    for level in book.asks if is_bid(command) else book.bids:
        price = level.price if command.outcome == YES else 100 - level.price
        beyond = price > command.price if command.action == "buy" else price < command.price
        if not left or (command.price and beyond):
            break
        if level.price in own:
            return command.size - left, amount, price
        taken = min(left, level.size)
        amount += taken * price * CENT
        left -= taken
    return command.size - left, amount, None
