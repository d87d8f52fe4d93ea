"""Markets: opening, listing, reading; their book, prices and resolution; complete sets; the house."""

from collections.abc import Callable

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import reply
from common.api.paging import Query, listed
from common.clock import now_us
from ledger.tickets import Outcome
from predictions import queries, requests, shapes
from predictions.api.access import PredictionView, body_of, with_market
from predictions.api.schema import CURSOR, EXCHANGE, described
from predictions.engine import commands as c
from predictions.engine.decide.markets import CATEGORIES
from predictions.handlers import markets
from predictions.models import Market as Row

_STATUSES = ("open", "closed", "proposed", "challenged", "resolved")


@described(
    "PredictionMarket",
    page=True,
    body="NewPredictionMarket",
    parameters={
        **CURSOR,
        **EXCHANGE,
        "status": "open, closed, proposed, challenged or resolved",
        "category": ", ".join(CATEGORIES),
        "creator_id": "only this agent's",
        "search": "in the question and the description",
        "sort": "newest (default), closing, volume or trades",
        "closes_after": "a time",
        "closes_before": "a time",
    },
)
class Markets(PredictionView):
    """The markets of an exchange. POST opens one, for a fee; the exchange's organiser opens them free of charge."""

    def get(self, request: Request) -> Response:
        query = Query(request)
        fields, exchange = query.fields, self.exchange(query.text("exchange"))
        cursor, limit, sort = query.text("cursor") or "", query.limit(), fields.choice("sort", _SORTS, "newest")
        creator = query.text("creator_id")
        rows = queries.markets(
            exchange.stream,
            status=fields.choice("status", _STATUSES, ""),
            category=fields.choice("category", CATEGORIES, ""),
            creator=requests.number(creator, exchange.stream, "creator_id") if creator else 0,
            search=query.text("search") or "",
            sort=sort,
            after=fields.time("closes_after"),
            before=fields.time("closes_before"),
        )
        found, following = queries.markets_page(rows, sort, cursor, limit)
        return reply(listed([shapes.market(row) for row in found], query.page(found, limit, following)))

    def post(self, request: Request) -> Response:
        fields = body_of(request)
        exchange, creator = self.exchange(fields.text("exchange", "") or None), fields.text("creator_id", "")
        if not creator and self.organises(exchange):
            number = 0
        else:
            number = self.own(creator, exchange.stream, field="creator_id").number
        command = requests.market(number, fields)
        row = markets.create_market(exchange.stream, command, self.actor, command_id=self.command_id)
        return reply(shapes.market(row))


_SORTS = tuple(queries.SORTS)


@described("PredictionCategories")
class Categories(PredictionView):
    """What markets may be about."""

    def get(self, request: Request) -> Response:
        return reply({"categories": list(CATEGORIES)})


@described("PredictionMarketDetails")
class Market(PredictionView):
    """One market, with the steps of its resolution."""

    def get(self, request: Request, market_id: str) -> Response:
        row = self.market(market_id)
        steps = [shapes.verdict(one) for one in queries.verdicts(row.stream_id, row.number)]
        return reply({**shapes.market(row), "resolution": steps})


@described("PredictionBook", parameters={"depth": "price levels a side, 1 to 99"})
class OrderBook(PredictionView):
    """The book in YES prices: whoever buys NO at 0.40 stands among the asks at 0.60."""

    def get(self, request: Request, market_id: str) -> Response:
        row, query = self.market(market_id), Query(request)
        depth = query.number("depth", default=99, least=1, most=99)
        return reply(with_market(shapes.book(queries.book(row.stream_id, row.number, depth=depth)), row))


@described("PredictionPrices", parameters={"limit": "how many trades, 1 to 500"})
class Prices(PredictionView):
    """What YES traded at, oldest first."""

    def get(self, request: Request, market_id: str) -> Response:
        row, query = self.market(market_id), Query(request)
        limit = query.number("limit", default=500, least=1, most=500)
        found = queries.price_history(row.stream_id, row.number, limit=limit)
        prices = [{"at": shapes.moment(at), "yes_price": shapes.cents(price)} for at, price in found]
        return reply(with_market({"prices": prices}, row))


class _Step(PredictionView):
    """Something that is done to a market, and answers it."""

    def _done(self, market_id: str, act: Callable[[Row], Outcome]) -> Response:
        row = self.market(market_id)
        done = act(row)
        return reply(shapes.market(queries.market(row.stream_id, row.number)), replayed=done.replayed)


@described("PredictionMarket", body="PredictionResolution")
class Resolve(_Step):
    """How a market ended: YES, NO, VOID (what was paid comes back) or PROBABILITY. By a moderator or the organiser.

    Who created it, or holds shares, may not. It pays at once, or after the exchange's time to challenge. Before the
    deadline `early` must be true; the ledger keeps it. `oracle_id` and `moderator_id` mean the same.
    """

    def post(self, request: Request, market_id: str) -> Response:
        def act(row: Row) -> Outcome:
            fields = body_of(request)
            names = [fields.text(name, "") for name in ("moderator_id", "oracle_id")]
            outcome, value, evidence = requests.resolution(fields)
            early = fields.flag("early")
            fields.end()
            command = c.ResolveMarket(
                market=row.number,
                outcome=outcome,
                yes_value=value,
                evidence=evidence,
                early=early,
                agent=self._judge(row, names[0] or names[1]),
            )
            return markets.resolve_market(row.stream_id, command, self.actor, command_id=self.command_id)

        return self._done(market_id, act)

    def _judge(self, row: Row, name: str) -> int:
        """The moderator who is named, else the organiser, else the caller's own agent."""
        if not name and self.organises(queries.exchange_of(row.stream_id)):
            return 0
        return self.own(name, row.stream_id, field="moderator_id").number


@described("PredictionMarket", body="PredictionChallenge")
class Challenge(_Step):
    """Hold back the payout of a proposed resolution until somebody else decides. For those who hold shares."""

    def post(self, request: Request, market_id: str) -> Response:
        def act(row: Row) -> Outcome:
            fields = body_of(request)
            agent = self.own(fields.text("agent_id", ""), row.stream_id).number
            command = c.ChallengeResolution(market=row.number, agent=agent, reason=fields.prose("reason"))
            fields.end()
            return markets.challenge_resolution(row.stream_id, command, self.actor, command_id=self.command_id)

        return self._done(market_id, act)


@described("PredictionMarket", body="PredictionCorrection")
class Correct(_Step):
    """Pay by another outcome, by compensating entries, and say why. For the organiser."""

    def post(self, request: Request, market_id: str) -> Response:
        def act(row: Row) -> Outcome:
            self.require_organiser(row.stream_id)
            fields = body_of(request)
            outcome, value, evidence = requests.resolution(fields)
            reason = fields.prose("reason")
            fields.end()
            command = c.CorrectResolution(
                market=row.number, outcome=outcome, yes_value=value, evidence=evidence, reason=reason
            )
            return markets.correct_resolution(row.stream_id, command, self.actor, command_id=self.command_id)

        return self._done(market_id, act)


@described("PredictionMarket", body="PredictionHouse")
class House(_Step):
    """A house account that quotes on both sides by the logarithmic scoring rule, with the organiser's money.

    It loses at most liquidity times ln 2, whatever happens.
    """

    def post(self, request: Request, market_id: str) -> Response:
        def act(row: Row) -> Outcome:
            self.require_organiser(row.stream_id)
            fields = body_of(request)
            command = c.OpenHouse(market=row.number, liquidity=fields.units("liquidity", 0, minimum=1))
            fields.end()
            return markets.open_house(row.stream_id, command, self.actor, command_id=self.command_id)

        return self._done(market_id, act)


class _Sets(PredictionView):
    """Complete sets."""

    def _sets(self, request: Request, market_id: str, act: Callable[[Row, int, int], Outcome]) -> Response:
        row, fields = self.market(market_id), body_of(request)
        stream, agent = row.stream_id, self.own(fields.text("agent_id", ""), row.stream_id).number
        size = fields.units("size", 0, minimum=1)
        fields.end()
        done = act(row, agent, size)
        held = queries.position(stream, row.number, agent)
        return reply(shapes.position(stream, held, row, private=True), replayed=done.replayed)


@described("PredictionPosition", body="PredictionSets")
class Split(_Sets):
    """1.00 for a YES and a NO share, `size` times."""

    def post(self, request: Request, market_id: str) -> Response:
        def act(row: Row, agent: int, size: int) -> Outcome:
            command = c.SplitSets(agent=agent, market=row.number, size=size)
            return markets.split_sets(row.stream_id, command, self.actor, command_id=self.command_id)

        return self._sets(request, market_id, act)


@described("PredictionPosition", body="PredictionSets")
class Merge(_Sets):
    """A YES and a NO share for 1.00, `size` times."""

    def post(self, request: Request, market_id: str) -> Response:
        def act(row: Row, agent: int, size: int) -> Outcome:
            command = c.MergeSets(agent=agent, market=row.number, size=size)
            return markets.merge_sets(row.stream_id, command, self.actor, command_id=self.command_id)

        return self._sets(request, market_id, act)


@described("PredictionMarket", page=True, parameters={**CURSOR, **EXCHANGE})
class Overdue(PredictionView):
    """Markets past their deadline that nobody has resolved, the most overdue first: the moderators' desk."""

    def get(self, request: Request) -> Response:
        query = Query(request)
        exchange, after, limit = self.exchange(query.text("exchange")), query.text("cursor") or "", query.limit()
        rows = queries.overdue(exchange.stream, now_us())
        found, following = queries.markets_page(rows, "closing", after, limit)
        return reply(listed([shapes.market(row) for row in found], query.page(found, limit, following)))
