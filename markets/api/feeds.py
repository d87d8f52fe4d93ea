"""Prices and the feeds they come from."""

import io
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import facade as accounts
from common.api.paging import Query, listed
from common.api.schema import CURSOR, described
from common.clock import parse_time
from common.errors import DomainError, InvalidInput
from common.fields import Fields
from ledger.platform import record_act
from markets import shapes, valuation
from markets.api.access import MarketView, reply
from markets.handlers import prices
from markets.seats import Seat
from oracle import facade as oracle


@described("Tick", page=True, body="PushPrices", parameters={"after": "the tick after which to read"})
class Prices(MarketView):
    """The session's newest prices; with `after`, the ticks since. POST publishes one on its push feed."""

    scopes = {"POST": ""}  # noqa: RUF012  organise or feed: feed_seat looks

    def get(self, request: Request, session_id: str) -> Response:
        seat = self.seat(session_id)
        query = Query(request)
        after, limit = query.number("after", default=-1, least=0), query.limit()
        if after >= 0:
            found = valuation.ticks_after(seat.session, after, limit)
        else:
            newest = valuation.latest_tick(seat.session)
            found = [newest] if newest else []
        following = query.page(found, limit, found[-1].seq if found else 0, name="after") if after >= 0 else None
        return reply(listed([_tick(seat, tick) for tick in found], following))

    def post(self, request: Request, session_id: str) -> Response:
        seat = self.feed_seat(session_id)
        fields = Fields(request.data)
        given, source_at = fields.take("prices"), _source_time(fields)
        fields.end()

        def publish() -> dict[str, Any]:
            return _tick(seat, prices.push_prices(seat.session, given, source_at=source_at))

        asked = ["prices", str(seat.stream), given, source_at]
        body, replayed = accounts.once(request.user, self.command_id, asked, publish)
        return reply(body, status=201, replayed=replayed)


@described("Feed", page=True, body="NewFeed", parameters=CURSOR)
class Feeds(MarketView):
    """The feeds that the caller may see, by name. POST makes one, or gives a session its own source and starts it."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def get(self, request: Request) -> Response:
        query = Query(request)
        after, limit = query.text("cursor") or "", query.limit()
        feeds = [feed for feed in oracle.list_feeds() if feed.name > after]
        self.look_up_feeds(feed.name for feed in feeds)
        later = (feed for feed in feeds if self.sees_feed(feed.name))
        seen = list(islice(later, limit))
        following = query.page(seen, limit, seen[-1].name if seen else "")
        return reply(listed([self._shape(feed) for feed in seen], following))

    def post(self, request: Request) -> Response:
        body, replayed = accounts.once(
            request.user, self.command_id, ["feed", request.data], lambda: self._make(request.data)
        )
        if not replayed:
            record_act("feed made", self.actor, subject=UUID(body["feed_id"]).hex, facts={"mode": body["mode"]})
        return reply(body, status=201, replayed=replayed)

    def _make(self, body: object) -> dict[str, Any]:
        fields = Fields(body)
        session_id, mode = fields.text("session_id", ""), fields.choice("mode", ("sim", "replay", "push"))
        settings = _settings(fields)
        if session_id:
            seat = self.seat(session_id)
            seat.require_organiser()
            replay = _replay(fields, seat.session.price_decimals)
            fields.end()
            return self._shape(prices.start_source(seat.session, mode=mode, settings=settings, replay=replay))
        if not self.runs_feed(""):
            raise DomainError("not_organiser", "Only organisers make feeds, with a key that is bound to no session.")
        return self._shape(_create(fields, mode, settings))

    def _shape(self, feed: oracle.FeedInfo) -> dict[str, Any]:
        return shapes.feed(feed, with_settings=self.runs_feed(feed.name))


@described("Feed")
class Feed(MarketView):
    """One feed, by id or name."""

    def get(self, request: Request, feed_id: str) -> Response:
        return reply(self.shape(self.feed(feed_id)))

    def feed(self, feed_id: str) -> oracle.FeedInfo:
        """A feed that the caller may see."""
        try:
            found = oracle.get_feed(_feed_ref(feed_id))
        except DomainError:
            raise DomainError("not_found", f"There is no feed {feed_id!r}.") from None
        if not self.sees_feed(found.name):
            raise DomainError("not_found", f"There is no feed {feed_id!r}.")
        return found

    def own_feed(self, feed_id: str) -> oracle.FeedInfo:
        """A feed that the caller may start and stop."""
        found = self.feed(feed_id)
        if not self.runs_feed(found.name):
            raise DomainError("not_organiser", "Only an organiser runs a feed.")
        return found

    def once(self, asked: object, act: Callable[[], oracle.FeedInfo]) -> Response:
        """Do it once under the caller's Idempotency-Key, and answer the feed as it then was."""
        body, replayed = accounts.once(self.request.user, self.command_id, asked, lambda: self.shape(act()))
        if not replayed:
            record_act(f"feed {body['status']}", self.actor, subject=UUID(body["feed_id"]).hex)
        return reply(body, replayed=replayed)

    def shape(self, feed: oracle.FeedInfo) -> dict[str, Any]:
        """The feed; its settings for who runs it."""
        return shapes.feed(feed, with_settings=self.runs_feed(feed.name))


@described("Feed", body="Pace", status=200)
class StartFeed(Feed):
    """Let it run, at a pace if one is given. Running already: no change."""

    http_method_names = ["post", "options"]  # noqa: RUF012
    scopes = {"POST": "organise"}  # noqa: RUF012

    def post(self, request: Request, feed_id: str) -> Response:
        found = self.own_feed(feed_id)
        fields = Fields(request.data)
        pace = {name: fields.take(name) for name in ("tick_ms", "max_ticks", "loop")}
        fields.end()
        given = {name: value for name, value in pace.items() if value is not None}
        return self.once(["start", found.name, given], lambda: oracle.start_feed(found.id, pace=given))


@described("Feed", body="Empty", status=200)
class StopFeed(Feed):
    """Nothing more is published until it is started again."""

    http_method_names = ["post", "options"]  # noqa: RUF012
    scopes = {"POST": "organise"}  # noqa: RUF012

    def post(self, request: Request, feed_id: str) -> Response:
        found = self.own_feed(feed_id)
        Fields(request.data).end()
        return self.once(["stop", found.name], lambda: oracle.stop_feed(found.id))


def _tick(seat: Seat, tick: oracle.TickInfo) -> dict[str, Any]:
    decimals = valuation.feed_decimals(seat.session)
    return {"session_id": seat.session.session_id, **shapes.tick(tick, decimals, seat.session.legs)}


def _source_time(fields: Fields) -> int | None:
    """`ts`, as the original's writers call it, or `source_at`."""
    for name in ("source_at", "ts"):
        given = fields.take(name)
        if given is not None:
            return parse_time(given, name)
    return None


def _create(fields: Fields, mode: str, settings: dict[str, object]) -> oracle.FeedInfo:
    decimals = fields.units("price_decimals", 0, default=4)
    if decimals > 6:
        raise InvalidInput("price_decimals", "price_decimals goes from 0 to 6.")
    name, instruments = fields.text("name"), fields.take("instruments", [])
    if not isinstance(instruments, list):
        raise InvalidInput("instruments", "instruments must be a list of names.")
    if name.startswith("session:"):
        raise InvalidInput("name", "Names that begin with session: are the sessions' own.")
    replay = _replay(fields, decimals)
    fields.end()
    return oracle.create_feed(
        name=name, mode=mode, instruments=instruments, price_decimals=decimals, settings=settings, replay=replay
    )


def _replay(fields: Fields, price_decimals: int) -> oracle.Replay | None:
    """`csv`: the text of a CSV file. Every bad row is named."""
    text = fields.take("csv")
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidInput("csv", "csv must be the text of a CSV file.")
    return oracle.read_replay(io.BytesIO(text.encode()), price_decimals=price_decimals)


def _settings(fields: Fields) -> dict[str, object]:
    given = fields.take("settings", {})
    if not isinstance(given, Mapping):
        raise InvalidInput("settings", "settings must be an object.")
    return {str(name): value for name, value in given.items()}


def _feed_ref(feed_id: str) -> UUID | str:
    try:
        return UUID(feed_id)
    except ValueError:
        return feed_id
