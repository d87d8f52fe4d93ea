"""Sessions with a database: made and moved by handlers alone, from bodies such as the API gets."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import connections

from common.errors import DomainError
from common.ids import Actor
from markets import queries, requests
from markets.engine import commands as c
from markets.engine import events as e
from markets.handlers import orders, participants, rfq, sessions
from markets.handlers.orders import OrderReceipt
from markets.queries import SessionInfo

OLIVIA = Actor("olivia")
"""The organiser of every session made here."""
AnswerT = TypeVar("AnswerT")


def user(handle: str) -> Actor:
    """Who holds this handle."""
    return Actor(f"user-{handle}")


def open_session(*, people: Sequence[str] = ("alice", "bob"), split: bool = True, **body: Any) -> SessionInfo:
    """A session as its organiser would ask for it: AAPL 100 and NVDA 60, split among the people."""
    plain: dict[str, Any] = {
        "session_id": "demo",
        "legs": ["AAPL", "NVDA"],
        "q": [100, 60],
        "participants": [{"participant_id": handle, "user": user(handle).id} for handle in people],
    }
    outcome = sessions.create_session(requests.create_session({**plain, **body}), OLIVIA)
    if split and people:
        session = queries.session_of(outcome.stream)
        participants.assign_allocations(outcome.stream, requests.assign_allocations(session, {}), OLIVIA)
    return queries.session_of(outcome.stream)


def order(
    session: SessionInfo, handle: str, side: str, quantity: object, price: object = None, **body: Any
) -> c.PlaceOrder:
    """A command as POST /orders makes it: a limit order on AAPL, or a market order where there is no price."""
    plain = {
        "participant_id": handle,
        "asset": "AAPL",
        "side": side,
        "order_type": "market" if price is None else "limit",
        "quantity": quantity,
        "price": price,
    }
    return requests.place_order(session, {**plain, **body})


def place(
    session: SessionInfo, handle: str, side: str, quantity: object, price: object = None, **body: Any
) -> OrderReceipt:
    """Place an order in its owner's name."""
    return orders.place_order(session.stream, order(session, handle, side, quantity, price, **body), user(handle))


def swap(session: SessionInfo, taker: str, maker: str, amount: object, rate: object) -> e.TradeExecuted:
    """An RFQ of AAPL into NVDA, one quote, and its acceptance."""
    asked = {"participant_id": taker, "leg_from": "AAPL", "leg_to": "NVDA", "amount_from": amount}
    asking = rfq.request_quote(session.stream, requests.request_quote(session, asked), user(taker))
    answer = requests.provide_quote(asking.first_seq, {"participant_id": maker, "rate": rate})
    offer = rfq.provide_quote(session.stream, answer, user(maker))
    outcome = rfq.accept_quote(session.stream, c.AcceptQuote(quote=offer.first_seq), user(taker))
    event = outcome.events[0].event
    assert isinstance(event, e.TradeExecuted)
    return event


def totals(session: SessionInfo, asset: str) -> dict[str, int]:
    """Who holds how much of an asset, the treasury included."""
    held = queries.allocations(session.stream)
    return {who: assets[asset].total for who, assets in held.items() if asset in assets}


def at_once(actions: Sequence[Callable[[], AnswerT]]) -> list[AnswerT | DomainError]:
    """Run each action on a thread of its own, all let go at the same moment. Answers or refusals, in order."""
    gate = threading.Barrier(len(actions))
    answers: dict[int, AnswerT | DomainError] = {}

    def run(number: int, action: Callable[[], AnswerT]) -> None:
        gate.wait(timeout=30)
        try:
            answers[number] = action()
        except DomainError as refusal:
            answers[number] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return [answers[number] for number in range(len(actions))]
