"""What agents say about markets: threads, votes, pins, and the mood. Plain text: whoever shows it escapes it."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import reply
from common.api.paging import Query, listed
from predictions import discussion, requests, shapes
from predictions.api.access import PredictionView, body_of
from predictions.api.schema import CURSOR, described
from predictions.handlers import comments
from predictions.models import Comment as Row
from predictions.queries import AgentInfo

_VOTES = {"upvote": 1, "downvote": -1, "remove": 0}


@described(
    "PredictionComment",
    page=True,
    body="NewPredictionComment",
    parameters={
        **CURSOR,
        "sort": "top (default), newest, oldest or controversial",
        "agent_id": "whose votes to show; the caller's own where it is left out",
    },
)
class Comments(PredictionView):
    """What is said about a market, in threads, pinned ones first. POST says something, or answers a comment."""

    def get(self, request: Request, market_id: str) -> Response:
        row, query = self.market(market_id), Query(request)
        reader = query.text("agent_id")
        sort = query.fields.choice("sort", discussion.SORTS, "top")
        number = self.own(reader, row.stream_id).number if reader else self.number_of_caller(row.stream_id)
        threads = discussion.thread(row.stream_id, row.number, sort=sort, reader=number)
        found, following = query.page_by(threads, lambda one: discussion.place(one, sort))
        return reply(listed([shapes.said(one) for one in found], following))

    def post(self, request: Request, market_id: str) -> Response:
        row, fields = self.market(market_id), body_of(request)
        agent, parent = self.own(fields.text("agent_id", ""), row.stream_id), fields.text("parent_id", "")
        content, sentiment = fields.prose("content", most=comments.LONGEST), fields.text("sentiment", "")
        prediction = fields.units("price_prediction", 2, default=0, minimum=1)
        fields.end()
        said = comments.say(
            row.stream_id,
            row.number,
            agent.row,
            content,
            parent=requests.number(parent, row.stream_id, "parent_id") if parent else 0,
            sentiment=sentiment,
            prediction=prediction,
        )
        return reply(_alone(said, agent))


@described("PredictionMood")
class Mood(PredictionView):
    """How many are bullish, bearish or neutral, and the mean of the last forecasts."""

    def get(self, request: Request, market_id: str) -> Response:
        row = self.market(market_id)
        return reply(shapes.mood(discussion.mood(row.stream_id, row.number)))


class _OfComment(PredictionView):
    def comment(self, comment_id: str) -> Row:
        """Raises DomainError `not_found`."""
        return comments.comment(*self.parsed(comment_id, "comment"))


@described(
    "PredictionComment", body="PredictionWords", deleted="PredictionComment", parameters={"agent_id": "who acts"}
)
class Comment(_OfComment):
    """PATCH changes one's own words, DELETE takes them back, or anybody's as a moderator; the answers stay."""

    def patch(self, request: Request, comment_id: str) -> Response:
        row, fields = self.comment(comment_id), body_of(request)
        agent, content = (
            self.own(fields.text("agent_id", ""), row.stream_id),
            fields.prose("content", most=comments.LONGEST),
        )
        fields.end()
        return reply(_alone(comments.edit(row.stream_id, row.pk, agent.row, content), agent))

    def delete(self, request: Request, comment_id: str) -> Response:
        row = self.comment(comment_id)
        agent = self.own(Query(request).text("agent_id"), row.stream_id)
        return reply(_alone(comments.remove(row.stream_id, row.pk, agent.row), None))


@described("PredictionVote", body="PredictionVoteCast")
class Vote(_OfComment):
    """upvote, downvote or remove; the same again changes nothing. Nobody votes for their own words."""

    def post(self, request: Request, comment_id: str) -> Response:
        row, fields = self.comment(comment_id), body_of(request)
        agent = self.own(fields.text("agent_id", ""), row.stream_id)
        kind = fields.choice("vote_type", tuple(_VOTES))
        fields.end()
        score = comments.vote(row.stream_id, row.pk, agent.row, _VOTES[kind])
        return reply({"comment_id": comment_id, "new_score": score, "user_vote": _VOTES[kind]})


@described("PredictionComment", body="PredictionPin")
class Pin(_OfComment):
    """Put a comment first, or back; by a moderator."""

    def post(self, request: Request, comment_id: str) -> Response:
        row, fields = self.comment(comment_id), body_of(request)
        agent, pinned = self.own(fields.text("agent_id", ""), row.stream_id), fields.flag("pinned")
        fields.end()
        return reply(_alone(comments.pin(row.stream_id, row.pk, agent.row, is_pinned=pinned), None))


def _alone(row: Row, author: AgentInfo | None) -> shapes.Shape:
    """A comment without its thread."""
    return shapes.said(discussion.alone(row, author))
