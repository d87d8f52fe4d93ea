"""The house account of a market: a ladder along the logarithmic scoring rule, kept up as it is traded against."""

from collections.abc import Sequence

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide.access import market_for, require_organiser
from predictions.engine.pricing import MOST_LIQUIDITY, Rung, funding, ladder
from predictions.engine.records import NO, YES, Order
from predictions.engine.state import ExchangeState


def open_house(state: ExchangeState, command: c.OpenHouse, actor: Actor, now: int) -> list[Event]:
    """HouseOpened, the organiser's money for it, and its first quotes: before anybody else's, so that none cross."""
    require_organiser(state, actor)
    market = market_for(state, command.market, "open a house")
    if market.house:
        raise DomainError("house_exists", "This market has a house already.")
    if state.of_market.get(market.id):
        raise DomainError("book_not_empty", "A house opens while the book is empty.")
    if not 1 <= command.liquidity <= MOST_LIQUIDITY:
        detail = f"liquidity is between 1 and {MOST_LIQUIDITY} shares."
        raise DomainError("invalid_house", detail, field="liquidity")
    number, rungs = state.facts.seq + 1, ladder(command.liquidity)
    if not rungs:
        raise DomainError("invalid_house", "With so little liquidity there is nothing to quote.", field="liquidity")
    quotes = [_quote(number, market.id, rung) for rung in rungs]
    money = e.MoneyIssued(number, funding(rungs), "house")
    return [e.HouseOpened(market.id, command.liquidity), money, *quotes]


def _quote(agent: int, market: int, rung: Rung) -> Event:
    """A bid buys YES, an ask buys NO: either way the house pays for it in full."""
    outcome, price = (YES, rung.price) if rung.is_bid else (NO, 100 - rung.price)
    return _order(agent, market, outcome, "buy", rung.size, price)


def quotes_after(state: ExchangeState, steps: Sequence[tuple[Order, int]]) -> list[Event]:
    """Where the house was taken, it offers the way back, a cent apart: what it bought it sells for a cent more.

    Such a quote never crosses: the incoming order has met everything better than the one it took.
    """
    agents, back = state.agents, dict[tuple[int, int, str, str, int], int]()
    for resting, size in steps:
        if size and agents[resting.agent].role == "house":
            action, price = ("sell", resting.limit + 1) if resting.is_purchase else ("buy", resting.limit - 1)
            key = (resting.agent, resting.market, resting.outcome, action, price)
            back[key] = back.get(key, 0) + size
    return [
        _order(agent, market, outcome, action, size, price)
        for (agent, market, outcome, action, price), size in back.items()
    ]


def _order(agent: int, market: int, outcome: str, action: str, size: int, price: int) -> Event:
    return e.OrderPlaced(agent, market, outcome, action, "limit", size, price, "gtc", 0, "", 0)
