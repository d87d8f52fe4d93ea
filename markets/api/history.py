"""What happened and what it is worth: events, verify, export, portfolio, leaderboard, candles."""

from collections.abc import Mapping

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.paging import Query, listed
from common.api.schema import described
from common.clock import SECOND, now_us
from common.errors import DomainError, InvalidInput
from ledger.domain import Committed
from ledger.platform import record_act
from markets import queries, shapes, valuation, verification
from markets.api.access import MarketView, reply
from markets.api.orders import require_leg
from markets.engine.state import CASH
from markets.exports import answer, files


@described("Event", page=True, parameters={"after": "the seq after which to read"})
class Events(MarketView):
    """The ledger's events, oldest first, gap-free. Of others' orders, and of what they alone were told, a member sees
    only that something happened."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        after, limit = query.number("after", default=0), query.limit()
        found = queries.events_page(seat.stream, after, limit)
        owners = queries.order_owners(seat.stream, {shapes.private_order(item) for item in found} - {0})
        shown = [
            shapes.event(
                item,
                readable=seat.organises or _owner(item, owners) in {None, seat.handle},
                sent=seat.organises or item.actor == seat.actor.id,
            )
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


@described(
    "",
    media_type="application/jsonl",
    parameters={
        "format": "jsonl (the ledger), csv, xlsx or parquet",
        "table": "one table alone; all of them and a codebook if absent",
        "pseudonymous": "true: nobody is named, and what people wrote is left out",
    },
)
class Export(MarketView):
    """The session's data as a file; for the organiser, because it holds everybody's orders. As jsonl every event, a
    header first; else tables: participants, holdings, orders, trades, rfqs, quotes, ticks, settlement,
    announcements, events."""

    scopes = {"GET": "organise"}  # noqa: RUF012

    def get(self, request: Request, session_id: str) -> StreamingHttpResponse:
        seat = self.seat(session_id)
        seat.require_organiser()
        query = Query(request)
        form = query.fields.choice("format", ("jsonl", *files.FORMATS), "jsonl")
        table = query.text("table") or ""
        is_pseudonymous = query.fields.choice("pseudonymous", ("true", "false"), "false") == "true"
        if form == "jsonl":
            if table or is_pseudonymous:
                raise InvalidInput("format", "The ledger is exported whole and as it was hashed: choose csv.")
            return answer.ledger_lines(request._request, seat.session)
        made = files.make(seat.session, form=form, table=table, is_pseudonymous=is_pseudonymous)
        facts = {"format": form, "table": table, "pseudonymous": str(is_pseudonymous)}
        record_act("export", seat.actor, stream=seat.stream, facts=facts)
        return answer.file(request._request, made)


@described("Portfolio", parameters={"participant_id": "whose, for organisers"})
class Portfolio(MarketView):
    """The caller's holdings and what they are worth."""

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        who = query.text("participant_id") or seat.handle
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
        "end": "before this time; now if absent",
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
        count, end = query.limit(), query.fields.time("end") or now_us() + 1
        source = query.fields.choice("source", ("ticks", "trades"), "ticks")
        quote = query.text("quote") or CASH
        require_leg(seat, asset)
        if quote != CASH:
            require_leg(seat, quote)
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
