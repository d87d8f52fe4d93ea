"""The pinned baseline: the same market written the usual way, with Django's ORM and one transaction per command.

One caller; the stream's row FOR UPDATE; an indexed query for the best opposite orders; one save per changed row; the
same events, hashes and rows as the runtime writes, so ledger.verify checks it too. It leaves out what the usual way
would leave out: stored outcomes of commands, invariants after each command, deadlines.
"""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from benchmarks import session as sessions
from benchmarks.callers import Sample
from benchmarks.workload import Step
from common.clock import now_us
from common.errors import DomainError
from common.events import Event
from common.ids import Actor
from ledger import chain
from ledger.codec import canonical
from ledger.models import Event as EventRow
from ledger.models import Stream
from markets.engine import commands as c
from markets.engine import events as e
from markets.models import Holding, MarketSession, Order, Participant, Quote, Rfq, Trade

_OPEN = ("open", "partially_filled")
_INDEX = """CREATE INDEX IF NOT EXISTS bench_book ON markets_order (stream_id, asset, quote_asset, is_buy, price)
WHERE status IN ('open', 'partially_filled')"""
_WARM_UP = 30


def prepare() -> None:
    """The index that the query for the best opposite orders wants. The runtime's databases don't have it."""
    with connection.cursor() as cursor:
        cursor.execute(_INDEX)


def measure(name: str, seconds: float) -> Sample:
    """One caller sends the session's next commands for about `seconds`."""
    session = sessions.session(name)
    rate = session.rates.get("orm") or 100.0
    steps = session.workload.take(max(_WARM_UP, int(rate * seconds)))
    took: list[float] = []
    start, cpu = time.perf_counter(), time.thread_time()
    for step in steps:
        before = time.perf_counter()
        do(session.stream, step)
        took.append(time.perf_counter() - before)
    seconds, cpu = time.perf_counter() - start, time.thread_time() - cpu
    rate = session.rates["orm"] = len(steps) / seconds
    took.sort()
    return Sample(rate, 1e3 * took[len(took) // 2], 1e3 * took[len(took) * 99 // 100], 1.0, cpu / seconds, 0)


def do(stream: UUID, step: Step) -> None:
    """One command in one transaction. Raises DomainError."""
    with transaction.atomic():
        work = _Work(stream, step.actor)
        _DECISIONS[type(step.command)](work, step.command)
        work.stream.save()


class _Work:
    """One transaction: the locked stream, who acts, and the events so far."""

    def __init__(self, stream: UUID, actor: Actor) -> None:
        self.stream = Stream.objects.select_for_update().get(id=stream)
        self.actor, self.now = actor, max(now_us(), self.stream.last_at)
        self.command_id = f"orm-{self.stream.seq}"
        self.session = MarketSession.objects.get(stream_id=stream)
        if self.session.status != "active":
            raise DomainError(f"session_{self.session.status}", "You cannot trade now.")

    def append(self, event: Event) -> int:
        """Store an event; its seq."""
        row, kind, payload = self.stream, type(event).__name__, canonical(event)
        row.seq, row.last_at = row.seq + 1, self.now
        columns = (row.id, row.seq, kind, event.VERSION, payload, self.actor.id, self.command_id, self.now)
        row.head = chain.link(row.head, *columns)
        EventRow.objects.create(
            stream_id=row.id,
            seq=row.seq,
            type=kind,
            version=event.VERSION,
            payload=payload,
            actor=self.actor.id,
            command_id=self.command_id,
            at=self.now,
            hash=row.head,
        )
        return row.seq

    def acting(self, handle: str) -> Participant:
        person = Participant.objects.get(stream_id=self.stream.id, handle=handle)
        if person.user != self.actor.id or person.is_removed:
            raise DomainError("not_yours", f"You don't act for {handle!r}.")
        return person

    def holdings(self, handle: str, *assets: str) -> dict[str, Holding]:
        rows = Holding.objects.filter(stream_id=self.stream.id, participant=handle, asset__in=assets)
        return {row.asset: row for row in rows}

    def order(self, number: int) -> Order:
        order = Order.objects.get(stream_id=self.stream.id, number=number)
        if order.status not in _OPEN:
            raise DomainError("order_not_open", "This order is not open.")
        self.acting(order.participant)
        return order

    def opposite(self, order: Order) -> "QuerySet[Order]":
        """The resting orders that this one meets, best price first, then oldest first."""
        rows = Order.objects.filter(
            stream_id=self.stream.id,
            asset=order.asset,
            quote_asset=order.quote_asset,
            is_buy=not order.is_buy,
            status__in=_OPEN,
        )
        if order.is_buy:
            return rows.filter(price__lte=order.price).order_by("price", "priority")
        return rows.filter(price__gte=order.price).order_by("-price", "priority")


def _spends(order: Order) -> str:
    return order.quote_asset if order.is_buy else order.asset


def _wanted(order: Order) -> int:
    """What an open order must reserve."""
    rest = order.quantity - order.filled if order.status in _OPEN else 0
    return rest * order.price if order.is_buy else rest


def _reserve(order: Order, holding: Holding) -> None:
    wanted = _wanted(order)
    holding.reserved += wanted - order.reserved
    order.reserved = wanted


def _place(work: _Work, command: c.PlaceOrder) -> None:
    work.acting(command.participant)
    own = work.holdings(command.participant, command.asset, command.quote_asset)
    order = _new_order(work, command)
    spent = own[_spends(order)]
    if spent.total - spent.reserved < _wanted(order):
        raise DomainError("insufficient_funds", "This needs more than is available.")
    order.number = order.priority = work.append(_placed(command))
    _reserve(order, spent)
    for maker in work.opposite(order)[:10]:
        if order.filled == order.quantity:
            break
        _fill(work, order, maker, own)
    if order.filled < order.quantity and command.time_in_force == "ioc":
        work.append(e.OrderCancelled(order.number, "ioc_unfilled"))
        order.status, order.reason = "cancelled", "ioc_unfilled"
    _reserve(order, spent)
    order.save(force_insert=True)
    for holding in own.values() if order.filled else [spent]:
        holding.save()


def _placed(command: c.PlaceOrder) -> e.OrderPlaced:
    return e.OrderPlaced(
        command.participant,
        command.asset,
        command.quote_asset,
        command.is_buy,
        command.order_type,
        command.quantity,
        command.price,
        command.time_in_force,
        command.expires_at,
        command.post_only,
        command.client_order_id,
    )


def _new_order(work: _Work, command: c.PlaceOrder) -> Order:
    return Order(
        stream_id=work.stream.id,
        participant=command.participant,
        asset=command.asset,
        quote_asset=command.quote_asset,
        is_buy=command.is_buy,
        order_type=command.order_type,
        quantity=command.quantity,
        price=command.price,
        time_in_force=command.time_in_force,
        expires_at=command.expires_at,
        post_only=command.post_only,
        client_order_id=command.client_order_id,
        filled=0,
        reserved=0,
        status="open",
        reason="",
        created_at=work.now,
        updated_at=work.now,
    )


def _fill(work: _Work, taker: Order, maker: Order, own: dict[str, Holding]) -> None:
    """One trade at the resting order's price."""
    quantity = min(taker.quantity - taker.filled, maker.quantity - maker.filled)
    cost = quantity * maker.price
    theirs = work.holdings(maker.participant, maker.asset, maker.quote_asset)
    number = work.append(e.OrderMatched(maker.number, taker.number, quantity, maker.price))
    for order, holdings in ((maker, theirs), (taker, own)):
        order.filled += quantity
        order.status = "filled" if order.filled == order.quantity else "partially_filled"
        order.updated_at = work.now
        _reserve(order, holdings[_spends(order)])
        sign = 1 if order.is_buy else -1
        holdings[order.asset].total += sign * quantity
        holdings[order.quote_asset].total -= sign * cost
    maker.save()
    for holding in theirs.values():
        holding.save()
    seller, buyer = (maker, taker) if taker.is_buy else (taker, maker)
    _trade(
        work,
        number,
        seller.participant,
        buyer.participant,
        maker.asset,
        maker.quote_asset,
        quantity,
        cost,
        price=maker.price,
        maker=maker.number,
        taker=taker.number,
        taker_is_buy=taker.is_buy,
    )


def _trade(
    work: _Work, number: int, a: str, b: str, leg_from: str, leg_to: str, given: int, got: int, **more: int
) -> None:
    numbers = {"price": 0, "maker": 0, "taker": 0, "taker_is_buy": False, "rfq": 0, "quote": 0, **more}
    Trade.objects.create(
        stream_id=work.stream.id,
        number=number,
        at=work.now,
        participant_a=a,
        participant_b=b,
        leg_from=leg_from,
        leg_to=leg_to,
        amount_from=given,
        amount_to=got,
        **numbers,
    )


def _cancel(work: _Work, command: c.CancelOrder) -> None:
    order = work.order(command.order)
    spent = work.holdings(order.participant, _spends(order))[_spends(order)]
    work.append(e.OrderCancelled(order.number, "requested"))
    order.status, order.reason, order.updated_at = "cancelled", "requested", work.now
    _reserve(order, spent)
    order.save()
    spent.save()


def _replace(work: _Work, command: c.ReplaceOrder) -> None:
    """Quantity alone: a new price would have to look for a match, and the workload asks for none."""
    order = work.order(command.order)
    if command.price or command.quantity <= order.filled:
        raise DomainError("invalid_order", "Only the quantity of an order can be replaced here.")
    keeps = command.quantity <= order.quantity
    spent = work.holdings(order.participant, _spends(order))[_spends(order)]
    number = work.append(e.OrderReplaced(order.number, command.quantity, order.price, keeps))
    order.quantity, order.updated_at = command.quantity, work.now
    order.priority = order.priority if keeps else number
    _reserve(order, spent)
    order.save()
    spent.save()


def _request(work: _Work, command: c.RequestQuote) -> None:
    work.acting(command.participant)
    number = work.append(
        e.RFQRequested(command.participant, command.leg_from, command.leg_to, command.amount_from, 0)
    )
    Rfq.objects.create(
        stream_id=work.stream.id,
        number=number,
        participant=command.participant,
        leg_from=command.leg_from,
        leg_to=command.leg_to,
        amount_from=command.amount_from,
        expires_at=0,
        status="open",
        reason="",
        created_at=work.now,
    )


def _quote(work: _Work, command: c.ProvideQuote) -> None:
    """A firm quote: it reserves what it offers."""
    work.acting(command.participant)
    rfq = Rfq.objects.get(stream_id=work.stream.id, number=command.rfq, status="open")
    amount = rfq.amount_from * command.rate // 10**8
    holding = work.holdings(command.participant, rfq.leg_to)[rfq.leg_to]
    number = work.append(e.QuoteProvided(rfq.number, command.participant, command.rate, amount, True, 0))  # noqa: FBT003  an event's field
    holding.reserved += amount
    holding.save()
    Quote.objects.create(
        stream_id=work.stream.id,
        number=number,
        rfq=rfq.number,
        participant=command.participant,
        leg_to=rfq.leg_to,
        rate=command.rate,
        amount_to=amount,
        firm=True,
        reserved=amount,
        expires_at=0,
        status="open",
        reason="",
        created_at=work.now,
    )


def _accept(work: _Work, command: c.AcceptQuote) -> None:
    """The swap. The workload's RFQs have one quote each, so there is no other to reject."""
    quote = Quote.objects.get(stream_id=work.stream.id, number=command.quote, status="open")
    rfq = Rfq.objects.get(stream_id=work.stream.id, number=quote.rfq, status="open")
    work.acting(rfq.participant)
    a = work.holdings(rfq.participant, rfq.leg_from, rfq.leg_to)
    b = work.holdings(quote.participant, rfq.leg_from, rfq.leg_to)
    number = work.append(e.TradeExecuted(rfq.number, quote.number))
    b[rfq.leg_to].reserved -= quote.reserved
    quote.reserved, quote.status, rfq.status = 0, "accepted", "executed"
    a[rfq.leg_from].total -= rfq.amount_from
    b[rfq.leg_from].total += rfq.amount_from
    b[rfq.leg_to].total -= quote.amount_to
    a[rfq.leg_to].total += quote.amount_to
    for row in (rfq, quote, *a.values(), *b.values()):
        row.save()
    _trade(
        work,
        number,
        rfq.participant,
        quote.participant,
        rfq.leg_from,
        rfq.leg_to,
        rfq.amount_from,
        quote.amount_to,
        rfq=rfq.number,
        quote=quote.number,
    )


_DECISIONS: dict[type[c.Command], Callable[[_Work, Any], None]] = {
    c.PlaceOrder: _place,
    c.CancelOrder: _cancel,
    c.ReplaceOrder: _replace,
    c.RequestQuote: _request,
    c.ProvideQuote: _quote,
    c.AcceptQuote: _accept,
}
