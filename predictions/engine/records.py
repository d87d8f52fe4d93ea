"""The things of an exchange: agents, markets, positions, orders, trades."""

from typing import NamedTuple

import msgspec

from predictions.engine.events import Terms

YES, NO, VOID, PROBABILITY = "YES", "NO", "VOID", "PROBABILITY"


class Agent(msgspec.Struct, gc=False):
    """`balance` includes what is `locked` behind buy orders and `fees_locked` for their fees.

    `deposits` is what came in from outside trading: issued and transferred in, less what was transferred out.
    """

    id: int
    user: str
    owner: str
    created_at: int
    mode: str = "auto"
    role: str = "trader"
    balance: int = 0
    locked: int = 0
    fees_locked: int = 0
    deposits: int = 0
    drawn: int = 0
    reputation: int = 0
    fees_paid: int = 0
    rewards: int = 0

    @property
    def available(self) -> int:
        return self.balance - self.locked - self.fees_locked

    @property
    def person(self) -> str:
        """Whose orders never meet: all agents of one owner are one."""
        return self.owner or self.user


class Position(msgspec.Struct, gc=False):
    """Shares of one agent in one market, what they cost, and what selling or resolving brought above that."""

    agent: int
    market: int
    yes: int = 0
    no: int = 0
    yes_locked: int = 0
    no_locked: int = 0
    yes_cost: int = 0
    no_cost: int = 0
    realised: int = 0
    fees: int = 0

    @property
    def cost(self) -> int:
        return self.yes_cost + self.no_cost

    @property
    def paid(self) -> int:
        """What went into this market and did not come back, fees aside: what a void gives back."""
        return self.cost - self.realised

    @property
    def is_held(self) -> bool:
        return bool(self.yes or self.no)

    def free(self, outcome: str) -> int:
        """Shares that no order to sell has locked."""
        return self.yes - self.yes_locked if outcome == YES else self.no - self.no_locked


class Claim(msgspec.Struct, gc=False):
    """What an agent had in a market when it was resolved, and what was paid for it."""

    market: int
    agent: int
    yes: int
    no: int
    cost: int
    realised: int
    amount: int
    fee: int


class Market(msgspec.Struct):
    """`pairs` is how many YES and as many NO shares there are; `yes_value` what a YES share pays, in cents."""

    id: int
    creator: int
    creator_user: str
    question: str
    description: str
    category: str
    criteria: str
    source: str
    deadline: int
    created_at: int
    status: str = "open"
    pairs: int = 0
    last_price: int = 50
    volume: int = 0
    trades: int = 0
    closed_at: int = 0
    outcome: str = ""
    yes_value: int = 0
    evidence: str = ""
    resolver: int = 0
    resolver_user: str = ""
    early: bool = False
    pays_at: int = 0
    resolved_at: int = 0
    reward: int = 0
    house: int = 0
    liquidity: int = 0


class Order(msgspec.Struct, gc=False):
    """An order that is open, or was until this command.

    In the book all prices are cents of YES: buying YES and selling NO are bids, selling YES and buying NO are asks.
    `limit` is of the order's own outcome. `reserved` is money of a purchase, shares of a sale.
    """

    id: int
    agent: int
    owner: str
    market: int
    outcome: str
    action: str
    order_type: str
    size: int
    limit: int
    time_in_force: str
    expires_at: int
    client_order_id: str
    created_at: int
    updated_at: int
    priority: int
    approve_by: int = 0
    is_buy: bool = False
    price: int = 0
    filled: int = 0
    reserved: int = 0
    fee_reserved: int = 0
    notional: int = 0
    fee: int = 0
    status: str = "open"
    reason: str = ""

    @property
    def remaining(self) -> int:
        return self.size - self.filled

    @property
    def is_purchase(self) -> bool:
        return self.action == "buy"

    @property
    def is_waiting(self) -> bool:
        return self.status == "pending_approval"

    @property
    def ends_at(self) -> int:
        """When time ends it: the approval's patience, or the order's own."""
        return self.approve_by if self.is_waiting else self.expires_at


class Trade(msgspec.Struct, frozen=True, gc=False):
    """`price` is in cents of YES. The bidder's side is buying YES or selling NO, `kind` is transfer, mint or burn."""

    id: int
    at: int
    market: int
    kind: str
    outcome: str
    price: int
    size: int
    bidder: int
    asker: int
    bid_order: int
    ask_order: int
    bid_fee: int
    ask_fee: int
    taker_is_bidder: bool


class Entry(NamedTuple):
    """A line of an agent's statement that is not a trade."""

    seq: int
    agent: int
    at: int
    kind: str
    amount: int
    balance_after: int
    market: int
    counterparty: int
    note: str


class Verdict(NamedTuple):
    """A step of a market's resolution: proposed, challenged, resolved or corrected."""

    seq: int
    market: int
    at: int
    kind: str
    outcome: str
    yes_value: int
    agent: int
    user: str
    early: bool
    text: str
    evidence: str


class Facts(msgspec.Struct):
    """The exchange itself.

    `platform` is what the exchange itself has of fees; three totals are what it took, `rewards` what it passed on.
    """

    seq: int = 0
    name: str = ""
    organiser: str = ""
    terms: Terms = Terms()
    created_at: int = 0
    issued: int = 0
    platform: int = 0
    trading_fees: int = 0
    creation_fees: int = 0
    settlement_fees: int = 0
    rewards: int = 0
