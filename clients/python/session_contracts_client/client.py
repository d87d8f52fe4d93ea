"""The HTTP API, one method per call. Numbers go out as Decimal, int or text and come back as Decimals."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from session_contracts_client import shapes, wire
from session_contracts_client.feed import Feed
from session_contracts_client.orders import OrderLine
from session_contracts_client.shapes import Number
from session_contracts_client.transport import Transport

_API = "/api/v1"
T = TypeVar("T")
Prices = Mapping[str, Number]
Entry = Mapping[str, object]


class Client:
    """Speaks for the owner of one API key.

    What changes something carries an Idempotency-Key that is made per call and kept when it is sent again, so a call
    happens once, also over a connection that breaks. Raises ApiError for what the server refuses, Unreachable after
    `patience` seconds without an answer (a 429 or 503 that lasts raises ApiError). `timeout` is for one attempt.
    """

    def __init__(self, url: str, key: str, *, patience: float = 30.0, timeout: float = 10.0) -> None:
        self.url = url
        self._key = key
        self._transport = Transport(url, key, patience=patience, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def feed(self, session_id: str) -> Feed:
        """The live feed of a session."""
        return Feed(self.url, self._key, session_id)

    def order_line(self, session_id: str) -> OrderLine:
        """A connection for orders alone, that need not wait for each other's answers."""
        return OrderLine(self.url, self._key, session_id)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        idempotency_key: str = "",
    ) -> Any:
        """Any call, for what has no method here, or to choose the Idempotency-Key; answers plain JSON."""
        return self._transport.call(method, _API + path, body=body, query=query, idempotency_key=idempotency_key)

    # Who am I

    def me(self) -> shapes.Me:
        return self._get(shapes.Me, "/me")

    def keys(self) -> Iterator[shapes.Key]:
        return self._pages(shapes.Key, "/keys")

    def issue_key(
        self,
        name: str,
        *,
        scopes: Sequence[str] = ("read", "trade"),
        session_id: str | None = None,
        user: str | None = None,
        expires_at: datetime | None = None,
    ) -> shapes.Key:
        """A new key; its `secret` is never shown again."""
        body = {"name": name, "scopes": scopes, "session_id": session_id, "user": user, "expires_at": expires_at}
        return self._post(shapes.Key, "/keys", body)

    def revoke_key(self, key_id: int) -> None:
        self.call("DELETE", f"/keys/{key_id}")

    # Sessions

    def sessions(self) -> Iterator[shapes.Session]:
        return self._pages(shapes.Session, "/sessions")

    def session(self, session_id: str) -> shapes.Session:
        return self._get(shapes.Session, _session(session_id))

    def create_session(
        self, session_id: str, legs: Sequence[str], q: Sequence[Number] = (), **terms: object
    ) -> shapes.Session:
        """`terms` as the API names them: start_mode, end_mode, t1, t2, duration_minutes, fixing, participants..."""
        return self._post(shapes.Session, "/sessions", {"session_id": session_id, "legs": legs, "q": q, **terms})

    def delete_session(self, session_id: str, *, reason: str = "") -> None:
        self.call("DELETE", _session(session_id), query={"reason": reason or None})

    def start(self, session_id: str) -> shapes.Session:
        return self._post(shapes.Session, _session(session_id, "start"))

    def halt(self, session_id: str, *, reason: str = "") -> shapes.Session:
        return self._post(shapes.Session, _session(session_id, "halt"), {"reason": reason})

    def resume(self, session_id: str) -> shapes.Session:
        return self._post(shapes.Session, _session(session_id, "resume"))

    def close_session(self, session_id: str) -> shapes.Session:
        return self._post(shapes.Session, _session(session_id, "close"))

    def cancel_session(self, session_id: str, *, reason: str) -> shapes.Session:
        return self._post(shapes.Session, _session(session_id, "cancel"), {"reason": reason})

    def fix(self, session_id: str, prices: Prices) -> shapes.Session:
        """Put typed prices on record, where the session's fixing is manual."""
        return self._post(shapes.Session, _session(session_id, "fix"), {"prices": prices})

    def settle(self, session_id: str, *, prices: Prices | None = None) -> shapes.Settlement:
        """Close the session if it is open, and pay everybody; typed `prices` replace the feed's."""
        return self._post(shapes.Settlement, _session(session_id, "settle"), {"prices": prices})

    def correct_settlement(self, session_id: str, prices: Prices, *, reason: str) -> shapes.Settlement:
        body = {"prices": prices, "reason": reason}
        return self._post(shapes.Settlement, _session(session_id, "settlement/correct"), body)

    def settlement(self, session_id: str) -> shapes.Settlement:
        return self._get(shapes.Settlement, _session(session_id, "settlement"))

    def settlement_preview(self, session_id: str, prices: Prices | None = None) -> shapes.Settlement:
        """What settling now would pay, at the session's own fixing or at `prices`."""
        return self._get(shapes.Settlement, _session(session_id, "settlement/preview"), prices)

    # Participants

    def participants(self, session_id: str) -> Iterator[shapes.Participant]:
        return self._pages(shapes.Participant, _session(session_id, "participants"))

    def join(
        self, session_id: str, participant_id: str, *, name: str | None = None, user: str | None = None
    ) -> shapes.Participant:
        """Take part under a handle; an organiser admits others, with `user` an account's name."""
        body = {"participant_id": participant_id, "name": name, "user": user}
        return self._post(shapes.Participant, _session(session_id, "participants"), body)

    def remove_participant(self, session_id: str, participant_id: str, *, reason: str = "") -> None:
        path = _session(session_id, f"participants/{_quoted(participant_id)}")
        self.call("DELETE", path, query={"reason": reason or None})

    def allocations(self, session_id: str) -> shapes.Allocations:
        return self._get(shapes.Allocations, _session(session_id, "allocations"))

    def allocate(self, session_id: str, allocations: Mapping[str, Prices] | None = None) -> None:
        """Give {who: {leg: quantity}} from the treasury; without it, equal shares to all who have none yet."""
        body = {"allocations": allocations} if allocations else {}
        self.call("POST", _session(session_id, "allocations"), body=body)

    def portfolio(self, session_id: str, *, participant_id: str | None = None) -> shapes.Portfolio:
        query = {"participant_id": participant_id}
        return self._get(shapes.Portfolio, _session(session_id, "portfolio"), query)

    def leaderboard(self, session_id: str) -> list[shapes.Standing]:
        answer = self.call("GET", _session(session_id, "leaderboard"))
        return [wire.decode(shapes.Standing, line) for line in answer["results"]]

    # Prices

    def prices(self, session_id: str) -> shapes.Tick | None:
        """The newest tick, None before the first."""
        return next(self._pages(shapes.Tick, _session(session_id, "prices")), None)

    def ticks(self, session_id: str, *, after: int = 0) -> Iterator[shapes.Tick]:
        return self._pages(shapes.Tick, _session(session_id, "prices"), {"after": after})

    def push_prices(self, session_id: str, prices: Prices, *, source_at: datetime | None = None) -> shapes.Tick:
        body = {"prices": prices, "source_at": source_at}
        return self._post(shapes.Tick, _session(session_id, "prices"), body)

    def candles(
        self, session_id: str, asset: str, *, interval: int = 60, limit: int = 100, **query: object
    ) -> list[shapes.Candle]:
        """Of `interval` seconds each. `query`: end, source (ticks or trades), quote."""
        path = _session(session_id, f"candles/{_quoted(asset)}")
        answer = self.call("GET", path, query={"interval": interval, "limit": limit, **query})
        return [wire.decode(shapes.Candle, candle) for candle in answer["candles"]]

    def feeds(self) -> Iterator[shapes.PriceFeed]:
        return self._pages(shapes.PriceFeed, "/feeds")

    def price_feed(self, feed_id: str) -> shapes.PriceFeed:
        return self._get(shapes.PriceFeed, f"/feeds/{_quoted(feed_id)}")

    def create_feed(self, mode: str, **terms: object) -> shapes.PriceFeed:
        """A source of prices: `mode` sim, replay or push; `session_id` for a session's own, which starts at once, or
        a `name` and `instruments`; `settings`; a replay's `csv` as text."""
        return self._post(shapes.PriceFeed, "/feeds", {"mode": mode, **terms})

    def start_feed(self, feed_id: str, **pace: object) -> shapes.PriceFeed:
        return self._post(shapes.PriceFeed, f"/feeds/{_quoted(feed_id)}/start", pace)

    def stop_feed(self, feed_id: str) -> shapes.PriceFeed:
        return self._post(shapes.PriceFeed, f"/feeds/{_quoted(feed_id)}/stop")

    # Orders

    def place_order(
        self,
        session_id: str,
        asset: str,
        side: str,
        quantity: Number,
        price: Number | None = None,
        **terms: object,
    ) -> shapes.Order:
        """A limit order; without a price, a market order. `terms`: quote_asset, time_in_force, expires_at, post_only,
        client_order_id, participant_id (for organisers)."""
        return self._post(
            shapes.Order, _session(session_id, "orders"), order_entry(asset, side, quantity, price, **terms)
        )

    def bulk(self, session_id: str, entries: Sequence[Entry]) -> list[shapes.BulkResult]:
        """Up to 1000 entries in one transaction, each with its own result: see order_entry and cancel_entry."""
        answer = self.call("POST", _session(session_id, "orders/bulk"), body={"orders": entries})
        return [wire.decode(shapes.BulkResult, result) for result in answer["results"]]

    def orders(self, session_id: str, **query: object) -> Iterator[shapes.Order]:
        """Newest first. `query`: asset, side, status, client_order_id, participant_id (for organisers)."""
        return self._pages(shapes.Order, _session(session_id, "orders"), query)

    def order(self, order_id: str) -> shapes.Order:
        return self._get(shapes.Order, f"/orders/{_quoted(order_id)}")

    def replace_order(
        self, order_id: str, *, quantity: Number | None = None, price: Number | None = None
    ) -> shapes.Order:
        """`quantity` is the new total, what is filled included."""
        answer = self.call("PATCH", f"/orders/{_quoted(order_id)}", body={"quantity": quantity, "price": price})
        return wire.decode(shapes.Order, answer)

    def cancel_order(self, order_id: str) -> shapes.Order:
        return wire.decode(shapes.Order, self.call("DELETE", f"/orders/{_quoted(order_id)}"))

    def cancel_orders(self, session_id: str, **query: object) -> list[str]:
        """Cancel all that are open; `query`: asset, side. Answers their ids."""
        answer: dict[str, list[str]] = self.call("DELETE", _session(session_id, "orders"), query=query)
        return answer["cancelled"]

    def book(self, session_id: str, asset: str, *, quote: str | None = None, depth: int = 50) -> shapes.Book:
        path = _session(session_id, f"orderbook/{_quoted(asset)}")
        return self._get(shapes.Book, path, {"quote": quote, "depth": depth})

    def announcements(self, session_id: str) -> Iterator[shapes.Announcement]:
        """What the organiser said to everybody and to you, newest first."""
        return self._pages(shapes.Announcement, _session(session_id, "announcements"))

    def announce(self, session_id: str, text: str, *, participant_id: str | None = None) -> shapes.Announcement:
        """Say something to everybody, or to one participant alone. For organisers."""
        body = {"text": text, **({"participant_id": participant_id} if participant_id else {})}
        return self._post(shapes.Announcement, _session(session_id, "announcements"), body)

    # RFQs and trades

    def request_quote(
        self, session_id: str, leg_from: str, leg_to: str, amount_from: Number, **terms: object
    ) -> shapes.Rfq:
        """Ask everybody: what do I get in `leg_to` for this? `terms`: expires_in (seconds), participant_id."""
        body = {"leg_from": leg_from, "leg_to": leg_to, "amount_from": amount_from, **terms}
        return self._post(shapes.Rfq, _session(session_id, "rfq"), body)

    def rfqs(self, session_id: str, *, status: str | None = None) -> Iterator[shapes.Rfq]:
        return self._pages(shapes.Rfq, _session(session_id, "rfq"), {"status": status})

    def rfq(self, rfq_id: str) -> shapes.Rfq:
        return self._get(shapes.Rfq, f"/rfq/{_quoted(rfq_id)}")

    def cancel_rfq(self, rfq_id: str) -> shapes.Rfq:
        return wire.decode(shapes.Rfq, self.call("DELETE", f"/rfq/{_quoted(rfq_id)}"))

    def quotes(self, rfq_id: str) -> Iterator[shapes.Quote]:
        return self._pages(shapes.Quote, f"/rfq/{_quoted(rfq_id)}/quote")

    def quote(self, rfq_id: str, rate: Number, **terms: object) -> shapes.Quote:
        """Answer an RFQ: `rate` of leg_to for one of leg_from. `terms`: firm, expires_in, participant_id."""
        return self._post(shapes.Quote, f"/rfq/{_quoted(rfq_id)}/quote", {"rate": rate, **terms})

    def accept_quote(self, quote_id: str) -> shapes.Trade:
        return self._post(shapes.Trade, f"/quotes/{_quoted(quote_id)}/accept")

    def withdraw_quote(self, quote_id: str) -> shapes.Quote:
        return self._post(shapes.Quote, f"/quotes/{_quoted(quote_id)}/withdraw")

    def trades(self, session_id: str, **query: object) -> Iterator[shapes.Trade]:
        """Newest first. `query`: leg, participant_id."""
        return self._pages(shapes.Trade, _session(session_id, "trades"), query)

    def trade(self, trade_id: str) -> shapes.Trade:
        return self._get(shapes.Trade, f"/trades/{_quoted(trade_id)}")

    def bust_trade(self, trade_id: str, *, reason: str) -> shapes.Trade:
        return self._post(shapes.Trade, f"/trades/{_quoted(trade_id)}/bust", {"reason": reason})

    # The ledger

    def events(self, session_id: str, *, after: int = 0) -> Iterator[shapes.Event]:
        return self._pages(shapes.Event, _session(session_id, "events"), {"after": after})

    def verify(self, session_id: str) -> shapes.Verification:
        return self._get(shapes.Verification, _session(session_id, "verify"))

    def export(self, session_id: str, path: Path) -> None:
        """Write the whole ledger to a file, a JSON line per event."""
        path.write_bytes(self._transport.fetch("GET", _API + _session(session_id, "export"))[1])

    def _get(self, kind: type[T], path: str, query: Mapping[str, object] | None = None) -> T:
        return wire.decode(kind, self.call("GET", path, query=query))

    def _post(self, kind: type[T], path: str, body: Mapping[str, object] | None = None) -> T:
        given = {name: value for name, value in (body or {}).items() if value is not None}
        return wire.decode(kind, self.call("POST", path, body=given))

    def _pages(self, kind: type[T], path: str, query: Mapping[str, object] | None = None) -> Iterator[T]:
        """Every entry of every page, fetched as they are needed."""
        while True:
            page = self.call("GET", path, query=query)
            yield from (wire.decode(kind, entry) for entry in page["results"])
            if not page["next"]:
                return
            query = dict(parse_qsl(urlsplit(page["next"]).query))


def order_entry(
    asset: str, side: str, quantity: Number, price: Number | None = None, **terms: object
) -> dict[str, object]:
    """A new order, for `bulk`."""
    entry = {"asset": asset, "side": side, "quantity": quantity, "price": price, **terms}
    entry["order_type"] = "market" if price is None else "limit"
    return {name: value for name, value in entry.items() if value is not None}


def cancel_entry(order_id: str) -> dict[str, object]:
    """A cancellation, for `bulk`."""
    return {"action": "cancel", "order_id": order_id}


def _session(session_id: str, rest: str = "") -> str:
    return f"/sessions/{_quoted(session_id)}" + (f"/{rest}" if rest else "")


def _quoted(text: str) -> str:
    return quote(text, safe="")
