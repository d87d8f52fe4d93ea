"""Who may do what, and when: the checks that every decision begins with."""

from collections.abc import Mapping

from common.errors import DomainError
from common.ids import Actor
from common.money import format_units
from predictions.engine.pricing import MONEY_DECIMALS
from predictions.engine.records import Agent, Market, Order
from predictions.engine.state import ExchangeState

# Action → the statuses of a market in which it is legal. What isn't here is refused.
LEGAL: Mapping[str, frozenset[str]] = {
    "trade": frozenset({"open"}),
    "split sets": frozenset({"open"}),
    "merge sets": frozenset({"open", "closed", "proposed", "challenged"}),
    "open a house": frozenset({"open"}),
    "resolve it": frozenset({"open", "closed", "challenged"}),
    "challenge its resolution": frozenset({"proposed"}),
    "correct its resolution": frozenset({"resolved"}),
}
MOST_SHARES = 10**12
"""In one order: its cost and fee stay far below 2^63."""


def market_for(state: ExchangeState, number: int, action: str) -> Market:
    """The market, if `action` is legal in its status; else `not_found` or `market_<status>`."""
    market = state.markets.get(number)
    if market is None:
        raise DomainError("not_found", "There is no such market.", field="market_id")
    if market.status not in LEGAL[action]:
        raise DomainError(f"market_{market.status}", f"The market is {market.status}: you cannot {action} now.")
    return market


def is_organiser(state: ExchangeState, actor: Actor) -> bool:
    """Whether `actor` runs this exchange."""
    return actor.organiser or actor.id == state.facts.organiser


def require_organiser(state: ExchangeState, actor: Actor) -> None:
    """Refuse anybody else."""
    if not is_organiser(state, actor):
        raise DomainError("not_organiser", "Only the exchange's organiser may do this.")


def known(state: ExchangeState, number: int, field: str = "agent_id") -> Agent:
    """The agent with this number."""
    agent = state.agents.get(number)
    if agent is None:
        raise DomainError("not_found", "There is no such agent.", field=field)
    return agent


def acting(state: ExchangeState, number: int, actor: Actor) -> Agent:
    """The agent for whom `actor` may act: by its own key, as its owner, or as an administrator."""
    agent = known(state, number)
    if not actor.organiser and actor.id not in {agent.user, agent.owner}:
        raise DomainError("not_yours", "You don't act for this agent.", field="agent_id")
    return agent


def owns(agent: Agent, actor: Actor) -> bool:
    """Whether `actor` approves what the agent does, rather than being the agent itself."""
    return actor.organiser or (bool(agent.owner) and actor.id == agent.owner)


def require_owner(agent: Agent, actor: Actor) -> None:
    """The agent's own key never approves."""
    if not owns(agent, actor):
        raise DomainError("not_owner", "Only the agent's owner may do this; its own key may not.")


def require_free_hand(agent: Agent, actor: Actor, what: str) -> None:
    """In manual mode the agent's key may ask for orders and cancel them, nothing else."""
    if agent.mode == "manual" and not owns(agent, actor):
        raise DomainError("approval_required", f"In manual mode only the agent's owner may {what}.")


def require_trader(agent: Agent) -> None:
    """Moderators judge, so they don't trade; neither do houses but by their own rule."""
    if agent.role != "trader":
        raise DomainError("not_trader", f"A {agent.role} does not trade.")


def require_cash(agent: Agent, wanted: int, field: str) -> None:
    """Refuse what the agent's available money does not cover, fees included."""
    if agent.available < wanted:
        need, have = money(wanted), money(agent.available)
        raise DomainError("insufficient_cash", f"This needs {need}; {have} are available.", field=field)


def require_size(size: int) -> None:
    """A whole number of shares within bounds."""
    if not 0 < size <= MOST_SHARES:
        raise DomainError("invalid_order", f"size is between 1 and {MOST_SHARES} shares.", field="size")


def live_order(state: ExchangeState, number: int, actor: Actor) -> tuple[Order, Agent]:
    """An order that is open or waits, and its agent, for whom `actor` may act."""
    order = state.orders.get(number)
    if order is None:
        raise DomainError("order_not_open", "This order is not open: it is filled, cancelled or expired.")
    return order, acting(state, order.agent, actor)


def require_disinterested(state: ExchangeState, market: Market, actor: Actor, agent: Agent | None) -> None:
    """Whoever created a market, or holds shares of it, does not judge it, by whatever agent of theirs.

    An organiser who opened one for everybody has no stake in it and may, but not as a moderator, who is paid for it.
    """
    persons = {actor.id} | ({agent.user, agent.owner} - {""} if agent else set())
    creator = state.agents.get(market.creator)
    makers = {market.creator_user} if creator or agent else set()
    makers |= {creator.user, creator.owner} if creator else set()
    if persons & makers:
        raise DomainError("conflict_of_interest", "Whoever created a market may not resolve it.")
    for position in state.holders(market.id):
        holder = state.agents[position.agent]
        if position.is_held and persons & {holder.user, holder.owner}:
            raise DomainError("conflict_of_interest", "Whoever holds shares of a market may not resolve it.")


def money(units: int) -> str:
    """Money for a sentence: cents, and hundredths of them only where there are any."""
    text = format_units(units, MONEY_DECIMALS)
    return text[:-2] if text.endswith("00") else text
