"""RFQs and quotes: ask, answer, accept, withdraw."""

from common.clock import SECOND
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from common.money import format_units
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide.access import acting, member, require_leg, require_status
from markets.engine.state import RATE_DECIMALS, Quote, Rfq, SessionState, within_limit


def request(state: SessionState, command: c.RequestQuote, actor: Actor, now: int) -> list[Event]:
    """RFQRequested: `amount_from` of `leg_from` is offered for some `leg_to`."""
    require_status(state, "trade")
    acting(state, command.participant, actor)
    require_leg(state, command.leg_from, "leg_from")
    require_leg(state, command.leg_to, "leg_to")
    if command.leg_from == command.leg_to:
        raise DomainError("invalid_rfq", "A swap needs two different legs.", field="leg_to")
    if command.amount_from <= 0 or not within_limit(command.amount_from):
        raise DomainError("invalid_rfq", "amount_from must be above zero.", field="amount_from")
    expires_at = _expiry(command.expires_in, now)
    return [e.RFQRequested(command.participant, command.leg_from, command.leg_to, command.amount_from, expires_at)]


def cancel(state: SessionState, command: c.CancelRfq, actor: Actor, now: int) -> list[Event]:
    """RFQCancelled, and its open quotes rejected."""
    require_status(state, "cancel an order, RFQ or quote")
    rfq = _open_rfq(state, command.rfq)
    acting(state, rfq.participant, actor)
    return cancelling(state, rfq, "requested")


def cancelling(state: SessionState, rfq: Rfq, reason: str) -> list[Event]:
    """The events that end an RFQ without a trade."""
    rejected = [e.QuoteRejected(number, "rfq_cancelled") for number in rfq.quotes]
    return [*rejected, e.RFQCancelled(rfq.id, reason)]


def quote(state: SessionState, command: c.ProvideQuote, actor: Actor, now: int) -> list[Event]:
    """QuoteProvided: amount_to = amount_from × rate, rounded down to the unit. Firm quotes reserve it."""
    require_status(state, "trade")
    rfq = _open_rfq(state, command.rfq)
    person = acting(state, command.participant, actor)
    if person.user == rfq.owner:
        raise DomainError("own_rfq", "You cannot quote on your own RFQ.", field="participant_id")
    if command.rate <= 0 or not within_limit(command.rate):
        raise DomainError("invalid_quote", "rate must be above zero.", field="rate")
    amount_to = rfq.amount_from * command.rate // 10**RATE_DECIMALS
    if amount_to == 0:
        raise DomainError("invalid_quote", f"At this rate the swap returns no {rfq.leg_to} at all.", field="rate")
    if not within_limit(amount_to):
        raise DomainError("too_large", "amount_from × rate is too large.", field="rate")
    if command.firm:
        _require(state, person.handle, rfq.leg_to, amount_to, 0)
    expires_at = _expiry(command.expires_in, now)
    return [
        e.QuoteProvided(rfq.id, person.handle, command.rate, amount_to, command.firm, expires_at),
    ]


def withdraw(state: SessionState, command: c.WithdrawQuote, actor: Actor, now: int) -> list[Event]:
    """QuoteWithdrawn."""
    require_status(state, "cancel an order, RFQ or quote")
    offer = _open_quote(state, command.quote)
    acting(state, offer.participant, actor)
    return [e.QuoteWithdrawn(offer.id, "requested")]


def accept(state: SessionState, command: c.AcceptQuote, actor: Actor, now: int) -> list[Event]:
    """TradeExecuted, and the competing quotes rejected. Both sides must have what they give."""
    require_status(state, "trade")
    offer = _open_quote(state, command.quote)
    rfq = _open_rfq(state, offer.rfq)
    acting(state, rfq.participant, actor)
    member(state, offer.participant)
    _require(state, rfq.participant, rfq.leg_from, rfq.amount_from, 0)
    _require(state, offer.participant, rfq.leg_to, offer.amount_to, offer.reserved)
    others = [number for number in rfq.quotes if number != offer.id]
    return [
        e.TradeExecuted(rfq.id, offer.id),
        *[e.QuoteRejected(number, "another_accepted") for number in others],
    ]


def _open_rfq(state: SessionState, number: int) -> Rfq:
    rfq = state.rfqs.get(number)
    if rfq is None:
        raise DomainError("rfq_not_open", "This RFQ is not open: it is executed, cancelled or expired.")
    return rfq


def _open_quote(state: SessionState, number: int) -> Quote:
    offer = state.quotes.get(number)
    if offer is None:
        raise DomainError("quote_not_open", "This quote is not open: it is accepted, rejected, withdrawn or expired.")
    return offer


def _expiry(expires_in: int, now: int) -> int:
    """Seconds from now → the moment, 0 for never."""
    if expires_in < 0 or expires_in > 10**9:
        raise DomainError("invalid_rfq", "expires_in is out of range.", field="expires_in")
    return now + expires_in * SECOND if expires_in else 0


def _require(state: SessionState, who: str, leg: str, wanted: int, reserved_for_it: int) -> None:
    available = state.available(who, leg) + reserved_for_it
    if available < wanted:
        decimals = state.facts.quantity_decimals
        need, have = format_units(wanted, decimals), format_units(available, decimals)
        raise DomainError("insufficient_units", f"{who} would give {need} {leg} and has {have} available.")
