"""What happened and what it is worth: events, verify, export, portfolio, leaderboard, candles."""

from collections.abc import AsyncIterator, Iterator, Mapping

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from common.clock import SECOND, now_us
from common.errors import DomainError, InvalidInput
from ledger import export
from ledger.domain import Committed
from ledger.models import Stream
from markets import queries, shapes, valuation, verification
from markets.api.access import MarketView, reply
from markets.api.orders import require_leg
from markets.api.paging import Query, listed
from markets.api.schema import described
from markets.engine.state import CASH

_LINES_AT_ONCE = 500


@described("Event", page=True, parameters={"after": "the seq after which to read"})
class Events(MarketView):
    """The ledger's events, oldest first, gap-free. Of others' orders, and of what they alone were told, a member sees
    only that something happened."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        after, limit = query.number("after", default=0), query.limit()
        query.end()
        found = queries.events_page(seat.stream, after, limit)
        owners = queries.order_owners(seat.stream, {shapes.private_order(item) for item in found} - {0})
        shown = [
            shapes.event(item, readable=seat.organises or _owner(item, owners) in {None, seat.handle})
            for item in found
        ]
        return reply(listed(shown, query.page(found, limit, found[-1].seq if found else 0, name="after")))


def _owner(item: Committed, owners: Mapping[int, str]) -> str | None:
    """Whose business alone an event is; None for everybody's."""
    if number := shapes.private_order(item):
        return owners.get(number, "")
    return shapes.private_announcement(item) or None


@described("Verification")
class Verify(MarketView):
    """Fold the session from its first event: chain, gaps, invariants, rows. The first lie, if there is one."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        found = verification.verify(seat.stream, seat.actor)
        return reply(
            {
                "session_id": session_id,
                "ok": not found.findings,
                "findings": found.findings,
                "seq": found.seq,
                "head_hash": found.head,
                "checked_at": shapes.moment(found.checked_at),
            }
        )


@described("", media_type="application/jsonl")
class Export(MarketView):
    """Every event as a JSON line, a header first; for the organiser, because it holds everybody's orders."""

    scopes = {"GET": "organise"}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> StreamingHttpResponse:
        seat = self.seat(session_id)
        seat.require_organiser()
        lines = _chunks(export.lines(Stream.objects.get(id=seat.stream)))
        content = _from_threads(lines) if isinstance(request._request, ASGIRequest) else lines
        headers = {"Content-Disposition": f'attachment; filename="{session_id}.jsonl"'}
        return StreamingHttpResponse(content, content_type="application/jsonl", headers=headers)


def _chunks(lines: Iterator[str]) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) == _LINES_AT_ONCE:
            yield "".join(held)
            held.clear()
    yield "".join(held)


async def _from_threads(lines: Iterator[str]) -> AsyncIterator[str]:
    """The event loop never waits for the database, and no more than a chunk is ever in memory."""
    while chunk := await sync_to_async(lambda: next(lines, ""))():
        yield chunk


@described("Portfolio", parameters={"participant_id": "whose, for organisers"})
class Portfolio(MarketView):
    """The caller's holdings and what they are worth."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        who = query.text("participant_id") or seat.handle
        query.end()
        if who is None:
            raise InvalidInput("participant_id", "Say whose: participant_id is required here.")
        seat.require_acting(who)
        prices = valuation.current_prices(seat.session)
        found = [line for line in valuation.leaderboard(seat.session, prices) if line.handle == who]
        if not found:
            raise DomainError(
                "not_found", f"There is no participant {who!r} in this session.", field="participant_id"
            )
        return reply(shapes.portfolio(seat.session, found[0], prices))


@described("Leaderboard")
class Leaderboard(MarketView):
    """Everybody's value and gain at the newest prices."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        prices = valuation.current_prices(seat.session)
        lines = valuation.leaderboard(seat.session, prices)
        return reply(
            {
                "session_id": session_id,
                "prices": {leg: shapes.price(seat.session, units) for leg, units in prices.by_leg.items()},
                "prices_from": prices.source,
                "prices_at": shapes.moment(prices.at),
                "results": [shapes.standing(seat.session, line) for line in lines],
            }
        )


@described(
    "Candles",
    parameters={
        "interval": "seconds, 1 to 86400",
        "limit": "how many, 1 to 500",
        "end": "up to this time; now if absent",
        "source": "ticks or trades",
        "quote": "for trades: CASH, or a leg",
    },
)
class Candles(MarketView):
    """Open, high, low and close of a leg, from the feed's ticks or from trades."""

    def get(self, request: Request, session_id: str, asset: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        interval = query.number("interval", default=60, least=1, most=86_400)
        count, end = query.limit(), query.fields.time("end") or now_us()
        source = query.fields.choice("source", ("ticks", "trades"), "ticks")
        quote = query.text("quote") or CASH
        query.end()
        require_leg(seat, asset)
        found = valuation.candles(
            seat.session,
            asset,
            interval=interval * SECOND,
            end=end,
            count=count,
            from_trades=source == "trades",
            quote_asset=quote,
        )
        shown = [shapes.candle(seat.session, candle) for candle in found]
        return reply({"asset": asset, "interval": interval, "source": source, "candles": shown})
