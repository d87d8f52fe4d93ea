"""A market's life up to its resolution: opening and closing."""

from common.clock import LATEST
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from predictions.engine import commands as c
from predictions.engine import events as e
from predictions.engine.decide.access import (
    acting,
    require_cash,
    require_free_hand,
    require_organiser,
    require_trader,
)
from predictions.engine.records import Market
from predictions.engine.state import ExchangeState

CATEGORIES = ("crypto", "politics", "sports", "tech", "ai", "finance", "culture")


def create(state: ExchangeState, command: c.CreateMarket, actor: Actor, now: int) -> list[Event]:
    """MarketCreated. An agent pays the creation fee for it; the organiser opens markets free of charge."""
    fee = 0
    if command.creator:
        agent, fee = acting(state, command.creator, actor), state.facts.terms.creation_fee
        require_free_hand(agent, actor, "create a market")
        require_trader(agent)
        require_cash(agent, fee, "creator_id")
    else:
        require_organiser(state, actor)
    check(command, now)
    return [
        e.MarketCreated(
            command.creator,
            actor.id,
            command.question,
            command.description,
            command.category,
            command.criteria,
            command.source,
            command.deadline,
            fee,
        )
    ]


def check(command: c.CreateMarket, now: int) -> None:
    """Refuse a market whose texts or deadline won't do."""
    if len(command.question.strip()) < 10 or len(command.question) > 500:
        raise DomainError("invalid_market", "A question has 10 to 500 characters.", field="question")
    for field in ("description", "criteria", "source"):
        if len(getattr(command, field)) > 2000:
            raise DomainError("invalid_market", f"{field} has at most 2000 characters.", field=field)
    if command.category not in CATEGORIES:
        raise DomainError("invalid_market", f"category must be one of: {', '.join(CATEGORIES)}.", field="category")
    if not now < command.deadline <= LATEST:
        raise DomainError("invalid_market", "The deadline must be in the future.", field="deadline")


def closing(state: ExchangeState, market: Market, reason: str) -> list[Event]:
    """Every order of the market is cancelled, then it is closed."""
    gone = [e.OrderCancelled(number, "market_closed") for number in sorted(state.of_market.get(market.id, {}))]
    return [*gone, e.MarketClosed(market.id, reason)]
