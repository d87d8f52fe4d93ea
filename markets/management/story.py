"""The demo's story: a whole session from creation to settlement, over HTTP and WebSocket, by the Python client."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path

from rich.console import Console
from session_contracts_client import ApiError, Client, Feed, Message
from session_contracts_client.shapes import Allocations, Number, Order, Quote, Rfq, Settlement, Tick

from common.clock import isoformat
from common.money import format_units
from common.terminal import progress
from markets.management import tables
from markets.management.cast import MAKER, ORGANISER, SESSION, TRADERS, open_session
from oracle import facade as oracle

ROLES = (ORGANISER, *TRADERS, MAKER)
_PRICE_DECIMALS = (4, 6)
_PATIENCE_S = 20.0
_CSV_BYTES = 400_000


class Untold(Exception):
    """The live feed did not tell what had happened."""


def load(path: Path) -> oracle.Replay:
    """The CSV at 4 price decimals, or at 6 where it has more. Raises ReplayFileError with every bad row."""
    try:
        return oracle.load_replay(path, price_decimals=_PRICE_DECIMALS[0])
    except oracle.ReplayFileError as first:
        try:
            return oracle.load_replay(path, price_decimals=_PRICE_DECIMALS[1])
        except oracle.ReplayFileError:
            raise first from None


def csv_texts(replay: oracle.Replay) -> Iterator[tuple[str, int]]:
    """The rows as CSV again, in texts that fit into a request: (text, how many rows)."""
    header = ",".join(("ts", *replay.instruments)) + "\n"
    text, count = header, 0
    for row in replay.rows:
        prices = (format_units(units, replay.price_decimals) for units in row.prices)
        text += ",".join((isoformat(row.source_at), *prices)) + "\n"
        count += 1
        if len(text) > _CSV_BYTES:
            yield text, count
            text, count = header, 0
    if count:
        yield text, count


class Story:
    """One play of the demo. Everybody acts by a client of their own, and hears by the live feed what others did."""

    def __init__(self, clients: Mapping[str, Client], replay: oracle.Replay, out: Console) -> None:
        self._clients, self._replay, self._out = clients, replay, out
        self._organiser = clients[ORGANISER]
        self._legs = replay.instruments
        self._feeds: dict[str, Feed] = {}

    def play(self) -> list[tuple[str, bool]]:
        """All steps in order; then what must hold of the settled session: (claim, whether it does)."""
        self._open()
        with ExitStack() as stack:
            for who in ("alice", "bob", MAKER):
                self._feeds[who] = stack.enter_context(self._clients[who].feed(SESSION))
                self._hear(who, lambda message: message.kind == "snapshot")
            self._show("Initial allocations: equal, pro rata")
            self._swap()
            self._trade()
            self._refuse()
            self._show("Allocations after trading")
            self._stream_prices()
            return self._settle()

    def _say(self, text: str) -> None:
        self._out.print(f"[bold blue]>[/] {text}")

    def _show(self, title: str) -> None:
        held = _totals(self._organiser.allocations(SESSION))
        self._out.print(tables.allocations(self._legs, held, title))

    def _hear(self, who: str, is_it: Callable[[Message], bool]) -> Message:
        """Read somebody's feed up to a message."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            message = self._feeds[who].next(timeout=1.0)
            if message is not None and is_it(message):
                return message
        raise Untold(f"The live feed did not tell {who} within {_PATIENCE_S:.0f} s what had happened.")

    def _price(self, units: int) -> Decimal:
        return Decimal(units).scaleb(-self._replay.price_decimals)

    def _open(self) -> None:
        first = [self._price(units) for units in self._replay.rows[0].prices]
        decimals = self._replay.price_decimals
        session = open_session(self._clients, self._legs, first, price_decimals=decimals)
        q = [int(quantity) for quantity in session.q]
        self._say(f"The organiser creates session {SESSION!r}: legs {', '.join(self._legs)}, q {q}.")
        joined = ", ".join(role for role in self._clients if role != ORGANISER)
        self._say(f"{joined} join and get {session.cash_per_participant} cash each; the basket is allocated.")

    def _swap(self) -> None:
        """10 of the first leg into the second at 0.62, against a worse competing quote."""
        if len(self._legs) < 2:
            self._say("One leg only: no RFQ swap.")
            return
        alice, legs = self._clients["alice"], self._legs
        rfq = alice.request_quote(SESSION, legs[0], legs[1], 10)
        self._say(f"alice asks for quotes: 10 {legs[0]} into {legs[1]} (RFQ {rfq.rfq_id}).")
        for who, rate in (("bob", "0.6"), (MAKER, "0.62")):
            self._hear(who, lambda message: isinstance(message.data, Rfq) and message.data.rfq_id == rfq.rfq_id)
            self._clients[who].quote(rfq.rfq_id, rate)
            self._say(f"{who} sees it on the live feed and quotes {rate}.")
        offers: list[Quote] = []
        while len(offers) < 2:
            heard = self._hear("alice", lambda message: isinstance(message.data, Quote)).data
            assert isinstance(heard, Quote)
            offers.append(heard)
        best = max(offers, key=lambda offer: offer.rate)
        trade = alice.accept_quote(best.quote_id)
        given, received = f"{trade.amount_from.normalize():f}", f"{trade.amount_to.normalize():f}"
        self._say(
            f"alice accepts {best.quoter_id}'s: gives {given} {legs[0]}, receives {received} {legs[1]}; "
            "bob's quote is rejected."
        )
        self._show("Allocations after the swap")

    def _order(self, who: str, side: str, quantity: Number, price: Decimal | None = None) -> Order:
        leg = self._legs[0]
        order = self._clients[who].place_order(SESSION, leg, side, quantity, price)
        at = f" at {order.price}" if order.price else ""
        self._say(
            f"{who}: {order.order_type} {order.side} {order.quantity} {leg}{at} "
            f"→ {order.status}, {order.filled_quantity} filled."
        )
        return order

    def _trade(self) -> None:
        """The maker quotes around the first price, takers cross."""
        first = self._replay.rows[0].prices[0]
        step = max(1, first // 1000)
        for distance in (1, 2):
            self._order(MAKER, "sell", 4, self._price(first + distance * step))
            if first > distance * step:
                self._order(MAKER, "buy", 4, self._price(first - distance * step))
        self._order("carol", "buy", 5, self._price(first + 2 * step))
        self._order("bob", "sell", 3)
        self._order("alice", "buy", Decimal("1.5"))
        leg, feed = self._legs[0], self._feeds["alice"]
        book = self._organiser.book(SESSION, leg)
        if feed.market.book(leg).frozen(leg) != book:
            self._hear("alice", lambda _: feed.market.book(leg).frozen(leg) == book)
        self._out.print(tables.book(leg, book.bids, book.asks))
        self._say("alice's book, kept from the live feed, is the same.")

    def _refuse(self) -> None:
        """Nobody sells what they don't have."""
        try:
            self._order("bob", "sell", 1000, Decimal(1))
        except ApiError as refusal:
            self._say(f"[yellow]bob's sale of 1000 is refused[/] ({refusal.code}): {refusal.detail}")
        else:
            raise AssertionError("an order without cover was accepted")

    def _stream_prices(self) -> None:
        rows = len(self._replay.rows)
        self._say(f"The oracle replays {rows} rows of prices; alice hears them on the live feed.")
        published = 0
        with progress("replay", rows) as advance:
            for text, count in csv_texts(self._replay):
                feed = self._organiser.create_feed("replay", session_id=SESSION, csv=text, settings={"tick_ms": 1})
                for _ in range(count):
                    self._hear("alice", lambda message: isinstance(message.data, Tick))
                    advance(1)
                published += count
                while self._organiser.price_feed(feed.feed_id).status == "running":
                    time.sleep(0.05)
        self._say(f"{published} ticks published; the last row is the price at maturity.")

    def _settle(self) -> list[tuple[str, bool]]:
        settlement = self._organiser.settle(SESSION)
        self._hear("alice", lambda _: self._feeds["alice"].market.status == "settled")
        self._say("The session closes; what is open expires; everybody is paid x·S.")
        held = self._organiser.allocations(SESSION)
        fixing = settlement.fixing
        title = tables.source(fixing.rule, tick_count=fixing.tick_count, last_tick=fixing.last_tick)
        at = fixing.at.isoformat() if fixing.at else ""
        paid = {**settlement.payouts, "treasury": settlement.treasury.payout}
        cash = {**settlement.cash, "treasury": settlement.treasury.cash}
        self._show("Final allocations")
        self._out.print(tables.fixing(held.q, settlement.settlement_prices, title=title, at=at))
        self._out.print(tables.payouts(paid, cash))
        return [
            *exact(held, settlement),
            ("the server's own verify finds no lie", self._organiser.verify(SESSION).ok),
        ]


def exact(held: Allocations, settlement: Settlement) -> list[tuple[str, bool]]:
    """What must hold in the end, recomputed from the API's answers: (claim, whether it does). Nothing is rounded."""
    price, totals = settlement.settlement_prices, _totals(held)
    with localcontext(Context(prec=60, traps=[Inexact])):
        worth = {
            who: sum((amounts[leg] * price[leg] for leg in held.q), Decimal(0)) for who, amounts in totals.items()
        }
        basket = sum((quantity * price[leg] for leg, quantity in held.q.items()), Decimal(0))
        cash = [*settlement.cash.values(), settlement.treasury.cash]
        return [
            (
                "the holdings of every leg add up to q",
                all(sum(amounts[leg] for amounts in totals.values()) == held.q[leg] for leg in held.q),
            ),
            ("every payout is x·S", all(paid == worth[who] for who, paid in settlement.payouts.items())),
            (
                "the payouts add up to q·S",
                sum(settlement.payouts.values()) + settlement.treasury.payout == basket,
            ),
            (
                "cash adds up to what was issued",
                sum(cash) == held.cash_issued == sum(amounts[tables.CASH] for amounts in totals.values()),
            ),
        ]


def _totals(held: Allocations) -> dict[str, dict[str, Decimal]]:
    return {who: {asset: share.total for asset, share in shares.items()} for who, shares in held.allocations.items()}
