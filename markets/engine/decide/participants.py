"""Joining, allocating, leaving."""

from collections.abc import Sequence

from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from common.money import format_units, split_pro_rata
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide import rfq as rfqs
from markets.engine.decide.access import (
    is_organiser,
    member,
    require_leg,
    require_organiser,
    require_status,
)
from markets.engine.names import RESERVED, is_handle
from markets.engine.state import TREASURY, SessionState, within_limit

_LONGEST_USER = 64  # the width of its column


def join(state: SessionState, command: c.JoinSession, actor: Actor, now: int) -> list[Event]:
    """ParticipantJoined and CashIssued. One participant per user; who was removed needs the organiser."""
    require_status(state, "join")
    if not is_organiser(state, actor) and command.user != actor.id:
        raise DomainError("not_organiser", "Only the organiser may admit somebody else.")
    handle = command.participant
    check_handle(handle)
    if not 1 <= len(command.user) <= _LONGEST_USER:
        raise DomainError("invalid_user", f"A user is 1 to {_LONGEST_USER} characters.", field="user")
    if named := state.facts.participants.get(handle):
        who = " by somebody who was removed: choose another" if named.is_removed else ""
        raise DomainError("handle_taken", f"The handle {handle!r} is taken{who}.", field="participant_id")
    for person in state.facts.participants.values():
        if person.user == command.user and not person.is_removed:
            field = "" if command.user == actor.id else "user"
            raise DomainError("already_joined", f"This user is in the session as {person.handle!r}.", field=field)
        if person.user == command.user and not is_organiser(state, actor):
            raise DomainError("participant_removed", "You were removed; the organiser can admit you again.")
    amount = state.facts.cash_per_participant
    if not within_limit(state.facts.cash_issued + amount):
        raise DomainError("too_large", "The session cannot issue more cash.")
    issued = [e.CashIssued(handle, amount)] if amount else []
    return [e.ParticipantJoined(handle, command.user), *issued]


def check_handle(handle: str) -> None:
    """Raises DomainError `invalid_handle` for what nobody can be called in any session."""
    if not is_handle(handle):
        raise DomainError(
            "invalid_handle",
            "A handle is 1 to 32 letters, digits, '.', '-' or '_', and not '.' or '..'.",
            field="participant_id",
        )
    if handle.casefold() in RESERVED:
        raise DomainError("invalid_handle", f"The handle {handle!r} is reserved.", field="participant_id")


def admit(state: SessionState, command: c.AdmitParticipants, actor: Actor, now: int) -> list[Event]:
    """What joining and assigning decide for each, all or none; fields are named participants.<index>...."""
    require_status(state, "join")
    require_organiser(state, actor)
    if not command.participants and not command.allocations:
        raise DomainError("invalid_allocation", "There is nobody to admit and nothing to allocate.")
    joining: list[Event] = []
    for index, admission in enumerate(command.participants):
        at = f"participants.{index}"
        _check_unlike_those_before(command.participants[:index], admission, at)
        joining += admitting(state, admission, at, actor, now)
    cash = state.facts.cash_issued + len(command.participants) * state.facts.cash_per_participant
    if not within_limit(cash):
        raise DomainError("too_large", "The session cannot issue so much cash.")
    new = {one.participant: one.amounts for one in command.participants if one.amounts}
    for handle in command.allocations:
        member(state, handle, field=f"allocations.{handle}")
    allocations = {**new, **command.allocations}
    return [*joining, *(_assigning(state, allocations) if allocations else ())]


def admitting(state: SessionState, admission: c.Admission, at: str, actor: Actor, now: int) -> list[Event]:
    """What joining decides for one of several; the fields of a refusal are named below `at`."""
    try:
        return join(state, c.JoinSession(participant=admission.participant, user=admission.user), actor, now)
    except DomainError as refusal:
        raise DomainError(refusal.code, refusal.detail, field=f"{at}.{refusal.field or 'user'}") from None


def _check_unlike_those_before(before: Sequence[c.Admission], admission: c.Admission, at: str) -> None:
    """No handle and no user twice in one command."""
    if any(one.participant == admission.participant for one in before):
        handle = admission.participant
        raise DomainError("handle_taken", f"The handle {handle!r} is there twice.", field=f"{at}.participant_id")
    if any(one.user == admission.user for one in before):
        raise DomainError("already_joined", "This user is there twice.", field=f"{at}.user")


def remove(state: SessionState, command: c.RemoveParticipant, actor: Actor, now: int) -> list[Event]:
    """Cancel their orders, RFQs and quotes, then move what they hold to the treasury."""
    require_status(state, "remove a participant")
    person = member(state, command.participant)
    if person.user != actor.id:
        require_organiser(state, actor)
    open_orders = sorted(state.open_orders.get(person.handle, {}))
    decided: list[Event] = [e.OrderCancelled(number, "participant_removed") for number in open_orders]
    own_rfqs = [rfq for _, rfq in sorted(state.rfqs.items()) if rfq.participant == person.handle]
    for rfq in own_rfqs:
        decided += rfqs.cancelling(state, rfq, "participant_removed")
    for number, quote in sorted(state.quotes.items()):
        if quote.participant == person.handle:
            decided.append(e.QuoteWithdrawn(number, "participant_removed"))
    return [*decided, e.ParticipantRemoved(person.handle, command.reason)]


def assign(state: SessionState, command: c.AssignAllocations, actor: Actor, now: int) -> list[Event]:
    """InitialAllocationAssigned for each, from what the treasury still holds; BasketFixed before it if q is open."""
    require_status(state, "assign allocations")
    require_organiser(state, actor)
    if not command.allocations:
        return _split(state)
    for handle in command.allocations:
        member(state, handle, field=f"allocations.{handle}")
    return _assigning(state, command.allocations)


def _assigning(state: SessionState, allocations: dict[str, e.Amounts]) -> list[Event]:
    """The events of giving these people these legs, for whoever they are."""
    for handle, amounts in allocations.items():
        for leg, units in amounts.items():
            require_leg(state, leg, f"allocations.{handle}.{leg}")
            if units < 0:
                raise DomainError(
                    "invalid_allocation",
                    "An allocation is never negative.",
                    field=f"allocations.{handle}.{leg}",
                )
    fixed = [] if any(state.facts.q) else [_fix_basket(state, allocations)]
    if not fixed:
        _check_treasury(state, allocations)
    return [
        *fixed,
        *[
            e.InitialAllocationAssigned(handle, {leg: units for leg, units in amounts.items() if units})
            for handle, amounts in allocations.items()
        ],
    ]


def _split(state: SessionState) -> list[Event]:
    """Equal shares among those without an allocation; leftover units one by one in join order."""
    waiting = [person.handle for person in state.members() if not person.has_allocation]
    if not any(state.facts.q):
        raise DomainError("basket_open", "The basket has no quantities yet: assign allocations to fix them.")
    if not waiting:
        raise DomainError("nobody_to_allocate", "Every participant has an allocation already.")
    shares: dict[str, e.Amounts] = {handle: {} for handle in waiting}
    for leg in state.facts.legs:
        parts = split_pro_rata(state.available(TREASURY, leg), len(waiting))
        for handle, units in zip(waiting, parts, strict=True):
            if units:
                shares[handle][leg] = units
    if not any(shares.values()):
        raise DomainError("treasury_empty", "The treasury holds nothing that could be allocated.")
    return [e.InitialAllocationAssigned(handle, amounts) for handle, amounts in shares.items()]


def _fix_basket(state: SessionState, allocations: dict[str, e.Amounts]) -> Event:
    if state.facts.has_traded:
        raise DomainError("basket_open", "The basket can only be fixed before the first order or RFQ.")
    q = tuple(sum(amounts.get(leg, 0) for amounts in allocations.values()) for leg in state.facts.legs)
    for leg, total in zip(state.facts.legs, q, strict=True):
        if total == 0:
            raise DomainError("invalid_allocation", f"Nobody gets any {leg}: its quantity would be zero.")
        if not within_limit(total):
            raise DomainError("too_large", f"The total of {leg} is too large.")
    return e.BasketFixed(q)


def _check_treasury(state: SessionState, allocations: dict[str, e.Amounts]) -> None:
    for leg in state.facts.legs:
        wanted = sum(amounts.get(leg, 0) for amounts in allocations.values())
        holds = state.available(TREASURY, leg)
        if wanted > holds:
            decimals = state.facts.quantity_decimals
            need, have = format_units(wanted, decimals), format_units(holds, decimals)
            raise DomainError(
                "treasury_short", f"{need} {leg} are wanted; the treasury holds {have}.", field="allocations"
            )
