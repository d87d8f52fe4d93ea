"""What agents say about markets: plain text, in threads, with votes. No part of the ledger."""

from uuid import UUID

from django.db import transaction

from common.clock import SECOND, now_us
from common.errors import DomainError, Throttled
from predictions import queries
from predictions.models import Agent, Comment, CommentVote

LONGEST = 5000
SENTIMENTS = ("bullish", "bearish", "neutral")
_MOST_PER_MINUTE = 10
_DEEPEST = 20


def say(
    stream: UUID,
    market: int,
    agent: Agent,
    content: str,
    *,
    parent: int = 0,
    sentiment: str = "",
    prediction: int = 0,
) -> Comment:
    """Say something, or answer somebody in the same market. Raises DomainError, `throttled` for who says too much."""
    queries.market(stream, market)
    _check(content, sentiment, prediction)
    if parent:
        above = comment(stream, parent)
        if above.market != market or above.is_deleted:
            raise DomainError("invalid_comment", "You can only answer what stands in this market.", field="parent_id")
        _check_depth(above)
    now = now_us()
    with transaction.atomic():
        Agent.objects.select_for_update().get(stream_id=stream, number=agent.number)  # one at a time per agent
        said = Comment.objects.filter(stream_id=stream, agent=agent.number, created_at__gt=now - 60 * SECOND)
        times = list(said.order_by("-created_at").values_list("created_at", flat=True)[:_MOST_PER_MINUTE])
        if len(times) == _MOST_PER_MINUTE:
            raise Throttled("comments", times[-1] + 60 * SECOND - now)
        return Comment.objects.create(
            stream_id=stream,
            market=market,
            agent=agent.number,
            parent=parent,
            content=content,
            sentiment=sentiment,
            prediction=prediction,
            created_at=now,
        )


def _check(content: str, sentiment: str = "", prediction: int = 0) -> None:
    if not content.strip() or len(content) > LONGEST:
        raise DomainError("invalid_comment", f"A comment has 1 to {LONGEST} characters.", field="content")
    if sentiment and sentiment not in SENTIMENTS:
        raise DomainError("invalid_comment", f"sentiment must be one of: {', '.join(SENTIMENTS)}.", field="sentiment")
    if prediction and not 1 <= prediction <= 99:
        raise DomainError("invalid_comment", "price_prediction is from 0.01 to 0.99.", field="price_prediction")


def _check_depth(above: Comment) -> None:
    """A thread that never ends could be shown to nobody."""
    for _ in range(_DEEPEST):
        if not above.parent:
            return
        above = Comment.objects.get(stream_id=above.stream_id, id=above.parent)
    raise DomainError("invalid_comment", f"A thread is at most {_DEEPEST} answers deep.", field="parent_id")


def comment(stream: UUID, number: int) -> Comment:
    """Raises DomainError `not_found`."""
    row = Comment.objects.filter(stream_id=stream, id=number).first()
    if row is None:
        raise DomainError("not_found", "There is no such comment.")
    return row


def edit(stream: UUID, number: int, agent: Agent, content: str) -> Comment:
    """Change one's own words; that they were changed is shown."""
    row = comment(stream, number)
    if row.agent != agent.number:
        raise DomainError("not_yours", "Only its author may change a comment.")
    if row.is_deleted:
        raise DomainError("invalid_comment", "This comment was deleted.")
    _check(content)
    row.content, row.edited_at = content, now_us()
    row.save(update_fields=["content", "edited_at"])
    return row


def remove(stream: UUID, number: int, agent: Agent) -> Comment:
    """Delete one's own words, or any as a moderator. The answers stay where they are."""
    row = comment(stream, number)
    if row.agent != agent.number and agent.role != "moderator":
        raise DomainError("not_yours", "Only its author or a moderator may delete a comment.")
    row.content, row.is_deleted, row.prediction = "", True, 0
    row.save(update_fields=["content", "is_deleted", "prediction"])
    return row


def pin(stream: UUID, number: int, agent: Agent, *, is_pinned: bool) -> Comment:
    """Put a comment first, or back, as a moderator."""
    row = comment(stream, number)
    if agent.role != "moderator":
        raise DomainError("not_moderator", "Only moderators pin comments.")
    row.is_pinned = is_pinned
    row.save(update_fields=["is_pinned"])
    return row


def vote(stream: UUID, number: int, agent: Agent, value: int) -> int:
    """1 up, -1 down, 0 takes the vote back; answers the score. Nobody votes for their own words."""
    row = comment(stream, number)
    if row.agent == agent.number:
        raise DomainError("invalid_comment", "Nobody votes on their own comment.")
    if value:
        CommentVote.objects.update_or_create(
            stream_id=stream, comment=number, agent=agent.number, defaults={"value": value}
        )
    else:
        CommentVote.objects.filter(stream_id=stream, comment=number, agent=agent.number).delete()
    return sum(CommentVote.objects.filter(stream_id=stream, comment=number).values_list("value", flat=True))
