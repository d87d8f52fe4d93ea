"""Exchanges: the main one, and those that organisers open."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import facade as accounts
from accounts.access import reply
from common.api.paging import Query, listed
from common.errors import DomainError
from predictions import queries, requests, shapes
from predictions.api.access import PredictionView
from predictions.api.schema import CURSOR, described
from predictions.handlers import exchanges


@described("PredictionExchange", page=True, body="NewPredictionExchange", parameters=CURSOR)
class Exchanges(PredictionView):
    """All exchanges, the oldest first. POST opens one, whose organiser the caller is."""

    scopes = {"POST": "organise"}  # noqa: RUF012

    def get(self, request: Request) -> Response:
        query = Query(request)
        self.exchange(None)
        own = self.key.stream if self.key else None
        seen = [one for one in queries.exchanges() if own in {None, one.stream}]
        found, following = query.page_by(seen, lambda one: (one.created_at, one.stream.int))
        return reply(listed([shapes.exchange(one) for one in found], following))

    def post(self, request: Request) -> Response:
        if not accounts.may_open_sessions(request.user) or (self.key and self.key.stream):
            raise DomainError("permission_denied", "Only organisers open exchanges.")
        name, terms = requests.exchange(request.data)
        done = exchanges.create_exchange(name, terms, self.actor, command_id=self.command_id)
        return reply(shapes.exchange(queries.exchange_of(done.stream)), replayed=done.replayed)


@described("PredictionExchange", parameters={"reason": "why, for the ledger (DELETE only)"})
class Exchange(PredictionView):
    """One exchange. DELETE hides it for ever, by its organiser, and forgets its agents' names and what they said."""

    scopes = {"DELETE": "organise"}  # noqa: RUF012

    def get(self, request: Request, name: str) -> Response:
        return reply(shapes.exchange(self.exchange(name)))

    def delete(self, request: Request, name: str) -> Response:
        reason = Query(request).text("reason") or ""
        self.require_organiser(self.exchange(name).stream)
        exchanges.delete_exchange(name, self.actor, reason=reason, command_id=self.command_id)
        return Response(status=204)
