"""What can be asked of a session. Units as in events.py; `participant` is a handle."""

import msgspec

from markets.engine.events import Amounts, Bounds, Fixing


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all commands."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A participant named at creation, with the legs they begin with."""

    participant: str
    user: str
    amounts: Amounts | None = None


class CreateSession(Command, frozen=True, kw_only=True):
    session_id: str
    legs: tuple[str, ...]
    q: tuple[int, ...] = ()
    quantity_decimals: int = 4
    price_decimals: int = 4
    cash_per_participant: int = 0
    start_mode: str = "immediate"
    end_mode: str = "manual"
    t1: int = 0
    t2: int = 0
    duration: int = 0
    feed: str = ""
    fixing: str = "last"
    fixing_window: int = 0
    fixing_max_age: int = 60_000_000
    self_trade_prevention: str = "cancel_newest"
    bounds: Bounds = Bounds()
    lot: int = 0
    tick: int = 0
    participants: tuple[Admission, ...] = ()


class StartSession(Command, frozen=True, kw_only=True):
    pass


class HaltSession(Command, frozen=True, kw_only=True):
    reason: str = ""


class ResumeSession(Command, frozen=True, kw_only=True):
    pass


class CloseSession(Command, frozen=True, kw_only=True):
    """Close by hand. `before_t2` says whether this installation allows that before a fixed t2."""

    before_t2: bool = True


class SettleSession(Command, frozen=True, kw_only=True):
    """`closes`: close an open session as well, in the same moment; `before_t2` as in CloseSession."""

    fixing: Fixing
    closes: bool = False
    before_t2: bool = True


class CorrectSettlement(Command, frozen=True, kw_only=True):
    fixing: Fixing
    reason: str


class CancelSession(Command, frozen=True, kw_only=True):
    reason: str


class AdvanceSession(Command, frozen=True, kw_only=True):
    """Nothing but what time makes happen: the runtime writes what is due before any command."""


class FixPrices(Command, frozen=True, kw_only=True):
    fixing: Fixing


class JoinSession(Command, frozen=True, kw_only=True):
    """`user` is who will hold the handle: the actor, or anybody when an organiser admits them."""

    participant: str
    user: str


class AdmitParticipants(Command, frozen=True, kw_only=True):
    """Many at once, each with what they begin with; and legs for some who are in already. All of it, or nothing."""

    participants: tuple[Admission, ...] = ()
    allocations: dict[str, Amounts] = {}


class RemoveParticipant(Command, frozen=True, kw_only=True):
    participant: str
    reason: str = ""


class AssignAllocations(Command, frozen=True, kw_only=True):
    """None: an equal split among those without an allocation. `q` fixes an open basket."""

    allocations: dict[str, Amounts] | None = None


class PlaceOrder(Command, frozen=True, kw_only=True):
    participant: str
    asset: str
    is_buy: bool
    quantity: int
    price: int = 0
    order_type: str = "limit"
    quote_asset: str = "CASH"
    time_in_force: str = ""
    expires_at: int = 0
    post_only: bool = False
    client_order_id: str = ""


class CancelOrder(Command, frozen=True, kw_only=True):
    order: int


class CancelOrders(Command, frozen=True, kw_only=True):
    """All open orders of a participant; `asset` and `side` narrow it ("" for all). `reason` is what each will say."""

    participant: str
    asset: str = ""
    side: str = ""
    reason: str = "requested"


class ReplaceOrder(Command, frozen=True, kw_only=True):
    """`quantity` is the new total, `price` the new limit; 0 keeps what is."""

    order: int
    quantity: int = 0
    price: int = 0


class RequestQuote(Command, frozen=True, kw_only=True):
    participant: str
    leg_from: str
    leg_to: str
    amount_from: int
    expires_in: int = 0


class CancelRfq(Command, frozen=True, kw_only=True):
    rfq: int


class ProvideQuote(Command, frozen=True, kw_only=True):
    rfq: int
    participant: str
    rate: int
    firm: bool = False
    expires_in: int = 0


class WithdrawQuote(Command, frozen=True, kw_only=True):
    quote: int


class AcceptQuote(Command, frozen=True, kw_only=True):
    quote: int


class Announce(Command, frozen=True, kw_only=True):
    """Say something to everybody, or to one participant alone."""

    text: str
    participant: str = ""


class BustTrade(Command, frozen=True, kw_only=True):
    """Undo a trade. Its facts come from the ledger: the state forgets trades once their rows are written."""

    trade: int
    participant_a: str
    participant_b: str
    leg_from: str
    leg_to: str
    amount_from: int
    amount_to: int
    reason: str
