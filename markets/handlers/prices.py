"""Prices and settlement: the session's feed, its fixing, and what it pays."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from django.conf import settings

from common.errors import DomainError
from common.ids import CLOCK, Actor
from ledger.runtime import runtime
from ledger.tickets import Item, Outcome, fingerprint
from markets import queries
from markets.engine import commands as c
from markets.engine.events import Fixing
from markets.handlers.sessions import advance_session, close_session, feed_of
from oracle import facade as oracle

_PACE = ("tick_ms", "max_ticks", "loop")


def push_prices(session: queries.SessionInfo, prices: object, *, source_at: int | None = None) -> oracle.TickInfo:
    """Publish one tick {leg: price} on the session's own push feed, made when first needed."""
    _require_own(session)
    name = feed_of(session)
    if not session.feed:
        try:
            oracle.create_feed(
                name=name,
                mode="push",
                instruments=session.legs,
                price_decimals=session.price_decimals,
                clock=runtime.clock,
            )
        except DomainError as refusal:
            if refusal.code != "feed_exists":
                raise
            detail = "This session's prices are simulated or replayed: none can be pushed beside them."
            raise DomainError(refusal.code, detail) from None
    return oracle.publish(name, prices=prices, source_at=source_at, clock=runtime.clock)


def start_source(
    session: queries.SessionInfo,
    *,
    mode: str,
    settings: Mapping[str, object] | None = None,
    replay: oracle.Replay | None = None,
) -> oracle.FeedInfo:
    """Let a sim or a replay publish on the session's feed, made when first needed; `advance_feed` drives it.

    The session's own feed may change its source between runs; a feed that others share must fit as it is.
    """
    if replay is not None:
        lacking = [leg for leg in session.legs if leg not in replay.instruments]
        if lacking:
            raise DomainError("feed_mismatch", f"The CSV has no prices for {', '.join(lacking)}.", field="csv")
    _require_own(session)
    name = feed_of(session)
    try:
        oracle.create_feed(
            name=name,
            mode=mode,
            instruments=replay.instruments if replay else session.legs,
            price_decimals=session.price_decimals,
            settings=settings,
            replay=replay,
        )
    except DomainError as refusal:
        if refusal.code != "feed_exists" or session.feed:
            raise
        _change_source(name, mode=mode, settings=settings, replay=replay)
    return oracle.start_feed(name, pace={key: (settings or {})[key] for key in _PACE if key in (settings or {})})


def _change_source(
    name: str, *, mode: str, settings: Mapping[str, object] | None, replay: oracle.Replay | None
) -> None:
    """The session's own feed is named after its stream, which nobody knows it by."""
    try:
        oracle.change_source(name, mode=mode, settings=settings, replay=replay)
    except DomainError as refusal:
        if refusal.code != "feed_running":
            raise
        raise DomainError(refusal.code, "This session's feed is running; stop it first.") from None


def fix_prices(stream: UUID, prices: Mapping[str, object], actor: Actor, *, command_id: str = "") -> Outcome:
    """Put prices on record that an organiser typed."""
    command = c.FixPrices(fixing=manual(queries.session_of(stream), prices))
    return _execute(stream, command, actor, command_id, request=["fix", prices])


def settle_session(
    stream: UUID, actor: Actor, *, prices: Mapping[str, object] | None = None, command_id: str = ""
) -> Outcome:
    """Close the session if it is open, and pay everybody x·S at its fixing.

    `prices` replaces the feed by typed ones; closing and paying are then one command, so that the clock cannot pay at
    the feed's in between. Without a fixing nothing changes: DomainError `fixing_unavailable`.
    """
    advance_session(stream)  # a t2 that has passed closes the session before anybody does by hand
    session = queries.session_of(stream)
    _require_organiser(session, actor)
    fixing = manual(session, prices) if prices is not None else None
    if session.status in {"active", "halted"} and fixing is None:
        fixing_of(session, at=runtime.clock(), final=False)  # refuse now, while the session is still open
        close_session(stream, actor)
        session = queries.session_of(stream)
    if session.status == "closed":
        fixing = fixing or _fixing_after_close(session)
    command = c.SettleSession(
        fixing=fixing or Fixing("none", 0, {}),  # where not closed: refused, or a repeat
        closes=prices is not None,
        before_t2=settings.ALLOW_MANUAL_SETTLE,
    )
    return _execute(stream, command, actor, command_id, request=["settle", prices])


def settle_closed() -> list[tuple[str, str]]:
    """Settle every closed session whose fixing there is; (session_id, why not) for the others. For the clock."""
    waiting = []
    for session in queries.sessions(status=("closed",)):
        if session.is_imported:
            continue
        try:
            settle_session(session.stream, CLOCK)
        except DomainError as refusal:
            waiting.append((session.session_id, refusal.detail))
    return waiting


def correct_settlement(
    stream: UUID, prices: Mapping[str, object], actor: Actor, *, reason: str, command_id: str = ""
) -> Outcome:
    """Settle anew at typed prices, by a compensating event that names each difference."""
    command = c.CorrectSettlement(fixing=manual(queries.session_of(stream), prices), reason=reason)
    return _execute(stream, command, actor, command_id, request=["correct", prices, reason])


def _execute(stream: UUID, command: c.Command, actor: Actor, command_id: str, *, request: object) -> Outcome:
    """Repeats are told by what was asked for: the facts fetched for it differ from one moment to the next."""
    item = Item(command, command_id, actor.id if command_id else "", fingerprint(msgspec.to_builtins(request)))
    return runtime.execute_item(stream, item, actor)


def _fixing_after_close(session: queries.SessionInfo) -> Fixing:
    """The fixing at the close; where there was no fresh price then, the first one there is afterwards."""
    try:
        return fixing_of(session, at=session.closed_at, final=True)
    except DomainError as refusal:
        try:
            return fixing_of(session, at=runtime.clock(), final=True)
        except DomainError:
            raise refusal from None


def fixing_now(session: queries.SessionInfo) -> Fixing:
    """What settling now would fix, as far as one can tell; nothing is sealed. Raises as `fixing_of`."""
    if session.status == "closed":
        try:
            return fixing_of(session, at=session.closed_at, final=False)
        except DomainError:
            pass  # settling, too, goes on to the first fresh price there is
    return fixing_of(session, at=runtime.clock(), final=False)


def fixing_of(session: queries.SessionInfo, *, at: int, final: bool) -> Fixing:
    """The fixing of a session at `at` by its own rule. Raises DomainError `fixing_unavailable` with the reason."""
    if session.terms.fixing_rule == "manual":
        if session.fixing is None or session.fixing.rule != "manual":
            raise DomainError("fixing_unavailable", "The organiser has not typed the fixing yet.")
        return session.fixing
    try:
        found = oracle.fixing(
            feed_of(session),
            instruments=session.legs,
            rule=session.terms.fixing_rule,
            at=at,
            window=session.terms.fixing_window,
            max_age=session.terms.fixing_max_age,
            not_before=session.created_at,
            final=final,
            clock=runtime.clock,
        )
    except DomainError as refusal:
        if refusal.code == "unknown_feed":
            raise DomainError("fixing_unavailable", "No price has been published for this session.") from refusal
        raise
    return _scaled(session, found, feed_of(session))


def manual(session: queries.SessionInfo, prices: Mapping[str, object]) -> Fixing:
    """Typed prices as a fixing. Raises InvalidInput naming the leg."""
    found = oracle.manual_fixing(
        prices=prices, instruments=session.legs, price_decimals=session.price_decimals, at=runtime.clock()
    )
    return _scaled(session, found, "")


def _scaled(session: queries.SessionInfo, found: oracle.Fixing, feed: str) -> Fixing:
    """The oracle's fixing in the session's price units, with all that is needed to recompute it."""
    factor = 10 ** (session.price_decimals - found.price_decimals)
    return Fixing(
        found.rule,
        found.at,
        {leg: price * factor for leg, price in found.prices.items()},
        feed,
        found.price_decimals,
        found.window,
        found.tick_count,
        found.first_seq,
        found.last_seq,
        found.ticks_sha256,
        tuple((tick.seq, tick.published_at, tick.prices) for tick in found.ticks),
        {leg: (str(above), str(below)) for leg, (above, below) in found.exact.items() if below != 1},
    )


def _require_own(session: queries.SessionInfo) -> None:
    if session.is_imported:
        raise DomainError("imported", "This was imported from another installation: it can only be read.")


def _require_organiser(session: queries.SessionInfo, actor: Actor) -> None:
    if not actor.organiser and actor.id != session.organiser:
        raise DomainError("not_organiser", "Only the session's organiser may do this.")
