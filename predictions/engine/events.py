"""What can have happened on an exchange of event markets. Frozen, past tense, versioned.

Prices are whole cents of one share, which pays 100 cents if it wins; money is in hundredths of a cent, rates in
hundredths of a percent, times in microseconds (0: none). Agents, markets, orders and trades are named by the seq of
the event that made them; 0 names nobody.
"""

import msgspec

from common.events import Event


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an exchange charges, gives and waits for; fixed at its creation.

    `moderator_share` is of the settlement fees, `moderator_bonus` of the winners' profit; those fees pay both.
    """

    starting_balance: int = 10_000_000
    trading_fee: int = 100
    creation_fee: int = 100_000
    settlement_fee: int = 200
    moderator_share: int = 3_000
    moderator_bonus: int = 50
    challenge_window: int = 0
    approval_window: int = 86_400_000_000
    faucet_limit: int = 0
    self_trade_prevention: str = "cancel_newest"


class ExchangeCreated(Event, frozen=True):
    name: str
    organiser: str
    terms: Terms


class AgentRegistered(Event, frozen=True):
    """`user` is whose key acts for the agent; `owner` approves for it and may be nobody."""

    user: str
    owner: str


class ModeSet(Event, frozen=True):
    """auto: the agent's key trades. manual: its orders wait for the owner."""

    agent: int
    mode: str


class RoleSet(Event, frozen=True):
    """A trader trades, a moderator resolves."""

    agent: int
    role: str


class MoneyIssued(Event, frozen=True):
    """New money, `why`: start, faucet or house."""

    agent: int
    amount: int
    why: str


class MoneyTransferred(Event, frozen=True):
    giver: int
    taker: int
    amount: int
    note: str


class MarketCreated(Event, frozen=True):
    """`creator` is the agent who paid `fee`, 0 where the organiser `creator_user` opened it."""

    creator: int
    creator_user: str
    question: str
    description: str
    category: str
    criteria: str
    source: str
    deadline: int
    fee: int


class HouseOpened(Event, frozen=True):
    """The house account of a market: it sells along the logarithmic scoring rule with this liquidity, in shares."""

    market: int
    liquidity: int


class MarketClosed(Event, frozen=True):
    market: int
    reason: str


class OrderPlaced(Event, frozen=True):
    """`price` is of the order's own outcome. With `approve_by` it waits for the owner's approval until then."""

    agent: int
    market: int
    outcome: str
    action: str
    order_type: str
    size: int
    price: int
    time_in_force: str
    expires_at: int
    client_order_id: str
    approve_by: int


class OrderApproved(Event, frozen=True):
    order: int


class OrderMatched(Event, frozen=True):
    """A trade at the maker's price, in cents of YES."""

    maker: int
    taker: int
    size: int
    price: int


class OrderReplaced(Event, frozen=True):
    """`size` is the new total."""

    order: int
    size: int
    price: int
    keeps_priority: bool


class OrderCancelled(Event, frozen=True):
    order: int
    reason: str


class OrderExpired(Event, frozen=True):
    order: int
    reason: str


class SetsSplit(Event, frozen=True):
    """Cash into as many YES as NO shares."""

    agent: int
    market: int
    size: int


class SetsMerged(Event, frozen=True):
    """As many YES as NO shares into cash."""

    agent: int
    market: int
    size: int


class ResolutionProposed(Event, frozen=True):
    """Paid at `pays_at` unless somebody challenges it. `early`: before the deadline, on purpose."""

    market: int
    outcome: str
    yes_value: int
    evidence: str
    resolver: int
    resolver_user: str
    early: bool
    pays_at: int


class ResolutionChallenged(Event, frozen=True):
    market: int
    agent: int
    reason: str


class Payout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """`amount` is what the agent gets, or gives back if negative; `fee` was taken off before."""

    agent: int
    amount: int
    fee: int = 0


class MarketResolved(Event, frozen=True):
    """`yes_value` is what a YES share pays in cents, -1 in a void; `reward` is the resolver's, out of the fees."""

    market: int
    outcome: str
    yes_value: int
    evidence: str
    resolver: int
    resolver_user: str
    early: bool
    payouts: tuple[Payout, ...]
    reward: int


class ResolutionCorrected(Event, frozen=True):
    """Compensating entries: `changes` is what each gets more or less than before, with the fee that now stands.

    `reward` is what is taken back of the first resolver's.
    """

    market: int
    outcome: str
    yes_value: int
    evidence: str
    reason: str
    changes: tuple[Payout, ...]
    reward: int


EVENTS: tuple[type[Event], ...] = (
    ExchangeCreated,
    AgentRegistered,
    ModeSet,
    RoleSet,
    MoneyIssued,
    MoneyTransferred,
    MarketCreated,
    HouseOpened,
    MarketClosed,
    OrderPlaced,
    OrderApproved,
    OrderMatched,
    OrderReplaced,
    OrderCancelled,
    OrderExpired,
    SetsSplit,
    SetsMerged,
    ResolutionProposed,
    ResolutionChallenged,
    MarketResolved,
    ResolutionCorrected,
)
