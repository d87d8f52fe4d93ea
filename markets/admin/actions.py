"""The buttons of the console: each is a form, the one handler it calls, and what to say afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from accounts import facade as accounts
from common.errors import DomainError
from common.ids import Actor
from markets import queries, requests
from markets.admin import forms
from markets.admin.creation import user_for
from markets.admin.tables import amount, moment
from markets.engine import commands as c
from markets.engine.decide.access import LEGAL
from markets.handlers import announcements, participants, prices, rfq, sessions
from oracle import facade as oracle

Facts = Sequence[tuple[str, str]]
_UNSETTLED = frozenset({"created", "active", "halted", "closed"})


@dataclass(frozen=True, slots=True)
class Action:
    """`run` makes the call and answers a sentence; it raises DomainError or Unavailable.

    `statuses` are those in which the button is shown; the domain decides when it is legal.
    """

    name: str
    label: str
    explains: str
    statuses: frozenset[str]
    form: type[forms.CommandForm]
    run: Callable[[Any, Actor], str]
    group: str
    is_grave: bool = False
    facts: Callable[[Any], Facts] | None = None
    """What it would do, shown before it is confirmed."""
    template: str = "admin/console/action.html"


def _start(form: forms.CommandForm, actor: Actor) -> str:
    sessions.start_session(form.info.stream, actor, command_id=form.once)
    return "Trading is open."


def _halt(form: forms.CommandForm, actor: Actor) -> str:
    reason = form.cleaned_data["reason"]
    sessions.halt_session(form.info.stream, actor, reason=reason, command_id=form.once)
    return "Trading is halted."


def _resume(form: forms.CommandForm, actor: Actor) -> str:
    sessions.resume_session(form.info.stream, actor, command_id=form.once)
    return "Trading is open again."


def _close(form: forms.CommandForm, actor: Actor) -> str:
    sessions.close_session(form.info.stream, actor, command_id=form.once)
    return "The session is closed; it can be settled."


def _cancel(form: forms.CommandForm, actor: Actor) -> str:
    reason = form.cleaned_data["reason"]
    sessions.cancel_session(form.info.stream, actor, reason=reason, command_id=form.once)
    return "The session is cancelled; nothing is paid."


def _delete(form: forms.CommandForm, actor: Actor) -> str:
    reason = form.cleaned_data["reason"]
    sessions.delete_session(form.info.session_id, actor, reason=reason, command_id=form.once)
    return f"{form.info.session_id} is deleted."


def _admit(form: forms.CommandForm, actor: Actor) -> str:
    handle = form.cleaned_data["participant_id"]
    session_id = form.info.session_id
    user = user_for(form.info.organiser, session_id, handle, form.cleaned_data["user"], "user")
    command = c.JoinSession(participant=handle, user=user)
    name = form.cleaned_data["name"]
    participants.join_session(form.info.stream, command, actor, name=name, command_id=form.once)
    accounts.settle_made_up(user, session_id, handle)
    return f"{handle} takes part."


def _remove(form: forms.CommandForm, actor: Actor) -> str:
    handle = form.cleaned_data["participant"]
    command = c.RemoveParticipant(participant=handle, reason=form.cleaned_data["reason"])
    participants.remove_participant(form.info.stream, command, actor, command_id=form.once)
    return f"{handle} was removed; what they held is the treasury's."


def _split(form: forms.CommandForm, actor: Actor) -> str:
    participants.assign_allocations(form.info.stream, c.AssignAllocations(), actor, command_id=form.once)
    return "The treasury was split equally among those without an allocation."


def _allocate(form: forms.AllocationForm, actor: Actor) -> str:
    command = requests.assign_allocations(form.info, form.body)
    participants.assign_allocations(form.info.stream, command, actor, command_id=form.once)
    return "The allocations are assigned."


def _bust(form: forms.CommandForm, actor: Actor) -> str:
    trade, reason = form.cleaned_data["trade"], form.cleaned_data["reason"]
    rfq.bust_trade(form.info.stream, trade, actor, reason=reason, command_id=form.once)
    return f"Trade {trade} is undone."


def _announce(form: forms.CommandForm, actor: Actor) -> str:
    to = form.cleaned_data["participant"]
    command = c.Announce(text=form.cleaned_data["text"].strip(), participant=to)
    announcements.announce(form.info.stream, command, actor, command_id=form.once)
    return f"{to} was told." if to else "Everybody was told."


def _trade_facts(form: forms.CommandForm) -> Facts:
    """What a bust would undo."""
    number = form["trade"].value()
    if not str(number).isdecimal() or len(str(number)) > 18:
        return []
    try:
        row = queries.trade(form.info.stream, int(number))
    except DomainError as refusal:
        return [("Trade", refusal.detail)]
    return [
        ("Trade", f"{row.number}, {moment(row.at)} UTC"),
        (row.participant_a, f"gave {amount(form.info, row.leg_from, row.amount_from)} {row.leg_from}"),
        (row.participant_b, f"gave {amount(form.info, row.leg_to, row.amount_to)} {row.leg_to}"),
        ("Undoing it", "each gives back what it got; refused where one no longer has it"),
    ]


def _open_facts(form: forms.CommandForm) -> Facts:
    """What ends with the session's trading."""
    counts = queries.open_counts(form.info.stream)
    return [(what, str(count)) for what, count in counts.items()]


def _cancel_facts(form: forms.CommandForm) -> Facts:
    return [*_open_facts(form), ("Payouts", "none")]


def _leaver_facts(form: forms.CommandForm) -> Facts:
    """What goes to the treasury with a participant."""
    who = str(form["participant"].value() or "")
    held = queries.allocations(form.info.stream).get(who)
    if held is None:
        return []
    told = [f"{amount(form.info, asset, one.total)} {asset}" for asset, one in held.items() if one.total]
    return [("Goes to the treasury", ", ".join(told) or "nothing")]


def _fix(form: forms.PricesForm, actor: Actor) -> str:
    prices.fix_prices(form.info.stream, form.prices, actor, command_id=form.once)
    return "The prices are on record."


def _push(form: forms.PricesForm, actor: Actor) -> str:
    tick = prices.push_prices(form.info, form.prices)
    return f"Tick {tick.seq} is published."


def _require_own_feed(info: queries.SessionInfo) -> None:
    """One session's page is no place to change what others may live by."""
    if info.feed:
        where = "it is started and stopped on its own page, under Feeds."
        raise DomainError("invalid_input", f"The feed {info.feed} may serve other sessions, too: {where}")


def _simulate(form: forms.SimForm, actor: Actor) -> str:
    _require_own_feed(form.info)
    prices.start_source(form.info, mode="sim", settings=form.settings)
    return "The simulation runs."


def _replay(form: forms.ReplayForm, actor: Actor) -> str:
    _require_own_feed(form.info)
    settings, upload = form.settings, form.cleaned_data["csv"]
    replay = oracle.read_replay(upload.file, price_decimals=form.info.price_decimals)
    prices.start_source(form.info, mode="replay", settings=settings, replay=replay)
    return f"The replay of {len(replay.rows)} rows runs."


def _stop_feed(form: forms.CommandForm, actor: Actor) -> str:
    _require_own_feed(form.info)
    oracle.stop_feed(sessions.feed_of(form.info))
    return "The feed is stopped."


ACTIONS = (
    Action(
        "start",
        "Start",
        "Trading opens now. A duration begins to run.",
        LEGAL["start"],
        forms.ConfirmForm,
        _start,
        "life",
    ),
    Action(
        "halt",
        "Halt",
        "Nobody trades until you resume; cancels stay possible, prices flow.",
        LEGAL["halt"],
        forms.MayReasonForm,
        _halt,
        "life",
    ),
    Action(
        "resume",
        "Resume",
        "Trading goes on where it was.",
        LEGAL["resume"],
        forms.ConfirmForm,
        _resume,
        "life",
    ),
    Action(
        "close",
        "Close",
        "Trading ends: open orders, RFQs and quotes expire. Settle afterwards.",
        LEGAL["close"],
        forms.ConfirmForm,
        _close,
        "life",
        is_grave=True,
        facts=_open_facts,
    ),
    Action(
        "cancel",
        "Cancel session",
        "The session is called off: reservations are released, nothing is paid. It cannot be taken back.",
        LEGAL["cancel the session"],
        forms.ReasonForm,
        _cancel,
        "life",
        is_grave=True,
        facts=_cancel_facts,
    ),
    Action(
        "announce",
        "Announce",
        "Everybody in the session sees it at once, and finds it after a reload; or one participant alone.",
        LEGAL["announce"],
        forms.AnnounceForm,
        _announce,
        "people",
    ),
    Action(
        "admit",
        "Admit participant",
        "A user takes part under a handle and gets the session's cash.",
        LEGAL["join"],
        forms.AdmitForm,
        _admit,
        "people",
    ),
    Action(
        "remove",
        "Remove participant",
        "Their orders, RFQs and quotes are cancelled; legs and cash go to the treasury.",
        LEGAL["remove a participant"],
        forms.RemoveForm,
        _remove,
        "people",
        is_grave=True,
        facts=_leaver_facts,
    ),
    Action(
        "split",
        "Split equally",
        "What the treasury holds is split equally among the participants without an allocation.",
        LEGAL["assign allocations"],
        forms.ConfirmForm,
        _split,
        "people",
    ),
    Action(
        "allocate",
        "Allocate",
        "Claims move from the treasury to participants. Empty rows are left alone.",
        LEGAL["assign allocations"],
        forms.AllocationForm,
        _allocate,
        "people",
        template="admin/console/allocate.html",
    ),
    Action(
        "simulate",
        "Run a simulation",
        "Correlated geometric Brownian motion, published while the server's clock runs.",
        _UNSETTLED,
        forms.SimForm,
        _simulate,
        "prices",
    ),
    Action(
        "replay",
        "Replay a CSV",
        "Its rows are published one after the other, while the server's clock runs.",
        _UNSETTLED,
        forms.ReplayForm,
        _replay,
        "prices",
    ),
    Action(
        "push",
        "Push prices",
        "One tick, now. A feed that makes its own prices refuses it.",
        _UNSETTLED,
        forms.PricesForm,
        _push,
        "prices",
    ),
    Action(
        "stop-feed",
        "Stop the feed",
        "Nothing more is published until it is started again.",
        _UNSETTLED,
        forms.ConfirmForm,
        _stop_feed,
        "prices",
    ),
    Action(
        "fix",
        "Fix prices",
        "Typed prices go on record. A session with the rule manual settles at the last ones.",
        LEGAL["fix prices"],
        forms.PricesForm,
        _fix,
        "prices",
    ),
    Action(
        "bust",
        "Bust a trade",
        "Both parties give back what they got, if they still have it. Orders keep what they had filled.",
        LEGAL["bust a trade"],
        forms.BustForm,
        _bust,
        "records",
        is_grave=True,
        facts=_trade_facts,
    ),
    Action(
        "delete",
        "Delete session",
        "The session is hidden from everybody for ever; its events are purged later. It cannot be taken back.",
        frozenset({*_UNSETTLED, "settled", "cancelled"}),
        forms.DeleteForm,
        _delete,
        "records",
        is_grave=True,
    ),
)


def settle(form: forms.PricesForm, actor: Actor) -> str:
    """Close if need be, fix, pay."""
    prices.settle_session(form.info.stream, actor, prices=form.prices or None, command_id=form.once)
    return "The session is settled."


def correct(form: forms.PricesForm, actor: Actor) -> str:
    """Settle anew at typed prices."""
    reason = form.cleaned_data["reason"]
    prices.correct_settlement(form.info.stream, form.prices, actor, reason=reason, command_id=form.once)
    return "The settlement is corrected."
