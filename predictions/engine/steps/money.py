"""Money that no trade moves, and shares that come and go."""

from predictions.engine.records import YES, Agent, Entry, Position
from predictions.engine.state import ExchangeState


def pay(
    state: ExchangeState,
    agent: Agent,
    amount: int,
    at: int,
    kind: str,
    *,
    market: int = 0,
    counterparty: int = 0,
    note: str = "",
) -> None:
    """Move money that no trade moves, with a line in the agent's statement."""
    agent.balance += amount
    state.changed.entries.append(
        Entry(state.facts.seq, agent.id, at, kind, amount, agent.balance, market, counterparty, note)
    )


def gain(position: Position, outcome: str, size: int, cost: int) -> None:
    if outcome == YES:
        position.yes += size
        position.yes_cost += cost
    else:
        position.no += size
        position.no_cost += cost


def give(position: Position, outcome: str, size: int, proceeds: int) -> None:
    """Shares leave at their average cost; what they bring above it is realised."""
    if outcome == YES:
        cost = position.yes_cost * size // position.yes
        position.yes -= size
        position.yes_cost -= cost
    else:
        cost = position.no_cost * size // position.no
        position.no -= size
        position.no_cost -= cost
    position.realised += proceeds - cost
