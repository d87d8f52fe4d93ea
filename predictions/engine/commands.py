"""What can be asked of an exchange. Units as in events.py; `agent`, `market` and `order` are numbers."""

import msgspec

from predictions.engine.events import Terms


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all commands."""


class CreateExchange(Command, frozen=True, kw_only=True):
    name: str
    organiser: str
    terms: Terms = Terms()


class RegisterAgent(Command, frozen=True, kw_only=True):
    user: str
    owner: str = ""


class SetMode(Command, frozen=True, kw_only=True):
    agent: int
    mode: str


class SetRole(Command, frozen=True, kw_only=True):
    agent: int
    role: str


class DrawFaucet(Command, frozen=True, kw_only=True):
    agent: int
    amount: int


class Transfer(Command, frozen=True, kw_only=True):
    giver: int
    taker: int
    amount: int
    note: str = ""


class CreateMarket(Command, frozen=True, kw_only=True):
    """`creator` 0: the organiser opens it, free of charge."""

    creator: int
    question: str
    deadline: int
    description: str = ""
    category: str = "tech"
    criteria: str = ""
    source: str = ""


class OpenHouse(Command, frozen=True, kw_only=True):
    market: int
    liquidity: int


class PlaceOrder(Command, frozen=True, kw_only=True):
    agent: int
    market: int
    outcome: str
    size: int
    action: str = "buy"
    price: int = 0
    order_type: str = "limit"
    time_in_force: str = ""
    expires_at: int = 0
    client_order_id: str = ""


class ApproveOrder(Command, frozen=True, kw_only=True):
    order: int


class RejectOrder(Command, frozen=True, kw_only=True):
    order: int


class CancelOrder(Command, frozen=True, kw_only=True):
    order: int


class CancelOrders(Command, frozen=True, kw_only=True):
    """All open orders of an agent; `market` narrows it (0 for all)."""

    agent: int
    market: int = 0


class ReplaceOrder(Command, frozen=True, kw_only=True):
    """`size` is the new total, `price` the new limit; 0 keeps what is."""

    order: int
    size: int = 0
    price: int = 0


class SplitSets(Command, frozen=True, kw_only=True):
    agent: int
    market: int
    size: int


class MergeSets(Command, frozen=True, kw_only=True):
    agent: int
    market: int
    size: int


class ResolveMarket(Command, frozen=True, kw_only=True):
    """`agent` is the moderator, 0 where the organiser resolves. `yes_value` goes with PROBABILITY."""

    market: int
    outcome: str
    evidence: str
    agent: int = 0
    yes_value: int = 0
    early: bool = False


class ChallengeResolution(Command, frozen=True, kw_only=True):
    market: int
    agent: int
    reason: str


class CorrectResolution(Command, frozen=True, kw_only=True):
    market: int
    outcome: str
    evidence: str
    reason: str
    yes_value: int = 0


class AdvanceExchange(Command, frozen=True, kw_only=True):
    """Nothing but what time makes happen: the runtime writes what is due before any command."""
