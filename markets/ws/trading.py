"""Order entry over one socket: frames → commands, in the order in which they came; each is answered once, by its id.

What a frame may say and who may act for whom is markets.entry's, the API's own; what is refused has the API's codes.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError

from accounts import keys
from common import strict_json
from common.clock import now_us
from common.errors import DomainError, InvalidInput, Throttled, Unavailable
from common.fields import Fields
from common.live.connection import NOT_SIGNED_IN, Connection
from common.live.message import Answer
from common.live.threads import in_thread
from ledger.tickets import Outcome
from markets import entry, presence, queries, shapes
from markets.engine import commands as c
from markets.handlers import countdowns, orders
from markets.handlers.orders import OrderCommand, OrderReceipt
from markets.models import Trade
from markets.seats import Seat
from markets.ws import credentials
from markets.ws.credentials import Guest

log = logging.getLogger("markets.ws")
RequestId = str | int | None
AnyCommand = OrderCommand | c.CancelOrders
ACTIONS = {"order.new": "place", "order.replace": "replace", "order.cancel": "cancel"}
CANCEL_ALL = "order.cancel_all"
COMMANDS = (*ACTIONS, CANCEL_ALL)
COUNTDOWN, ON_DISCONNECT = "order.countdown", "order.cancel_on_disconnect"
OPS = (*COMMANDS, COUNTDOWN, ON_DISCONNECT)
MOST_UNANSWERED = 1000
_TRUSTED_S = 1.0
"""For so long a seat is taken as it was last read; a key that is revoked in this process is noticed at once."""


class Asked(NamedTuple):
    """A client's message. `id` is the caller's own name for it; `body` is the rest."""

    op: str
    id: RequestId
    body: dict[str, Any]

    @property
    def command_id(self) -> str:
        """A text names the command for ever, as an Idempotency-Key does; a number only the answer."""
        return f"key:{self.id}" if isinstance(self.id, str) else ""


class NotUnderstood(Exception):
    """Nothing that could be asked for. `asked` has what could be read of it."""

    def __init__(self, asked: Asked, refusal: DomainError) -> None:
        super().__init__(refusal.detail)
        self.asked, self.refusal = asked, refusal


def hear(text: str) -> Asked:
    """Read a client's message. Raises NotUnderstood."""
    asked = Asked("", None, {})
    try:
        body = strict_json.parse(text.encode())
        if not isinstance(body, dict):
            raise InvalidInput("body", "A message must be an object.")
        asked = asked._replace(id=_checked_id(body.pop("id", None)), body=body)
        op = body.pop("op", None)
        if not isinstance(op, str) or op not in (*OPS, "resume"):
            raise InvalidInput("op", f"op must be one of: {', '.join((*OPS, 'resume'))}.")
        asked = asked._replace(op=op)
        if op != "resume" and asked.id is None:
            raise InvalidInput("id", "id is required: the answer will carry it.")
    except DomainError as refusal:
        raise NotUnderstood(asked if asked.body else Asked("", _id_at_all(text), {}), refusal) from None
    return asked


def _id_at_all(text: str) -> RequestId:
    """The id of a message that cannot be read as it should, so that even its sender hears which one it was."""
    try:
        return _checked_id(json.loads(text).get("id"))
    except (ValueError, RecursionError, AttributeError, DomainError):
        return None


def _checked_id(value: object) -> RequestId:
    if value is None or (type(value) is int and abs(value) < 1 << 63):
        return value
    if not isinstance(value, str) or not 1 <= len(value) <= 128 or not value.isascii() or not value.isprintable():
        raise InvalidInput("id", "id is 1 to 128 printable ASCII characters, or a whole number.")
    return value


class OrderEntry:
    """What one client asks to be done. Frames wait for nothing but the check of who sends them."""

    def __init__(self, connection: Connection[Guest]) -> None:
        self._connection, self._guest = connection, connection.guest
        self._seat: Seat | None = None
        self._trusted_until, self._generation = 0.0, -1
        self._unanswered: set[asyncio.Future[Any]] = set()

    async def take(self, asked: Asked) -> None:
        """Have a command done. Its answer comes when it is committed, or at once where it cannot be a command."""
        try:
            self._require_room()
            seat = await self._seated()
            command = _command(asked, seat)
            if _engine_would_let_too_much(command, seat):
                await in_thread(_require_own, command, seat)
            future = orders.begin(seat.stream, command, seat.actor, command_id=asked.command_id)
        except Exception as error:
            self.refuse(asked, error)
            return
        self._unanswered.add(future)
        future.add_done_callback(partial(self._settle, asked, command, seat))

    def refuse(self, asked: Asked, error: Exception) -> None:
        """Answer with an error. What nobody foresaw is logged, and told as `internal_error`."""
        if isinstance(error, OperationalError | InterfaceError):
            error = Unavailable("unavailable", "The database does not answer; nothing was changed.")
        if not isinstance(error, DomainError | Unavailable):
            log.error("unforeseen", exc_info=error)
            error = DomainError("internal_error", "Something went wrong here. Nothing was changed.")
        if isinstance(error, DomainError) and self._seat:
            presence.refused(self._seat.stream, self._seat.handle, error)
        self._answer("error", _described(asked, error))

    async def switch(self, asked: Asked) -> None:
        """Set a countdown, or what happens when this connection ends."""
        try:
            seat = await self._seated()
            cancel_at = await in_thread(self._switched, asked, seat)
        except Exception as error:
            self.refuse(asked, error)
        else:
            self._acknowledge(asked, cancel_at=shapes.moment(cancel_at))

    def _switched(self, asked: Asked, seat: Seat) -> int | None:
        fields = Fields(asked.body)
        who = entry.whom(fields, seat)
        if asked.op == COUNTDOWN:
            seconds = fields.units("seconds", 0)
            fields.end()
            if seconds > countdowns.LONGEST_S:
                raise InvalidInput("seconds", f"seconds must be at most {countdowns.LONGEST_S}.")
            return countdowns.count_down(seat.stream, who, seconds)
        on = fields.flag("on")
        fields.end()
        if on:
            countdowns.hold(seat.stream, who, self._connection.name)
            self._connection.holds.add(who)
        else:
            self._connection.holds.discard(who)
            countdowns.let_go(seat.stream, who, self._connection.name)
        return None

    async def close(self) -> None:
        """The client is gone: what no writer has taken is taken back, and what was to happen at its end is done."""
        for future in tuple(self._unanswered):
            future.cancel()
        if self._connection.holds:
            await in_thread(countdowns.end, self._connection.name)

    def _require_room(self) -> None:
        if len(self._unanswered) >= MOST_UNANSWERED:
            raise Unavailable("busy", f"{MOST_UNANSWERED} commands wait for their answer. Wait for some.")

    async def _seated(self) -> Seat:
        """Where the caller sits. Raises DomainError `missing_scope`, `not_found`, `not_authenticated`."""
        now, generation = asyncio.get_running_loop().time(), keys.generation()
        if self._seat is None or now > self._trusted_until or generation != self._generation:
            try:
                self._seat = await in_thread(credentials.trading_seat, self._guest)
            except DomainError as refusal:
                if refusal.code == "not_authenticated":
                    self._connection.close(NOT_SIGNED_IN)
                raise
            self._trusted_until, self._generation = now + _TRUSTED_S, generation
        return self._seat

    def _settle(self, asked: Asked, command: AnyCommand, seat: Seat, future: "asyncio.Future[Outcome]") -> None:
        """Answer at once where the outcome says it all; else once rows were read."""
        self._unanswered.discard(future)
        if future.cancelled():
            return
        done = None if future.exception() else _done_at_once(command, future.result(), seat)
        if done:
            self._acknowledge(asked, **done)
            return
        reading = asyncio.create_task(self._settle_by_rows(asked, command, seat, future))
        self._unanswered.add(reading)
        reading.add_done_callback(self._unanswered.discard)

    async def _settle_by_rows(
        self, asked: Asked, command: AnyCommand, seat: Seat, future: "asyncio.Future[Outcome]"
    ) -> None:
        try:
            done = await in_thread(_done_by_rows, command, future.result(), seat)
        except DomainError as refusal:
            self.refuse(asked, await in_thread(_as_seen, refusal, command, seat) if _hides(refusal) else refusal)
        except Exception as error:
            self.refuse(asked, error)
        else:
            self._acknowledge(asked, **done)

    def _acknowledge(self, asked: Asked, **done: Any) -> None:
        self._answer("ack", {"id": asked.id, "op": asked.op, **_NOTHING_DONE, **done})

    def _answer(self, kind: str, data: shapes.Shape) -> None:
        self._connection.answer(Answer(kind, self._guest.session_id, now_us(), data))


_NOTHING_DONE = {"event_seq": None, "replayed": False, "order": None, "cancelled": None, "cancel_at": None}


def _command(asked: Asked, seat: Seat) -> AnyCommand:
    if asked.op == CANCEL_ALL:
        return entry.parse_cancel_all(Fields(asked.body), seat)
    command = entry.parse(ACTIONS[asked.op], asked.body, seat)
    if not isinstance(command, c.PlaceOrder) and not command.order:
        raise _no_such_order()
    return command


def _engine_would_let_too_much(command: AnyCommand, seat: Seat) -> bool:
    """The engine knows the organiser, but not that this key of theirs has no organiser's rights."""
    is_narrowed = seat.actor.id == seat.session.organiser and not seat.organises
    return is_narrowed and isinstance(command, c.ReplaceOrder | c.CancelOrder)


def _require_own(command: c.ReplaceOrder | c.CancelOrder, seat: Seat) -> None:
    owners = queries.order_owners(seat.stream, [command.order])
    if command.order not in owners or not (seat.organises or owners[command.order] == seat.handle):
        raise _no_such_order()


def _hides(refusal: DomainError) -> bool:
    """Whether it would tell a stranger that there is an order."""
    return refusal.code in {"order_not_open", "not_yours"}


def _as_seen(refusal: DomainError, command: AnyCommand, seat: Seat) -> DomainError:
    """Somebody else's order is not there, open or not."""
    if isinstance(command, c.ReplaceOrder | c.CancelOrder):
        try:
            _require_own(command, seat)
        except DomainError as hidden:
            return hidden
    return refusal


def _no_such_order() -> DomainError:
    return DomainError("not_found", "There is no such order.")


def _done_at_once(command: AnyCommand, outcome: Outcome, seat: Seat) -> shapes.Shape | None:
    """What an ack says besides whose it is; None where rows have to be read for it."""
    if isinstance(command, c.CancelOrders):
        cancelled = shapes.ids(seat.stream, orders.cancelled(outcome))
        return {"event_seq": outcome.last_seq, "replayed": outcome.replayed, "cancelled": cancelled}
    receipt = None if outcome.replayed else orders.receipt(command, outcome)
    return None if receipt is None or receipt.has_older_fills else _placed(seat, outcome, receipt)


def _done_by_rows(command: OrderCommand, outcome: Outcome, seat: Seat) -> shapes.Shape:
    receipt = orders.receipt(command, outcome)
    trades = orders.trades_so_far(seat.stream, [receipt])
    return _placed(seat, outcome, receipt, trades.get(receipt, ()))


def _placed(seat: Seat, outcome: Outcome, receipt: OrderReceipt, trades: Sequence[Trade] = ()) -> shapes.Shape:
    order = shapes.receipt(seat.session, receipt, trades)
    return {"event_seq": outcome.last_seq, "replayed": outcome.replayed, "order": order}


def _described(asked: Asked, error: DomainError | Unavailable) -> shapes.Shape:
    field = error.field if isinstance(error, DomainError) else ""
    return {
        "id": asked.id,
        "op": asked.op or None,
        "code": error.code,
        "detail": error.detail,
        "errors": [{"field": field, "code": error.code, "detail": error.detail}] if field else [],
        "retry_after": error.retry_after if isinstance(error, Throttled | Unavailable) else None,
        "command_id": error.command_id or None if isinstance(error, Unavailable) else None,
    }
