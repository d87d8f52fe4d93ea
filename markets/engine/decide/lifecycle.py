"""Creating, starting, halting, closing, settling, cancelling."""

from uuid import UUID

import msgspec

from common.clock import LATEST, isoformat
from common.errors import DomainError, InvariantViolation
from common.events import Event
from common.ids import Actor
from common.money import LIMIT
from markets.engine import commands as c
from markets.engine import events as e
from markets.engine.decide import participants
from markets.engine.decide.access import LEGAL, require_organiser, require_status
from markets.engine.evolve import evolve
from markets.engine.names import is_leg, is_session_id
from markets.engine.state import TREASURY, SessionState, within_limit

_RULES = ("last", "twap", "median", "manual")
_MOST_LEGS = 64


def create(state: SessionState, command: c.CreateSession, actor: Actor, now: int) -> list[Event]:
    """SessionCreated, its participants and their allocations, and the start if it is immediate."""
    if state.facts.seq:
        raise DomainError("session_exists", f"There is a session {state.facts.session_id!r} already.")
    _check_basket(command)
    _check_times(command, now)
    _check_rules(command)
    lot, tick = _grid(command)
    created = e.SessionCreated(
        command.session_id,
        actor.id,
        command.legs,
        command.q or tuple(0 for _ in command.legs),
        command.quantity_decimals,
        command.price_decimals,
        command.cash_per_participant,
        command.start_mode,
        command.end_mode,
        command.t1,
        command.t2,
        command.duration,
        command.feed,
        command.fixing,
        command.fixing_window,
        command.fixing_max_age,
        command.self_trade_prevention,
        command.bounds,
        lot,
        tick,
    )
    draft = _Draft(state.stream, now)
    draft.add([created])
    for index, admission in enumerate(command.participants):
        draft.add(participants.admitting(draft.state, admission, f"participants.{index}", actor, now))
    allocations = {a.participant: a.amounts for a in command.participants if a.amounts}
    if allocations:
        draft.add(participants.assign(draft.state, c.AssignAllocations(allocations=allocations), actor, now))
    if command.start_mode == "immediate":
        draft.add(starting(draft.state, now))
    return draft.events


class _Draft:
    """A session that is only thought of: decisions that build on each other before anything is so."""

    def __init__(self, stream: UUID, now: int) -> None:
        self.state = SessionState(stream)
        self.events: list[Event] = []
        self._now = now

    def add(self, decided: list[Event]) -> None:
        for event in decided:
            evolve(self.state, event, self._now)
        self.events += decided


def start(state: SessionState, command: c.StartSession, actor: Actor, now: int) -> list[Event]:
    """SessionStarted now, whatever the start mode."""
    require_status(state, "start")
    require_organiser(state, actor)
    return starting(state, now)


def starting(state: SessionState, t1: int) -> list[Event]:
    """SessionStarted at `t1`; t2 is fixed with it."""
    facts = state.facts
    t2 = t1 + facts.duration if facts.duration else facts.t2
    if t2 and t2 <= t1:
        raise DomainError("t2_passed", f"The session's end, {isoformat(t2)}, has passed.")
    return [e.SessionStarted(t1, t2)]


def halt(state: SessionState, command: c.HaltSession, actor: Actor, now: int) -> list[Event]:
    """SessionHalted."""
    require_status(state, "halt")
    require_organiser(state, actor)
    return [e.SessionHalted(command.reason)]


def resume(state: SessionState, command: c.ResumeSession, actor: Actor, now: int) -> list[Event]:
    """SessionResumed."""
    require_status(state, "resume")
    require_organiser(state, actor)
    return [e.SessionResumed()]


def close(state: SessionState, command: c.CloseSession, actor: Actor, now: int) -> list[Event]:
    """Everything open expires, then SessionClosed."""
    require_status(state, "close")
    require_organiser(state, actor)
    if state.facts.t2 and not command.before_t2:
        raise DomainError("manual_settle_forbidden", f"This session closes by itself at {isoformat(state.facts.t2)}.")
    return closing(state, now, by_hand=True)


def closing(state: SessionState, t2: int, *, by_hand: bool) -> list[Event]:
    """The events of closing, at `t2`."""
    return [
        *[e.OrderExpired(number, "session_closed") for number in sorted(state.orders)],
        *[e.QuoteExpired(number, "session_closed") for number in sorted(state.quotes)],
        *[e.RFQExpired(number, "session_closed") for number in sorted(state.rfqs)],
        e.SessionClosed(t2, by_hand),
    ]


def settle(state: SessionState, command: c.SettleSession, actor: Actor, now: int) -> list[Event]:
    """SessionSettled: everybody gets x·S, which adds up to q·S. Where the command closes, the closing before it."""
    closed: list[Event] = []
    if command.closes and state.facts.status in LEGAL["close"]:
        closed = close(state, c.CloseSession(before_t2=command.before_t2), actor, now)
    else:
        require_status(state, "settle")
    require_organiser(state, actor)
    payouts, treasury = payouts_at(state, command.fixing.prices)
    return [*closed, e.SessionSettled(command.fixing, payouts, treasury)]


def correct(state: SessionState, command: c.CorrectSettlement, actor: Actor, now: int) -> list[Event]:
    """SettlementCorrected: the whole settlement anew, and what it changes for each."""
    require_status(state, "correct the settlement")
    require_organiser(state, actor)
    _require_reason(command.reason)
    payouts, treasury = payouts_at(state, command.fixing.prices)
    differences = {who: units - state.facts.payouts.get(who, 0) for who, units in payouts.items()}
    return [e.SettlementCorrected(command.fixing, payouts, treasury, differences, command.reason)]


def payouts_at(state: SessionState, prices: e.Amounts) -> tuple[e.Amounts, int]:
    """(x·S of each participant, x·S of the treasury) in cash units. Pure; also the preview.

    Refuses prices that are missing, unknown or not positive, and a q·S at 2^63 or above.
    """
    facts = state.facts
    check_prices(state, prices)
    if not within_limit(sum(units * prices[leg] for leg, units in zip(facts.legs, facts.q, strict=True))):
        raise DomainError("too_large", "At these prices the basket is worth too much to be settled.", field="prices")
    paid = {person.handle: _value(state, person.handle, prices) for person in state.members()}
    treasury = _value(state, TREASURY, prices)
    worth = sum(units * prices[leg] for leg, units in zip(facts.legs, facts.q, strict=True))
    if sum(paid.values()) + treasury != worth:
        raise InvariantViolation(f"payouts add up to {sum(paid.values()) + treasury}, the basket to {worth}")
    return paid, treasury


def _value(state: SessionState, who: str, prices: e.Amounts) -> int:
    return sum(state.held(who, leg).total * prices[leg] for leg in state.facts.legs)


def check_prices(state: SessionState, prices: e.Amounts) -> None:
    """Refuse anything but one positive price for each leg."""
    for leg in state.facts.legs:
        if leg not in prices:
            raise DomainError("fixing_unavailable", f"There is no price for {leg}.", field=f"prices.{leg}")
    for leg, price in prices.items():
        if leg not in state.facts.legs:
            raise DomainError("unknown_leg", f"{leg!r} is none of this session's legs.", field=f"prices.{leg}")
        if price <= 0 or not within_limit(price):
            raise DomainError("invalid_price", f"The price of {leg} must be above zero.", field=f"prices.{leg}")


def fix(state: SessionState, command: c.FixPrices, actor: Actor, now: int) -> list[Event]:
    """PriceFixed: prices put on record before settlement, by hand or from the feed."""
    require_status(state, "fix prices")
    require_organiser(state, actor)
    check_prices(state, command.fixing.prices)
    return [e.PriceFixed(command.fixing)]


def cancel(state: SessionState, command: c.CancelSession, actor: Actor, now: int) -> list[Event]:
    """Everything open is cancelled and released, nothing is paid, then SessionCancelled."""
    require_status(state, "cancel the session")
    require_organiser(state, actor)
    _require_reason(command.reason)
    why = "session_cancelled"
    return [
        *[e.OrderCancelled(number, why) for number in sorted(state.orders)],
        *[e.QuoteRejected(number, why) for number in sorted(state.quotes)],
        *[e.RFQCancelled(number, why) for number in sorted(state.rfqs)],
        e.SessionCancelled(command.reason),
    ]


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise DomainError("reason_required", "Say why: the ledger keeps the reason.", field="reason")


def _check_basket(command: c.CreateSession) -> None:
    if not is_session_id(command.session_id):
        detail = "session_id is 1 to 64 letters, digits, '.', '-' or '_', and not '.' or '..'."
        raise DomainError("invalid_session", detail, field="session_id")
    if not 1 <= len(command.legs) <= _MOST_LEGS:
        raise DomainError("invalid_session", f"A session has 1 to {_MOST_LEGS} legs.", field="legs")
    seen: set[str] = set()
    for leg in command.legs:
        if not is_leg(leg):
            raise DomainError(
                "invalid_session",
                f"{leg!r} is no name for a leg: 1 to 32 letters, digits, '.', '-', '_', spaces inside; not CASH.",
                field="legs",
            )
        if leg in seen:
            raise DomainError("invalid_session", f"The leg {leg!r} is there twice.", field="legs")
        seen.add(leg)
    if command.q and len(command.q) != len(command.legs):
        raise DomainError(
            "invalid_session", f"q has {len(command.q)} quantities for {len(command.legs)} legs.", field="q"
        )
    if any(command.q) and not all(units > 0 and within_limit(units) for units in command.q):
        raise DomainError(
            "invalid_session", "Every quantity in q must be above zero, or all of them zero.", field="q"
        )


def _check_times(command: c.CreateSession, now: int) -> None:
    if command.start_mode not in {"immediate", "scheduled", "manual"}:
        raise DomainError("invalid_session", "start_mode must be immediate, scheduled or manual.", field="start_mode")
    if command.end_mode not in {"timed", "manual"}:
        raise DomainError("invalid_session", "end_mode must be timed or manual.", field="end_mode")
    if (command.start_mode == "scheduled") != bool(command.t1):
        raise DomainError("invalid_session", "t1 goes with start_mode scheduled, which needs it.", field="t1")
    if command.t1 and command.t1 <= now:
        detail = f"t1, {isoformat(command.t1)}, has passed: give a later one, or start_mode immediate."
        raise DomainError("invalid_session", detail, field="t1")
    if command.duration < 0 or max(now, command.t1, command.t2) + command.duration > LATEST:
        raise DomainError("invalid_session", "The times are out of range.", field="duration_minutes")
    if command.end_mode == "manual" and (command.t2 or command.duration):
        raise DomainError("invalid_session", "t2 and duration_minutes go with end_mode timed.", field="end_mode")
    if command.t2 and command.duration:
        raise DomainError("invalid_session", "Give one of t2 and duration_minutes, not both.", field="t2")
    if command.end_mode == "timed" and not command.t2 and not command.duration:
        raise DomainError("invalid_session", "A timed session needs either t2 or duration_minutes.", field="t2")
    if command.t2 and command.t2 <= max(now, command.t1):
        raise DomainError("invalid_session", "t2 must be in the future and after t1.", field="t2")


def _check_rules(command: c.CreateSession) -> None:
    for value, field in (
        (command.quantity_decimals, "quantity_decimals"),
        (command.price_decimals, "price_decimals"),
    ):
        if not 0 <= value <= 6:
            raise DomainError("invalid_session", f"{field} must be between 0 and 6.", field=field)
    if command.cash_per_participant < 0 or not within_limit(command.cash_per_participant):
        raise DomainError("invalid_session", "cash_per_participant is out of range.", field="cash_per_participant")
    if command.fixing not in _RULES:
        raise DomainError("invalid_session", f"fixing must be one of {', '.join(_RULES)}.", field="fixing")
    has_window = command.fixing_window != 0
    if (command.fixing in {"twap", "median"}) != has_window or not 0 <= command.fixing_window < LIMIT:
        raise DomainError(
            "invalid_session",
            "fixing_window goes with twap and median, which need it.",
            field="fixing_window",
        )
    if command.fixing_max_age <= 0 or not within_limit(command.fixing_max_age):
        raise DomainError("invalid_session", "fixing_max_age must be above zero.", field="fixing_max_age")
    if command.self_trade_prevention not in {"cancel_newest", "cancel_oldest", "cancel_both"}:
        raise DomainError(
            "invalid_session",
            "self_trade_prevention must be cancel_newest, cancel_oldest or cancel_both.",
            field="self_trade_prevention",
        )
    _check_bounds(command.bounds)


def _check_bounds(bounds: e.Bounds) -> None:
    if min(msgspec.structs.astuple(bounds)) < 0:
        raise DomainError("invalid_session", "Bounds are never negative.", field="bounds")
    if bounds.max_quantity and bounds.max_quantity < bounds.min_quantity:
        detail = "max_quantity is below min_quantity."
        raise DomainError("invalid_session", detail, field="bounds.max_quantity")
    for name in ("orders_per_second", "order_burst"):
        if getattr(bounds, name) > e.MOST_PER_SECOND:
            detail = f"{name} must be at most {e.MOST_PER_SECOND}."
            raise DomainError("invalid_session", detail, field=f"bounds.{name}")


def _grid(command: c.CreateSession) -> tuple[int, int]:
    """(lot, tick) of the leg-to-leg books: lot × tick is a whole unit of the quote leg."""
    half = min(command.quantity_decimals, command.price_decimals // 2)
    lot = command.lot or 10**half
    tick = command.tick or 10 ** (command.price_decimals - half)
    if lot < 0 or tick < 0 or not within_limit(max(lot, tick)) or lot * tick % 10**command.price_decimals:
        raise DomainError("invalid_session", "lot × tick must be a whole unit of the quote leg.", field="leg_lot")
    return lot, tick
