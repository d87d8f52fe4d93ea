"""The demo's story: a whole session from creation to settlement, told step by step through the handlers."""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from rich.console import Console

from accounts.facade import actor_named
from common.errors import DomainError
from common.ids import Actor, public_id
from common.money import LIMIT, format_units
from common.terminal import progress
from markets import queries, requests
from markets.engine import commands as c
from markets.handlers import orders, participants, prices, rfq, sessions
from markets.management import tables
from oracle import facade as oracle

SESSION = "demo"
TRADERS = ("alice", "bob", "carol")
MAKER = "maker"
_QUANTITIES = (100, 60, 80, 120)
_CASH = 100_000
_PRICE_DECIMALS = (4, 6)
_CASH_DECIMALS = 8


def load(path: Path) -> oracle.Replay:
    """The CSV at 4 price decimals, or at 6 where it has more. Raises ReplayFileError with every bad row."""
    try:
        return oracle.load_replay(path, price_decimals=_PRICE_DECIMALS[0])
    except oracle.ReplayFileError as first:
        try:
            return oracle.load_replay(path, price_decimals=_PRICE_DECIMALS[1])
        except oracle.ReplayFileError:
            raise first from None


class Story:
    """One play of the demo. Every step goes through the same handlers as any client."""

    def __init__(self, replay: oracle.Replay, out: Console) -> None:
        self._replay, self._out = replay, out
        self._organiser = actor_named("demo-organiser", organiser=True)
        self._people: dict[str, Actor] = {name: actor_named(f"demo-{name}") for name in (*TRADERS, MAKER)}
        self._stream = UUID(int=0)

    def play(self) -> queries.SessionInfo:
        """All steps in order; the settled session."""
        self._create()
        self._admit()
        self._show("Initial allocations: equal, pro rata")
        self._swap()
        self._trade()
        self._refuse()
        self._show("Allocations after trading")
        self._stream_prices()
        self._settle()
        return self._session

    @property
    def _session(self) -> queries.SessionInfo:
        return queries.session_of(self._stream)

    def _say(self, text: str) -> None:
        self._out.print(f"[bold blue]>[/] {text}")

    def _show(self, title: str) -> None:
        self._out.print(tables.allocations(self._session, queries.allocations(self._stream), title))

    def _create(self) -> None:
        legs = self._replay.instruments
        q = [_QUANTITIES[index % len(_QUANTITIES)] for index in range(len(legs))]
        body = {
            "session_id": SESSION,
            "legs": list(legs),
            "q": q,
            "start_mode": "immediate",
            "end_mode": "manual",
            "price_decimals": self._replay.price_decimals,
            "quantity_decimals": _CASH_DECIMALS - self._replay.price_decimals,
            "cash_per_participant": max(_CASH, self._dearest() * 50),
        }
        self._stream = sessions.create_session(requests.create_session(body), self._organiser).stream
        self._say(f"The organiser creates session {SESSION!r}: legs {', '.join(legs)}, q {q}.")

    def _dearest(self) -> int:
        """The highest first price, in whole currency: cash must buy something."""
        return max(self._replay.rows[0].prices) // int(10**self._replay.price_decimals) + 1

    def _admit(self) -> None:
        for handle, actor in self._people.items():
            joining = c.JoinSession(participant=handle, user=actor.id)
            participants.join_session(self._stream, joining, actor, name=handle.title())
        participants.assign_allocations(self._stream, c.AssignAllocations(), self._organiser)
        self._say(f"{', '.join(self._people)} join and get {self._cash()} cash each; the basket is allocated.")

    def _cash(self) -> str:
        session = self._session
        return format_units(session.terms.cash_per_participant, session.cash_decimals)

    def _swap(self) -> None:
        """10 of the first leg into the second at 0.62, against a worse competing quote."""
        legs, session, alice = self._replay.instruments, self._session, self._people["alice"]
        if len(legs) < 2:
            self._say("One leg only: no RFQ swap.")
            return
        asked = {"participant_id": "alice", "leg_from": legs[0], "leg_to": legs[1], "amount_from": 10}
        number = rfq.request_quote(self._stream, requests.request_quote(session, asked), alice).first_seq
        self._say(f"alice asks for quotes: 10 {legs[0]} into {legs[1]} (RFQ {public_id(self._stream, number)}).")
        offers = {}
        for who, rate in (("bob", "0.6"), (MAKER, "0.62")):
            body = {"participant_id": who, "rate": rate}
            quoted = rfq.provide_quote(self._stream, requests.provide_quote(number, body), self._people[who])
            offers[who] = quoted.first_seq
            self._say(f"{who} quotes {rate}.")
        rfq.accept_quote(self._stream, c.AcceptQuote(quote=offers[MAKER]), alice)
        self._say(f"alice accepts {MAKER}'s: gives 10 {legs[0]}, receives 6.2 {legs[1]}; bob's quote is rejected.")
        self._show("Allocations after the swap")

    def _order(self, who: str, **body: object) -> orders.OrderReceipt:
        session, leg = self._session, self._replay.instruments[0]
        command = requests.place_order(session, {"participant_id": who, "asset": leg, **body})
        receipt = orders.place_order(self._stream, command, self._people[who])
        price = f" at {format_units(receipt.price, session.price_decimals)}" if receipt.price else ""
        quantity, filled = (
            format_units(units, session.quantity_decimals) for units in (receipt.quantity, receipt.filled)
        )
        side = "buy" if receipt.is_buy else "sell"
        self._say(f"{who}: {receipt.order_type} {side} {quantity} {leg}{price} → {receipt.status}, {filled} filled.")
        return receipt

    def _trade(self) -> None:
        """The maker quotes around the first price, takers cross."""
        decimals, first = self._replay.price_decimals, self._replay.rows[0].prices[0]
        step = max(1, first // 1000)
        for distance in (1, 2):
            self._order(MAKER, side="sell", quantity=4, price=format_units(first + distance * step, decimals))
            if first > distance * step:
                self._order(MAKER, side="buy", quantity=4, price=format_units(first - distance * step, decimals))
        self._order("carol", side="buy", quantity=5, price=format_units(first + 2 * step, decimals))
        self._order("bob", side="sell", quantity=3, order_type="market")
        self._order("alice", side="buy", quantity="1.5", order_type="market")
        self._out.print(tables.book(self._session, queries.book(self._stream, self._replay.instruments[0])))

    def _refuse(self) -> None:
        """Nobody sells what they don't have."""
        try:
            self._order("bob", side="sell", quantity=1000, price=1)
        except DomainError as refusal:
            self._say(f"[yellow]bob's sale of 1000 is refused[/] ({refusal.code}): {refusal.detail}")
        else:
            raise AssertionError("an order without cover was accepted")

    def _stream_prices(self) -> None:
        rows = len(self._replay.rows)
        self._say(f"The oracle replays {rows} rows of prices.")
        feed = prices.start_source(self._session, mode="replay", settings={"tick_ms": 1}, replay=self._replay)
        with progress("replay", rows) as tick:
            seen = feed.last_seq
            while oracle.get_feed(feed.id).status == "running":
                published = oracle.advance_feed(feed.id)
                tick(len(published))
                seen += len(published)
                time.sleep(0.002)
        last = oracle.latest_prices(feed.id)
        assert last is not None
        self._say(f"{seen - feed.last_seq} ticks published; the last row is the price at maturity.")

    def _settle(self) -> None:
        prices.settle_session(self._stream, self._organiser)
        session, settlement = self._session, queries.settlement(self._stream)
        assert settlement is not None
        self._say("The session closes; what is open expires; everybody is paid x·S.")
        self._show("Final allocations")
        self._out.print(tables.fixing(session, settlement.fixing))
        self._out.print(tables.payouts(session, settlement))


def exact(session: queries.SessionInfo) -> list[tuple[str, bool]]:
    """What must hold in the end, recomputed from rows in decimals: (claim, whether it does)."""
    settlement, held = queries.settlement(session.stream), queries.allocations(session.stream)
    assert settlement is not None
    price = {leg: _decimal(units, session.price_decimals) for leg, units in settlement.fixing.prices.items()}
    basket = {
        leg: _decimal(units, session.quantity_decimals) for leg, units in zip(session.legs, session.q, strict=True)
    }

    def worth(who: str) -> Decimal:
        legs = [leg for leg in session.legs if leg in held[who]]
        return sum(
            (_decimal(held[who][leg].total, session.quantity_decimals) * price[leg] for leg in legs), Decimal(0)
        )

    paid = [_decimal(units, session.cash_decimals) for units in settlement.payouts.values()]
    paid.append(_decimal(settlement.treasury_payout, session.cash_decimals))
    claims: list[tuple[str, Callable[[], bool]]] = [
        ("the holdings of every leg add up to q", lambda: _adds_up(session, held)),
        (
            "every payout is x·S",
            lambda: all(
                _decimal(units, session.cash_decimals) == worth(who) for who, units in settlement.payouts.items()
            ),
        ),
        ("the payouts add up to q·S", lambda: sum(paid) == sum(basket[leg] * price[leg] for leg in session.legs)),
        (
            "cash adds up to what was issued",
            lambda: (
                session.cash_issued
                == sum(assets["CASH"].total for assets in held.values() if "CASH" in assets)
                < LIMIT
            ),
        ),
    ]
    return [(claim, holds()) for claim, holds in claims]


def _adds_up(session: queries.SessionInfo, held: dict[str, dict[str, queries.HoldingInfo]]) -> bool:
    return all(
        sum(assets[leg].total for assets in held.values() if leg in assets) == units
        for leg, units in zip(session.legs, session.q, strict=True)
    )


def _decimal(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals)
